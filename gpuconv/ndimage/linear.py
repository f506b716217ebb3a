"""Filters with weights of the caller's."""

# ruff: noqa: A002 - scipy.ndimage's parameter names

from typing import Any

from gpuconv.ndimage.rules import filter_axes, filter_line


def convolve(
    input: Any,
    weights: Any,
    output: Any = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    r"""Convolve an image of any rank, as `scipy.ndimage.convolve` does.

    .. math:: y[i] = \sum_r w[r] \, x[i + o + \lfloor n / 2 \rfloor - r]

    for n taps and origin o along each axis.

    Parameters
    ----------
    input : array_like
        Image; boolean, integer, float32/64 or complex64/128.
    weights : array_like
        One axis per filtered axis. Taps with ``|w| <= 2.2e-16`` (in each part, if complex) and nan taps are left out.
    output : array, dtype or str, optional
        Where the result goes, or its dtype; input's by default, or complex. It may overlap input.
    mode : {"reflect", "constant", "nearest", "mirror", "wrap", "grid-mirror", "grid-constant", "grid-wrap"}
        Outside a b c d stand: reflect: b a, d c; constant: `cval`; nearest: a a, d d; mirror: c b, c b; wrap: c d, a b.
        The grid modes are synonyms here.
    cval : number
        Value outside the image, for mode="constant".
    origin : int or sequence of int
        Shift of the filter; 0 puts the tap n // 2 over the sample.
    axes : int or sequence of int, optional
        Axes to filter along; all by default.

    Returns
    -------
    array
        `output`, or an array of input's library and shape. Floats: within gamma(n + 3) (``|w|*|x|``) of the exact sum,
        gamma(m) = m u / (1 - m u), for n taps and u = 1.1e-16, plus the rounding to the output dtype; integers are cut
        off towards zero and wrap.

    Raises
    ------
    RuntimeError
        For dtypes, modes, shapes and numbers of origins that SciPy refuses.
    ValueError
        For origins and axes out of range, and a read-only output.
    TypeError
        If an origin or axis is no integer, or cval no number; see also the module.

    See Also
    --------
    scipy.ndimage.convolve : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.convolve(np.array([0, 0, 1, 0]), [1, 2, 3], mode="constant")
    array([0, 1, 2, 3])
    """
    return filter_axes(input, weights, output, mode, cval, origin, axes, flipped=True)


def correlate(
    input: Any,
    weights: Any,
    output: Any = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: Any = 0,
    *,
    axes: Any = None,
) -> Any:
    r"""Correlate an image of any rank, as `scipy.ndimage.correlate` does.

    .. math:: y[i] = \sum_r \overline{w[r]} \, x[i - o - \lfloor n / 2 \rfloor + r]

    for n taps and origin o along each axis.

    Parameters
    ----------
    input, weights, output, mode, cval, origin, axes
        As in `convolve`. Complex weights are conjugated.

    Returns
    -------
    array
        As `convolve` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `convolve` raises them.

    See Also
    --------
    scipy.ndimage.correlate : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.correlate(np.array([0, 0, 1, 0]), [1, 2, 3], mode="constant")
    array([0, 3, 2, 1])
    """
    return filter_axes(input, weights, output, mode, cval, origin, axes, flipped=False)


def convolve1d(
    input: Any,
    weights: Any,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> Any:
    """Convolve an image along one axis, as `scipy.ndimage.convolve1d` does.

    Parameters
    ----------
    input, output, mode, cval : optional
        As in `convolve`.
    weights : array_like, 1D
        All taps count, nan too. Those within 2.2e-16 of symmetry or antisymmetry are taken as such.
    axis : int
        Axis to filter along.
    origin : int
        As in `convolve`.

    Returns
    -------
    array
        As `convolve` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `convolve` raises them.

    See Also
    --------
    scipy.ndimage.convolve1d : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> from gpuconv import ndimage
    >>> ndimage.convolve1d([2, 8, 0, 4, 1, 9, 9, 0], weights=[1, 3])
    array([14, 24,  4, 13, 12, 36, 27,  0])
    """
    return filter_line(input, weights, axis, output, mode, cval, origin, flipped=True)


def correlate1d(
    input: Any,
    weights: Any,
    axis: int = -1,
    output: Any = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> Any:
    """Correlate an image along one axis, as `scipy.ndimage.correlate1d` does.

    Parameters
    ----------
    input, weights, axis, output, mode, cval, origin
        As in `convolve1d`. Complex weights are conjugated.

    Returns
    -------
    array
        As `convolve` returns it.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `convolve` raises them.

    See Also
    --------
    scipy.ndimage.correlate1d : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> from gpuconv import ndimage
    >>> ndimage.correlate1d([2, 8, 0, 4, 1, 9, 9, 0], weights=[1, 3])
    array([ 8, 26,  8, 12,  7, 28, 36,  9])
    """
    return filter_line(input, weights, axis, output, mode, cval, origin, flipped=False)
