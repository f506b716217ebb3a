"""convolve, correlate and sepconvolve on any array, and the size of what they return."""

from collections.abc import Sequence
from typing import Any

from numpy import ndarray

from gpuconv import calls, missing
from gpuconv.errors import check_choice
from gpuconv.options import Options, PerAxis, pads, per_axis
from gpuconv.problem import SIZES
from gpuconv.statements import convolution, correlation, separable_call


def convolve(
    x: Any,
    weights: Any,
    *,
    size: str = "same",
    boundary: str = "zero",
    fill: complex = 0,
    axes: PerAxis | None = None,
    channel_axis: int | None = None,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    precision: str = "standard",
    method: str = "auto",
    compute_dtype: Any = None,
    out_dtype: Any = None,
    overflow: str = "saturate",
    rounding: str = "half_even",
    nan: str = "propagate",
    mask: Any = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: Any = None,
    backend: str | None = None,
) -> Any:
    r"""Convolve an array with weights: flip, slide, multiply, sum.

    .. math:: y[i] = \sum_r w[r] \, x[i + c - d r]

    with the dilation d and c as `size` centres it; with as many indices as the weights have axes. `boundary` says what
    lies outside x.

    Parameters
    ----------
    x : array_like, shape (..., H, W) for 2D weights
        Image, signal or stack: arrays of NumPy, CuPy, torch, JAX, Numba, xarray and pandas, and all others with DLPack
        or the CUDA array interface.
        Boolean (counted as uint8), integer, float16/32/64, bfloat16 or complex64/128.
    weights : array_like
        Taps, one axis per spatial axis; cast to the compute dtype.
    size : {"same", "full", "valid"}
        "full": every output that a tap reaches, n + d (k - 1); "valid": only those that need no boundary,
        n - d (k - 1); "same": n, the centre of "full" as in `scipy.signal.convolve`.
    boundary : {"zero", "constant", "edge", "symmetric", "mirror", "wrap"}
        Outside a b c d stand: zeros; `fill`; edge: a a, d d; symmetric: b a, d c; mirror: c b, c b; wrap: c d, a b.
        The filter may reach any distance outside.
    fill : number
        Value outside the image, only with boundary="constant". May be nan.
    axes : int or sequence of int, optional
        Spatial axes of x, one per axis of the weights. Default: the last ones. All others are batch axes.
    channel_axis : int, optional
        Axis of x that holds channels, each filtered alone; the spatial axes are then the last of the others.
        Excludes `axes`.
    origin : int or sequence of int
        Shift of the filter, as in scipy.ndimage; only with size="same".
    stride : int or sequence of int
        Every stride-th output is kept.
    dilation : int or sequence of int
        Distance between taps, in samples.
    precision : {"standard", "strict", "fast"}
        Algorithms allowed: within the elementwise bound of the direct sum (strict), a normwise error of 1e-5 in float32
        and 1e-13 in float64 (standard), reduced-precision hardware (fast).
    method : {"auto", "direct", "separable", "low_rank", "fft"}
        Algorithm: the sum over all taps, one pass over each axis, such passes for each of a few outer products that add
        up to the weights, or products of spectra (overlap-save). "auto" takes the one that is modelled fastest among
        those that `precision` allows; see `gpuconv.explain`. Named, a method is taken or refused, but for "low_rank"
        and "fft" where image or weights hold nan or infinity: there sums are taken directly.
    compute_dtype : dtype, optional
        Dtype of products and sums. Default: integers with integers exactly in int64 (uint64 if both are unsigned);
        float32 for float16, bfloat16, float32 and integers up to 16 bits with float weights; float64 for wider; complex
        likewise.
    out_dtype : dtype, optional
        Dtype of the result. Default: x's if it is a float; else the compute dtype.
    overflow : {"saturate", "wrap", "raise"}
        What becomes of a result that an integer `out_dtype` cannot hold.
    rounding : {"half_even", "trunc", "floor", "half_up"}
        How a float result becomes an integer.
    nan : {"propagate", "omit", "raise"}
        A sample that is NaN spreads to all outputs whose window touches it, is missing, or is an error.
    mask : array_like of bool, optional
        True where a sample of x is missing; of x's shape, or one that broadcasts to it. Missing samples contribute
        nothing. A masked array of numpy.ma as x brings its own, and the result is one: masked where nothing valid
        contributed.
    normalize : bool
        Divide the weights by their sum, and each output by the part of that sum that valid samples have: the weights of
        missing samples are redistributed. What lies outside x is valid, but for boundary="constant" with fill=nan under
        nan="omit". NaN where no valid sample lies under a tap other than zero. See the page on semantics.
    preserve_nan : bool
        Put NaN where x is missing; only in results of x's shape.
    out : array, optional
        Where the result goes: x's library and device, the result's shape and dtype. It may overlap x.
    backend : {"auto", "cupy", "numba_cuda", "cpu", "numpy"}, optional
        Where it is computed; see `gpuconv.backend`.

    Returns
    -------
    array
        Of x's library, on x's device: x's shape with each spatial extent n replaced by `output_size(n, k, ...)`. Labels
        of axes stay with the samples that the filter is centred on; under size="full" filtered axes have none.
        Integers are exact; floats within gamma(n + 3) (``|w| * |x|``), gamma(m) = m u / (1 - m u), of the exact result,
        for n taps and unit roundoff u of the compute dtype, plus the rounding to the output dtype. Under method="fft"
        and "low_rank", and where "auto" takes them: within 1e-5 (float32) or 1e-13 (float64) of the 2-norms of w and x,
        tile by tile, or the bound of the direct sum if that is larger.
        Under normalize=True, sums within n and d of N and D give y = N / D within (n + abs(y) d) / (abs(D) - d).

    Raises
    ------
    ValueError
        For shapes, names and options that contradict each other.
    TypeError
        For dtypes that cannot be computed or written.
    OverflowError
        If an exact integer sum might not fit 64 bits (unless overflow="wrap" asks for its low bits), or a result does
        not fit under overflow="raise".
    BackendUnavailableError, UnsupportedProblemError
        If the backend asked for cannot run here, or not this.

    References
    ----------
    N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, SIAM 2002, chapter 3 (the error bound).
    H. Knutsson, C.-F. Westin, Normalized and differential convolution, CVPR 1993 (the weights of missing samples).

    Examples
    --------
    >>> import gpuconv
    >>> gpuconv.convolve([3, 2, 1, 0], [1, 0, -1], size="full")
    array([ 3,  2, -2, -2, -1,  0])
    >>> gpuconv.convolve([1.0, float("nan"), 3.0], [1, 1, 1], nan="omit", normalize=True)
    array([0.5, 2. , 1.5])
    """
    if type(x) is ndarray and mask is None and nan == "propagate" and not normalize:
        return calls.compute(convolution, locals())
    return missing.compute(convolution, locals())


def correlate(
    x: Any,
    weights: Any,
    *,
    size: str = "same",
    boundary: str = "zero",
    fill: complex = 0,
    axes: PerAxis | None = None,
    channel_axis: int | None = None,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    precision: str = "standard",
    method: str = "auto",
    compute_dtype: Any = None,
    out_dtype: Any = None,
    overflow: str = "saturate",
    rounding: str = "half_even",
    nan: str = "propagate",
    mask: Any = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: Any = None,
    backend: str | None = None,
) -> Any:
    r"""Correlate an array with weights: slide, multiply, sum, without the flip of `convolve`.

    .. math:: y[i] = \sum_r \overline{w[r]} \, x[i - c + d r]

    Parameters
    ----------
    x, weights : array_like
        As in `convolve`. Complex weights are conjugated, as everywhere in SciPy.
    size, boundary, fill, axes, channel_axis, origin, stride, dilation, precision, method : optional
        As in `convolve`.
    compute_dtype, out_dtype, overflow, rounding, nan, mask, normalize, preserve_nan, out, backend : optional
        As in `convolve`.

    Returns
    -------
    array
        As `convolve` returns it, with the same error bound.

    Raises
    ------
    ValueError, TypeError, OverflowError
        As `convolve` raises them.

    Examples
    --------
    >>> import gpuconv
    >>> gpuconv.correlate([3, 2, 1, 0], [1, 0, -1], size="full")
    array([-3, -2,  2,  2,  1,  0])
    """
    if type(x) is ndarray and mask is None and nan == "propagate" and not normalize:
        return calls.compute(correlation, locals())
    return missing.compute(correlation, locals())


def sepconvolve(
    x: Any,
    weights: Sequence[Any],
    *,
    size: str = "same",
    boundary: str = "zero",
    fill: complex = 0,
    axes: PerAxis | None = None,
    channel_axis: int | None = None,
    origin: PerAxis = 0,
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
    precision: str = "standard",
    method: str = "auto",
    compute_dtype: Any = None,
    out_dtype: Any = None,
    overflow: str = "saturate",
    rounding: str = "half_even",
    nan: str = "propagate",
    mask: Any = None,
    normalize: bool = False,
    preserve_nan: bool = False,
    out: Any = None,
    backend: str | None = None,
) -> Any:
    r"""Convolve with the outer product of 1D weights, one pass an axis.

    .. math:: y[i, j] = \sum_r \sum_s a[r] \, b[s] \, x[i + c_0 - d_0 r, j + c_1 - d_1 s]

    Parameters
    ----------
    x : array_like
        As in `convolve`.
    weights : sequence of 1D array_like
        One per spatial axis, first axis first, on the host; any number of axes.
    size, boundary, fill, axes, channel_axis, origin, stride, dilation, precision, method : optional
        As in `convolve`.
    compute_dtype, out_dtype, overflow, rounding, nan, mask, normalize, preserve_nan, out, backend : optional
        As in `convolve`. The result is converted to its dtype once, after the last pass.

    Returns
    -------
    array
        As `convolve` returns it for the outer product of the weights: exact for integers, and for floats within the
        same bound with the sum of the lengths in place of their product, or that of transforms where they are taken.

    Raises
    ------
    ValueError, TypeError, OverflowError
        As `convolve` raises them.

    Examples
    --------
    >>> import numpy as np, gpuconv
    >>> gpuconv.sepconvolve(np.eye(3, dtype=int), [[1, 2, 1], [1, 0, -1]])
    array([[ 1, -2, -1],
           [ 2,  0, -2],
           [ 1,  2, -1]])
    """
    if type(x) is ndarray and mask is None and nan == "propagate" and not normalize:
        return calls.compute(separable_call, locals())
    return missing.compute(separable_call, locals())


def output_size(
    extent: int | Sequence[int],
    weights: int | Sequence[int],
    *,
    size: str = "same",
    stride: PerAxis = 1,
    dilation: PerAxis = 1,
) -> Any:
    """Return the extent of a convolution's output.

    floor((n + pad_before + pad_after - dilation (k - 1) - 1) / stride) + 1

    Parameters
    ----------
    extent : int or sequence of int
        Samples of x along one axis, or along each spatial axis.
    weights : int or sequence of int
        Taps along the same axes.
    size : {"same", "full", "valid"}
        As in `convolve`.
    stride, dilation : int or sequence of int
        As in `convolve`.

    Returns
    -------
    int or tuple of int
        An int if both `extent` and `weights` are.

    Raises
    ------
    ValueError
        If a number is below 1, or the weights are larger than x under size="valid".

    Examples
    --------
    >>> import gpuconv
    >>> gpuconv.output_size(4, 3, size="full"), gpuconv.output_size((480, 640), (5, 5), stride=2)
    (6, (240, 320))
    """
    check_choice("size", size, SIZES)
    single = isinstance(extent, int) and isinstance(weights, int)
    rank = 1 if single else len(weights if isinstance(extent, int) else extent)  # type: ignore[arg-type]
    taps = per_axis("weights", weights, rank, 1)
    samples, strides = per_axis("extent", extent, rank, 1), per_axis("stride", stride, rank, 1)
    dilations = per_axis("dilation", dilation, rank, 1)
    before, after = pads(samples, taps, dilations, Options(size=size), flipped=True)
    padded = (n + b + a for n, b, a in zip(samples, before, after, strict=True))
    sizes = tuple((p - d * (k - 1) - 1) // s + 1 for p, d, k, s in zip(padded, dilations, taps, strides, strict=True))
    return sizes[0] if single else sizes
