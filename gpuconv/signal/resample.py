"""Resampling: upsample, filter and downsample in one pass."""

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from gpuconv.arrays import Adopted, Operands, adopt, every, insert_axis
from gpuconv.dtypes import check_dtype
from gpuconv.engine import Call, execute
from gpuconv.nn.phases import Phase, resampling_phases
from gpuconv.problem import Boundary, DType, Problem

BOUNDARIES: dict[str, Boundary] = {
    "constant": "constant",
    "symmetric": "symmetric",
    "reflect": "mirror",
    "edge": "edge",
    "wrap": "wrap",
}
EXTENSIONS = ("smooth", "antisymmetric", "antireflect", "line")


def upfirdn(
    h: Any, x: Any, up: int = 1, down: int = 1, axis: int = -1, mode: str = "constant", cval: complex = 0
) -> Any:
    r"""Insert zeros, filter, and keep every down-th sample, as `scipy.signal.upfirdn` does.

    .. math:: y[i] = \sum_{j} h[i \, down - j \, up] \, x[j]

    Only what is kept is computed, and nothing is multiplied by the zeros.

    Parameters
    ----------
    h : array_like, 1D
        Weights; on the host.
    x : array_like
        Signals along `axis`.
    up, down : int
        Factors of up- and downsampling, 1 or more.
    axis : int
        Axis of the signals.
    mode : {"constant", "symmetric", "reflect", "edge", "wrap", "smooth", "antisymmetric", "antireflect", "line"}
        What lies outside: `cval`; samples of the signal, as `numpy.pad` names it; or the signal continued with the
        slope at its ends, mirrored with the other sign, mirrored at its ends, or along the line through both ends.
    cval : number
        For mode="constant".

    Returns
    -------
    array
        Of x's library, with ((n - 1) up + len(h) - 1) // down + 1 samples along `axis`, of the dtype that h, x and
        float32 promote to; error bound as in `gpuconv.convolve` for ceil(len(h) / up) taps.

    Raises
    ------
    ValueError
        For empty or other than 1D weights, factors below 1, and unknown modes.

    See Also
    --------
    scipy.signal.upfirdn : The differences from it are listed in `gpuconv.signal`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import signal
    >>> signal.upfirdn([1, 1, 1], np.array([1.0, 2, 3]), up=3)
    array([1., 1., 1., 2., 2., 2., 3., 3., 3.])
    """
    signals, weights = adopt("x", x), np.asarray(h)
    check_dtype("x", signals.view.dtype)
    check_dtype("h", weights.dtype)
    if weights.ndim != 1 or weights.size == 0:
        raise ValueError(f"h must be 1D with at least one tap; got shape {weights.shape}")
    if int(up) < 1 or int(down) < 1:
        raise ValueError(f"up and down must be at least 1; got {up} and {down}")
    if mode not in (*BOUNDARIES, *EXTENSIONS):
        raise ValueError(f"mode must be one of {', '.join((*BOUNDARIES, *EXTENSIONS))}; got {mode!r}")
    axis = normalize_axis_index(axis, signals.view.ndim)
    dtype = np.result_type(weights.dtype, signals.view.dtype, np.float32)
    return _resample(signals, weights.astype(dtype), int(up), int(down), axis, mode, cval)


def _resample(x: Adopted, taps: np.ndarray, up: int, down: int, axis: int, mode: str, cval: complex) -> Any:
    """One call for each phase, into its place in the result."""
    samples, ndim = x.view.shape[axis], x.view.ndim
    outputs = ((samples - 1) * up + len(taps) - 1) // down + 1
    result = x.empty((*x.view.shape[:axis], outputs, *x.view.shape[axis + 1 :]), taps.dtype)
    order = (*(other for other in range(ndim) if other != axis), axis)
    shift = -(-len(taps) // up) if mode in EXTENSIONS else 0
    image = x.view.transpose(order)
    if shift:
        image = _extended(image, shift, mode)
    image, out = insert_axis(image, ndim - 1), result.view.transpose(order)
    step = up // np.gcd(up, down)
    for phase in resampling_phases(image.shape[-1], outputs, len(taps), up, down, shift):
        weights = taps[list(phase.taps)] if phase.taps else np.zeros(1, taps.dtype)
        problem = _problem(image, len(weights), phase, down // np.gcd(up, down), taps.dtype, mode, cval)
        operands = Operands(image, weights[None, None])
        into = Adopted(every(out, ndim - 1, phase.start, step, phase.count), result.library, result.original)
        execute(Call(problem, x, operands, (*range(ndim - 1), ndim), into, "strict"))
    return x.deliver(result, [None if other == axis else slice(None) for other in range(ndim)])


def _problem(image: Any, taps: int, phase: Phase, stride: int, dtype: DType, mode: str, cval: complex) -> Problem:
    boundary = BOUNDARIES.get(mode, "constant") if phase.taps else "constant"
    return Problem(
        *(image.shape[:-2], 1, 1, 1, image.shape[-1:], (taps,)),
        *((phase.before,), (phase.after,), (int(stride),), (1,)),
        boundary=boundary,
        fill=cval if boundary == "constant" and phase.taps else 0,
        image_dtype=image.dtype,
        weights_dtype=dtype,
        compute_dtype=dtype,
        out_dtype=dtype,
    )


def _extended(signals: Any, pad: int, mode: str) -> np.ndarray:
    """The signals with `pad` samples more at both ends, for modes that are no boundaries."""
    if not isinstance(signals, np.ndarray):
        raise ValueError(f"mode must be one of {', '.join(BOUNDARIES)} for signals on a device; got {mode!r}")
    widths = [(0, 0)] * (signals.ndim - 1) + [(pad, pad)]
    wide: np.ndarray = signals.astype(np.result_type(signals.dtype, np.float32))
    n = wide.shape[-1]
    if mode == "antisymmetric":
        signs = 1 - 2 * (np.floor_divide(np.arange(-pad, n + pad), n) % 2)
        mirrored: np.ndarray = np.pad(wide, widths, mode="symmetric") * signs.astype(wide.real.dtype)
        return mirrored
    if mode == "antireflect" and n > 1:
        return np.pad(wide, widths, mode="reflect", reflect_type="odd")
    distance = np.arange(1, pad + 1)
    first, last = wide[..., :1], wide[..., -1:]
    slopes = wide[..., 1:2] - first, last - wide[..., -2:-1]
    if mode == "line" or n == 1:
        slopes = ((last - first) / max(1, n - 1),) * 2
    before, after = first - slopes[0] * distance[::-1], last + slopes[1] * distance
    extended: np.ndarray = np.concatenate([before, wide, after], axis=-1).astype(wide.dtype, copy=False)
    return extended
