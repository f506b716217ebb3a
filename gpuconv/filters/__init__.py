"""Ready-made filters on images.

An image is (H, W), or a stack (..., H, W), or has its channels on the axis that ``channel_axis`` names: (H, W, 3) with
``channel_axis=-1``. Every filter computes in floating point and converts once, at the end: an integer image gives an
image of the same dtype, rounded half to even and saturated; a float image gives a float image; booleans give float32.

Where the result is signed (`laplace`, `emboss`, `log`, `dog`, `gabor`), an unsigned image shows zero as mid-grey (128
in uint8, 32768 in uint16), so that both signs remain visible; in signed and float images zero is zero.

To add a filter: its weights into weights.py, its function into a module beside it and its name here; for the command
line also its option into gpuconv/cli/app.py and its entry into gpuconv/cli/filter.py.
"""

from gpuconv.filters import weights
from gpuconv.filters.bands import dog, gabor, log, roberts
from gpuconv.filters.blurs import disk, motion_blur, moving_average, savgol
from gpuconv.filters.common import Options, apply, mid_grey
from gpuconv.filters.edges import emboss, laplace, prewitt, scharr, sobel
from gpuconv.filters.matching import match_template
from gpuconv.filters.smooth import box, gaussian, sharpen, unsharp_mask

__all__ = [
    "Options",
    "apply",
    "box",
    "disk",
    "dog",
    "emboss",
    "gabor",
    "gaussian",
    "laplace",
    "log",
    "match_template",
    "mid_grey",
    "motion_blur",
    "moving_average",
    "prewitt",
    "roberts",
    "savgol",
    "scharr",
    "sharpen",
    "sobel",
    "unsharp_mask",
    "weights",
]
