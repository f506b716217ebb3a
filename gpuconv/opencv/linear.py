"""Filters with weights of the caller's."""

# ruff: noqa: N802, N803 - OpenCV's names

from typing import Any

import numpy as np

from gpuconv.arrays import adopt
from gpuconv.opencv.constants import BORDER_DEFAULT
from gpuconv.opencv.rules import boundary_of, depth_of, image_of, run


def filter2D(
    src: Any,
    ddepth: int,
    kernel: Any,
    dst: Any = None,
    anchor: Any = (-1, -1),
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Any:
    r"""Correlate an image with a kernel, as `cv2.filter2D` does.

    .. math:: dst[i, j] = \delta + \sum_{r, s} kernel[r, s] \, src[i + r - a_y, j + s - a_x]

    Parameters
    ----------
    src : array, shape (H, W) or (H, W, C)
        Image of dtype uint8, uint16, int16, int32, float32 or float64; channels are filtered alone.
    ddepth : int
        Depth of the result: CV_8U, CV_16U, CV_16S, CV_32S, CV_32F, CV_64F, or -1 for src's.
    kernel : array, 2D
        Weights; not flipped. Any size.
    dst : array, optional
        Where the result goes.
    anchor : (int, int)
        Column and row of the tap over the pixel that is computed; -1 stands for the middle, n // 2.
    delta : float
        Added before the conversion.
    borderType : int
        What lies outside: BORDER_CONSTANT (zeros), BORDER_REPLICATE, BORDER_REFLECT or BORDER_REFLECT_101.

    Returns
    -------
    array
        Of src's shape and library; floats within the bound of `gpuconv.correlate`, integers rounded half to even and
        saturated.

    Raises
    ------
    ValueError
        For shapes, depths, anchors and borders that are none.
    TypeError
        For dtypes that OpenCV's images do not have, and complex kernels.

    See Also
    --------
    gpuconv.opencv : The differences from OpenCV.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import opencv
    >>> opencv.filter2D(np.array([[10, 20, 200]], np.uint8), -1, np.array([[-1, 0, 2]])).tolist()
    [[20, 255, 20]]
    """
    image = image_of(src)
    taps = adopt("kernel", kernel)
    if taps.view.ndim != 2 or 0 in taps.view.shape:
        raise ValueError(f"kernel must be 2D with at least one tap; got shape {tuple(taps.view.shape)}")
    if taps.view.dtype.kind == "c":
        raise TypeError(f"kernel must be real; got dtype {taps.view.dtype}")
    weights = kernel if taps.on_device else np.asarray(taps.view)
    boundary = boundary_of(borderType)
    return run(image, weights, depth_of(ddepth, image), boundary, anchor=anchor, delta=delta, dst=dst)


def sepFilter2D(
    src: Any,
    ddepth: int,
    kernelX: Any,
    kernelY: Any,
    dst: Any = None,
    anchor: Any = (-1, -1),
    delta: float = 0,
    borderType: int = BORDER_DEFAULT,
) -> Any:
    """Correlate every row with `kernelX` and every column with `kernelY`, as `cv2.sepFilter2D` does.

    As `filter2D` with ``kernel[r, s] = kernelY[r] * kernelX[s]``, in one pass along each axis.

    Parameters
    ----------
    src, ddepth, dst, anchor, delta, borderType : optional
        As in `filter2D`.
    kernelX, kernelY : array, shape (n,), (n, 1) or (1, n)
        Weights on the host.

    Returns
    -------
    array
        As `filter2D` returns it, within the bound of `gpuconv.sepconvolve`.

    Raises
    ------
    ValueError, TypeError
        As `filter2D` raises them.

    See Also
    --------
    gpuconv.opencv : The differences from OpenCV.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import opencv
    >>> opencv.sepFilter2D(np.eye(3, dtype=np.uint8), -1, np.array([1, 2, 1]), np.array([1.0])).tolist()
    [[2, 1, 0], [2, 2, 2], [0, 1, 2]]
    """
    image = image_of(src)
    taps = factor_of("kernelY", kernelY), factor_of("kernelX", kernelX)
    boundary = boundary_of(borderType)
    return run(image, taps, depth_of(ddepth, image), boundary, anchor=anchor, delta=delta, dst=dst)


def factor_of(name: str, kernel: Any) -> np.ndarray:
    """A row or a column as one axis."""
    taps = adopt(name, kernel)
    if taps.on_device:
        raise TypeError(f"{name} must be on the host (separable weights travel with the launch); got {taps.place}")
    view = np.asarray(taps.view)
    if view.ndim not in (1, 2) or view.size == 0 or view.size != max(view.shape):
        raise ValueError(f"{name} must be one row or one column with at least one tap; got shape {view.shape}")
    if view.dtype.kind == "c":
        raise TypeError(f"{name} must be real; got dtype {view.dtype}")
    return view.reshape(-1).astype("float64")
