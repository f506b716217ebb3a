"""Convolution as NumPy spells it: `numpy.convolve` and `numpy.correlate`, on arrays of every library.

Names, defaults, result shapes and dtypes are NumPy's; integers are exact and wrap as NumPy's do, floats are within the
rounding error of the sum (or of an FFT, for long inputs). What differs: modes are named in full, and what
`gpuconv.signal` lists on dtypes.
"""

from typing import Any, Literal, TypeAlias, overload

from numpy.typing import ArrayLike, NDArray

from gpuconv.arrays import Adopted, adopt, insert_axis
from gpuconv.dtypes import check_dtype
from gpuconv.errors import check_choice
from gpuconv.faces import backwards, conjugated
from gpuconv.options import Options
from gpuconv.problem import SIZES
from gpuconv.signal import rules
from gpuconv.typing import AnyArray, ArrayT

__all__ = ["convolve", "correlate"]

Mode: TypeAlias = Literal["full", "same", "valid"]


@overload
def convolve(a: NDArray[Any], v: AnyArray, mode: Mode = "full") -> NDArray[Any]: ...
@overload
def convolve(a: ArrayT, v: AnyArray, mode: Mode = "full") -> ArrayT: ...
@overload
def convolve(a: ArrayLike, v: AnyArray, mode: Mode = "full") -> NDArray[Any]: ...
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    r"""Convolve two sequences, as `numpy.convolve` does.

    .. math:: y[i] = \sum_r v[r] \, a[i - r]

    Parameters
    ----------
    a, v : array_like, 1D or a number
        The sequences, of n and k samples.
    mode : {"full", "same", "valid"}
        All n + k - 1 values, the max(n, k) in their middle, or those that need nothing outside.

    Returns
    -------
    array, 1D
        Of a's library, with the dtype that NumPy promotes the two to. Error bound as in `gpuconv.signal.convolve`.

    Raises
    ------
    ValueError
        For empty inputs, other ranks and unknown modes.

    Examples
    --------
    >>> import gpuconv.numpy
    >>> gpuconv.numpy.convolve([3, 2, 1, 0], [1, 0, -1])
    array([ 3,  2, -2, -2, -1,  0])
    """
    first, second = _sequence("a", a), _sequence("v", v)
    longer, shorter = _sorted(first, second)
    return _run(first, longer, shorter, mode, 0)


@overload
def correlate(a: NDArray[Any], v: AnyArray, mode: Mode = "valid") -> NDArray[Any]: ...
@overload
def correlate(a: ArrayT, v: AnyArray, mode: Mode = "valid") -> ArrayT: ...
@overload
def correlate(a: ArrayLike, v: AnyArray, mode: Mode = "valid") -> NDArray[Any]: ...
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    r"""Correlate two sequences, as `numpy.correlate` does.

    .. math:: y[i] = \sum_r \overline{v[r]} \, a[i + r]

    Parameters
    ----------
    a, v : array_like, 1D or a number
        As in `convolve`; a complex v is conjugated.
    mode : {"valid", "same", "full"}
        As in `convolve`.

    Returns
    -------
    array, 1D
        As `convolve` returns it.

    Raises
    ------
    ValueError
        As `convolve` raises it.

    Examples
    --------
    >>> import gpuconv.numpy
    >>> gpuconv.numpy.correlate([1, 2, 3], [0, 1, 0.5], "full")
    array([0.5, 2. , 3.5, 3. , 0. ])
    """
    first, second = _sequence("a", a), conjugated("v", _sequence("v", v))
    longer, shorter = _sorted(first, backwards(second))
    swapped = longer is not first
    even = shorter.view.shape[0] % 2 == 0
    return _run(first, longer, shorter, mode, 1 if even and swapped else 0)


def _sequence(name: str, x: Any) -> Adopted:
    adopted = adopt(name, x)
    check_dtype(name, adopted.view.dtype)
    if adopted.view.ndim == 0:
        return Adopted(insert_axis(adopted.view, 0), adopted.library, adopted.original, adopted.stream)
    if adopted.view.ndim > 1 or 0 in adopted.view.shape:
        raise ValueError(f"{name} must be 1D and not empty; got shape {tuple(adopted.view.shape)}")
    return adopted


def _sorted(first: Adopted, second: Adopted) -> tuple[Adopted, Adopted]:
    return (second, first) if second.view.shape[0] > first.view.shape[0] else (first, second)


def _run(owner: Adopted, longer: Adopted, shorter: Adopted, mode: str, origin: int) -> Any:
    check_choice("mode", mode, SIZES)
    options = Options(size=mode, origin=origin if mode == "same" else 0)
    return rules.run(owner, longer, shorter, rules.result_dtype(longer, shorter), options, flipped=True)
