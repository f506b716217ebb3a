"""Convolution and correlation, in one dimension, two, or any number."""

from typing import Any

from gpuconv.arrays import adopt
from gpuconv.faces import backwards, conjugated
from gpuconv.signal import rules


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    r"""Convolve two arrays of one rank, as `scipy.signal.convolve` does.

    .. math:: y[i] = \sum_r h[r] \, x[i - r]

    Parameters
    ----------
    in1, in2 : array_like
        Arrays with the same number of axes, any number; boolean, integer, float16/32/64 or complex64/128.
    mode : {"full", "valid", "same"}
        Everything; what needs no zeros around (one input must then be at least as large as the other along every axis);
        or the centre of "full", as large as in1.
    method : {"auto", "direct", "fft"}
        The direct sum, or what is modelled fastest ("auto", and "fft" where the result is a float: an FFT for long
        inputs without nan and infinities).

    Returns
    -------
    array
        Of in1's library, with the dtype that NumPy promotes the two to. Integers are exact up to wrapping, booleans
        logical; floats within gamma(n + 3) (``|h| * |x|``), gamma(m) = m u / (1 - m u), for n samples in the smaller
        input (in2 under "same") and unit roundoff u (of float32 for float16, which is rounded once at the end). By
        an FFT: within 1e-5 (float32) or 1e-13 (float64) of the 2-norms of both, block by block.

    Raises
    ------
    ValueError
        For ranks, names and sizes that do not fit, and for dtypes that SciPy refuses.
    TypeError
        For arrays that cannot be computed; see the module.
    OverflowError
        If an int64 or uint64 result on the host does not fit.

    See Also
    --------
    scipy.signal.convolve : The differences from it are listed in `gpuconv.signal`.

    Examples
    --------
    >>> from gpuconv import signal
    >>> signal.convolve([3, 2, 1, 0], [1, 0, -1])
    array([ 3,  2, -2, -2, -1,  0])
    """
    return rules.convolve(adopt("in1", in1), adopt("in2", in2), mode, method)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    r"""Correlate two arrays of one rank, as `scipy.signal.correlate` does.

    .. math:: y[i] = \sum_r \overline{h[r]} \, x[i + r]

    Parameters
    ----------
    in1, in2 : array_like
        As in `convolve`; a complex in2 is conjugated.
    mode, method : str
        As in `convolve`.

    Returns
    -------
    array
        As `convolve` returns it.

    Raises
    ------
    ValueError, TypeError, OverflowError
        As `convolve` raises them.

    See Also
    --------
    scipy.signal.correlate : The differences from it are listed in `gpuconv.signal`.

    Examples
    --------
    >>> from gpuconv import signal
    >>> signal.correlate([3, 2, 1, 0], [1, 0, -1])
    array([-3, -2,  2,  2,  1,  0])
    """
    first, second = adopt("in1", in1), conjugated("in2", adopt("in2", in2))
    return rules.convolve(first, backwards(second), mode, method)


def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: complex = 0) -> Any:
    r"""Convolve two 2D arrays, as `scipy.signal.convolve2d` does.

    .. math:: y[i, j] = \sum_r \sum_s h[r, s] \, x[i - r, j - s]

    Parameters
    ----------
    in1, in2 : array_like, 2D
        Integer, float32/64 or complex64/128.
    mode : {"full", "valid", "same"}
        As in `convolve`.
    boundary : {"fill", "wrap", "symm"}
        What lies outside in1: `fillvalue`, in1 repeated ("circular" too), or in1 mirrored ("symmetric" too). It may be
        repeated any number of times.
    fillvalue : number
        For boundary="fill"; an array with one element will do.

    Returns
    -------
    array, 2D
        As `convolve` returns it.

    Raises
    ------
    ValueError, TypeError, OverflowError
        As `convolve` raises them; booleans and float16 raise ValueError, as in SciPy.

    See Also
    --------
    scipy.signal.convolve2d : The differences from it are listed in `gpuconv.signal`.

    Examples
    --------
    >>> from gpuconv import signal
    >>> signal.convolve2d([[1, 2], [3, 4]], [[1, 1]], boundary="symm")
    array([[2, 3, 4],
           [6, 7, 8]])
    """
    return rules.filter_2d("convolve2d", adopt("in1", in1), adopt("in2", in2), mode, boundary, fillvalue, flipped=True)


def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: complex = 0) -> Any:
    r"""Correlate two 2D arrays, as `scipy.signal.correlate2d` does.

    .. math:: y[i, j] = \sum_r \sum_s \overline{h[r, s]} \, x[i + r, j + s]

    Parameters
    ----------
    in1, in2 : array_like, 2D
        As in `convolve2d`. A complex in2 is conjugated; under mode="valid" with a smaller in1 it is in1 that is, as in
        SciPy.
    mode, boundary, fillvalue : optional
        As in `convolve2d`. With an even number of taps the centre of "same" is one sample before that of `correlate`.

    Returns
    -------
    array, 2D
        As `convolve` returns it.

    Raises
    ------
    ValueError, TypeError, OverflowError
        As `convolve2d` raises them.

    See Also
    --------
    scipy.signal.correlate2d : The differences from it are listed in `gpuconv.signal`.

    Examples
    --------
    >>> from gpuconv import signal
    >>> signal.correlate2d([[1, 2], [3, 4]], [[1, 1]], mode="same")
    array([[3, 2],
           [7, 4]])
    """
    return rules.filter_2d(
        "correlate2d", adopt("in1", in1), adopt("in2", in2), mode, boundary, fillvalue, flipped=False
    )
