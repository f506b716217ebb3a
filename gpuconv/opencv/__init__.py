"""Filters as OpenCV's Python module spells them: its names, parameter order, defaults, depths, anchors and saturation.

Images are (H, W) or (H, W, C) with any number of channels, of dtype uint8, uint16, int16, int32, float32 or float64, in
arrays of every library; results are arrays of the image's library. (H, W, 1) gives (H, W), as in OpenCV. Sums are taken
in float32, in float64 where image or result is float64 or int32, and converted once: rounded half to even, saturated.
Wherever the sums are exact (weights that are whole numbers, or these over a power of two) integer results are
OpenCV's bit for bit. What differs, or differs within OpenCV itself:

- Weights with other fractions: float results differ by rounding errors of the sums, integer results by 1 where the
  exact value is within these of a half. (OpenCV takes transforms for large kernels; so may float results here.)
- `GaussianBlur` of uint8 and uint16 is OpenCV's bit for bit: weights in fixed point (8 or 16 bits), halves rounded up.
- `sepFilter2D` of uint8 with symmetric weights of sum 1 rounds halves to even; OpenCV, in fixed point, some of a row to
  even and others up.
- Means of uint8 (`blur`, `boxFilter`) are rounded to the nearest. OpenCV multiplies with 65536 / area instead, after it
  added a half and one to the sum: 1 more where the area is even, up to (2, 1), where a flat image of 10 becomes 11.
- `boxFilter` of int16 into an unsigned depth saturates sums below 0 at 0; OpenCV turns some into the largest value.
- `matchTemplate` sums in float64; OpenCV by transforms, within the float32 rounding of the largest sums.
- Every depth goes with every image; OpenCV leaves out some pairs (float64 to float32, uint16 to uint8 in `filter2D`).
- A one-dimensional image or `kernel` of `filter2D` raises ValueError: OpenCV 4 takes it for a column, 5 for a row.
- `dst` must have the result's shape and dtype; OpenCV silently leaves another one alone.
- Errors are ValueError and TypeError in place of cv2.error.
"""

from gpuconv.opencv.boxes import blur, boxFilter
from gpuconv.opencv.constants import (
    BORDER_CONSTANT,
    BORDER_DEFAULT,
    BORDER_ISOLATED,
    BORDER_REFLECT,
    BORDER_REFLECT101,
    BORDER_REFLECT_101,
    BORDER_REPLICATE,
    BORDER_TRANSPARENT,
    BORDER_WRAP,
    CV_8U,
    CV_16S,
    CV_16U,
    CV_32F,
    CV_32S,
    CV_64F,
    FILTER_SCHARR,
    TM_CCOEFF,
    TM_CCOEFF_NORMED,
    TM_CCORR,
    TM_CCORR_NORMED,
    TM_SQDIFF,
    TM_SQDIFF_NORMED,
)
from gpuconv.opencv.derivatives import Laplacian, Scharr, Sobel
from gpuconv.opencv.gaussian import GaussianBlur, getGaussianKernel
from gpuconv.opencv.linear import filter2D, sepFilter2D
from gpuconv.opencv.matching import matchTemplate

__all__ = [
    "BORDER_CONSTANT",
    "BORDER_DEFAULT",
    "BORDER_ISOLATED",
    "BORDER_REFLECT",
    "BORDER_REFLECT101",
    "BORDER_REFLECT_101",
    "BORDER_REPLICATE",
    "BORDER_TRANSPARENT",
    "BORDER_WRAP",
    "CV_8U",
    "CV_16S",
    "CV_16U",
    "CV_32F",
    "CV_32S",
    "CV_64F",
    "FILTER_SCHARR",
    "TM_CCOEFF",
    "TM_CCOEFF_NORMED",
    "TM_CCORR",
    "TM_CCORR_NORMED",
    "TM_SQDIFF",
    "TM_SQDIFF_NORMED",
    "GaussianBlur",
    "Laplacian",
    "Scharr",
    "Sobel",
    "blur",
    "boxFilter",
    "filter2D",
    "getGaussianKernel",
    "matchTemplate",
    "sepFilter2D",
]
