"""Who else computes a cell on a GPU, where it is installed; everyone gets device arrays and writes device arrays."""

import importlib
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from .cells import Cell, Runs

SLOW = 2e11  # products that peers of one product at a time are not asked for


def peers(cell: Cell, x: Any, w: Any) -> tuple[Runs, dict[str, str]]:
    """Return the peers of a cell by name, and why others are missing."""
    runs: Runs = {}
    missing = {}
    for name, (module, ready, add) in PEERS.items():
        step = "be imported"
        try:
            library = importlib.import_module(module)
            reason = ready(library)
            step = f"compute {cell}"
            runs |= {} if reason else add(cell, x, w, library)
        except Exception as error:  # whatever stands in the way of a peer belongs in the report
            reason = f"cannot {step} ({type(error).__name__}: {str(error)[:200]})"
        if reason:
            missing[name] = reason
    return runs, missing


def ndimage_runs(cell: Cell, x: Any, w: Any, ndimage: ModuleType) -> Runs:
    """scipy.ndimage's functions: direct sums."""
    if cell.dtype == "uint8" or cell.products > SLOW:  # it truncates uint8
        return {}
    along = partial(ndimage.correlate1d, weights=w, mode="constant")
    if cell.work == "pixels":
        return {"ndimage.correlate": partial(ndimage.correlate, x, w[..., None], mode="constant")}
    if cell.work in ("filter", "low_rank"):
        if w.dtype.kind == "c":
            w = w.conj()  # which it conjugates
        return {"ndimage.correlate": partial(ndimage.correlate, x, w, mode="constant")}
    if cell.work == "separable":
        return {"ndimage.correlate1d": lambda: along(along(x, axis=0), axis=1)}
    if cell.work in ("rows", "columns", "signal"):
        return {"ndimage.correlate1d": lambda: along(x, axis=0 if cell.work == "columns" else -1)}
    if cell.work == "gradient":
        return {"ndimage.sobel": lambda: (ndimage.sobel(x, 0) ** 2 + ndimage.sobel(x, 1) ** 2) ** 0.5}
    return {}


def signal_runs(cell: Cell, x: Any, w: Any, signal: ModuleType) -> Runs:
    """scipy.signal's functions: through transforms."""
    if cell.dtype in ("uint8", "float16") or cell.work not in ("filter", "low_rank", "rows", "signal"):
        return {}
    flipped = w[(slice(None, None, -1),) * w.ndim]
    if cell.work == "rows":
        return {"signal.fftconvolve": partial(signal.fftconvolve, x, flipped[None], "same", axes=1)}
    return {
        "signal.fftconvolve": partial(signal.fftconvolve, x, flipped, "same"),
        "signal.oaconvolve": partial(signal.oaconvolve, x, flipped, "same"),
    }


def cucim_runs(cell: Cell, x: Any, w: Any, filters: ModuleType) -> Runs:
    """The Gaussian of cuCIM, whose shared-memory kernels compute separable filters."""
    if cell.work != "separable" or cell.dtype == "uint8":
        return {}
    sigma = cell.taps / 6
    truncate = (cell.taps // 2) / sigma
    blur = partial(filters.gaussian, x, sigma, mode="constant", truncate=truncate, preserve_range=True)
    return {"cucim.skimage.filters.gaussian": blur}


def opencv_runs(cell: Cell, x: Any, w: Any, cv2: ModuleType) -> Runs:
    """OpenCV's CUDA filters; its images are the same memory."""
    codes = {"uint8": (cv2.CV_8UC1, cv2.CV_8UC3), "float32": (cv2.CV_32FC1, cv2.CV_32FC3)}
    filters = ("filter", "low_rank", "pixels")
    if cell.work not in (*filters, "separable") or cell.dtype not in codes or cell.taps > 32:
        return {}
    import cupy

    code, host, out = codes[cell.dtype][cell.work == "pixels"], cupy.asnumpy(w), cupy.empty(x.shape, x.dtype)
    if cell.work in filters:
        made = cv2.cuda.createLinearFilter(code, code, host, borderMode=cv2.BORDER_CONSTANT)
    else:
        made = cv2.cuda.createSeparableLinearFilter(code, code, host, host, rowBorderMode=cv2.BORDER_CONSTANT)
    source, target = (cv2.cuda.createGpuMatFromCudaMemory(*a.shape[:2], code, a.data.ptr) for a in (x, out))

    def run() -> Any:
        made.apply(source, target)
        return out

    return {f"cv2.cuda.{'LinearFilter' if cell.work in filters else 'SeparableLinearFilter'}": run}


def torch_runs(cell: Cell, x: Any, w: Any, torch: ModuleType) -> Runs:
    """The convolutions of torch: cuDNN's, without TF32."""
    torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32 = True, False
    if cell.dtype == "uint8" or cell.work in ("columns", "gradient", "pixels"):
        return {}
    images, weights = torch.from_dlpack(x), torch.from_dlpack(w)
    if cell.is_layer:
        return {"torch": _torch_layer(cell, images, weights, torch)}
    if cell.products > SLOW or cell.dtype == "complex64":
        return {}
    functional, pad = torch.nn.functional, cell.taps // 2
    if cell.work in ("filter", "low_rank"):
        return {"torch": lambda: functional.conv2d(images[None, None], weights[None, None], padding=pad)[0, 0]}
    lines = images.reshape(-1, 1, cell.shape[-1])
    if cell.work != "separable":
        return {"torch": lambda: functional.conv1d(lines, weights[None, None], padding=pad).reshape(cell.shape)}
    column, row = weights[None, None, :, None], weights[None, None, None]

    def passes() -> Any:
        down = functional.conv2d(images[None, None], column, padding=(pad, 0))
        return functional.conv2d(down, row, padding=(0, pad))[0, 0]

    return {"torch": passes}


def _torch_layer(cell: Cell, images: Any, weights: Any, torch: ModuleType) -> Any:
    rank, pad = len(cell.shape) - 2, cell.taps // 2
    if cell.work == "weights":
        gradient = getattr(torch.nn.grad, f"conv{rank}d_weight")
        return lambda: gradient(images, cell.weights_shape, weights, padding=pad)
    if cell.last:
        weights = weights.to(memory_format=torch.channels_last)
    layer = getattr(torch.nn.functional, f"conv{rank}d")
    return partial(layer, images, weights, stride=cell.stride, padding=pad, groups=cell.groups)


def _installed(library: ModuleType) -> str:
    return ""


def _opencv_ready(cv2: ModuleType) -> str:
    if not hasattr(cv2, "cuda") or cv2.cuda.getCudaEnabledDeviceCount() < 1:
        return "built without CUDA"
    return ""


def _torch_ready(torch: ModuleType) -> str:
    return "" if torch.cuda.is_available() else "sees no CUDA device"


Add = Callable[[Cell, Any, Any, ModuleType], Runs]
PEERS: dict[str, tuple[str, Callable[[ModuleType], str], Add]] = {
    "cupyx.scipy.ndimage": ("cupyx.scipy.ndimage", _installed, ndimage_runs),
    "cupyx.scipy.signal": ("cupyx.scipy.signal", _installed, signal_runs),
    "cuCIM": ("cucim.skimage.filters", _installed, cucim_runs),
    "OpenCV-CUDA": ("cv2", _opencv_ready, opencv_runs),
    "torch": ("torch", _torch_ready, torch_runs),
}


def on_host(result: Any) -> np.ndarray:
    """A peer's result as a NumPy array."""
    for name in ("get", "cpu"):  # cupy's, torch's
        if hasattr(result, name):
            result = getattr(result, name)()
    return np.asarray(result)
