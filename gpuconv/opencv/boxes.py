"""Means and sums over boxes."""

# ruff: noqa: N802, N803 - OpenCV's names

from typing import Any

import numpy as np

from gpuconv.opencv.constants import BORDER_DEFAULT
from gpuconv.opencv.rules import boundary_of, depth_of, image_of, run, size_of


def boxFilter(
    src: Any,
    ddepth: int,
    ksize: Any,
    dst: Any = None,
    anchor: Any = (-1, -1),
    normalize: bool = True,
    borderType: int = BORDER_DEFAULT,
) -> Any:
    """Replace every pixel by the mean (or the sum) of the box around it, as `cv2.boxFilter` does.

    Parameters
    ----------
    src, ddepth, dst, anchor, borderType : optional
        As in `filter2D`.
    ksize : (int, int)
        Width and height of the box, 1 or more.
    normalize : bool
        The mean; otherwise the sum.

    Returns
    -------
    array
        As `sepFilter2D` returns it.

    Raises
    ------
    ValueError, TypeError
        As `filter2D` raises them, and for a box without pixels.

    See Also
    --------
    gpuconv.opencv : The differences from OpenCV.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import opencv
    >>> opencv.boxFilter(np.array([[0, 90, 0]], np.uint8), -1, (3, 1), normalize=False).tolist()
    [[180, 90, 180]]
    """
    image, boundary, (rows, columns) = image_of(src), boundary_of(borderType), size_of("ksize", ksize)
    if min(rows, columns) < 1:
        raise ValueError(f"ksize must be at least (1, 1); got {(columns, rows)}")
    height, width = np.ones(rows), np.ones(columns)
    factors = (height / (rows * columns), width) if normalize else (height, width)
    return run(image, factors, depth_of(ddepth, image), boundary, anchor=anchor, dst=dst)


def blur(src: Any, ksize: Any, dst: Any = None, anchor: Any = (-1, -1), borderType: int = BORDER_DEFAULT) -> Any:
    """Replace every pixel by the mean of the box around it: `boxFilter` with ``ddepth=-1``, as `cv2.blur`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import opencv
    >>> opencv.blur(np.array([[0, 90, 0]], np.uint8), (3, 3)).tolist()
    [[60, 30, 60]]
    """
    return boxFilter(src, -1, ksize, dst, anchor, True, borderType)
