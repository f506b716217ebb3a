# Written by tests/stubs.py.
from collections.abc import Sequence
from typing import Any, overload

from numpy.typing import ArrayLike, NDArray

from gpuconv.opencv.constants import BORDER_CONSTANT as BORDER_CONSTANT
from gpuconv.opencv.constants import BORDER_DEFAULT as BORDER_DEFAULT
from gpuconv.opencv.constants import BORDER_ISOLATED as BORDER_ISOLATED
from gpuconv.opencv.constants import BORDER_REFLECT as BORDER_REFLECT
from gpuconv.opencv.constants import BORDER_REFLECT101 as BORDER_REFLECT101
from gpuconv.opencv.constants import BORDER_REFLECT_101 as BORDER_REFLECT_101
from gpuconv.opencv.constants import BORDER_REPLICATE as BORDER_REPLICATE
from gpuconv.opencv.constants import BORDER_TRANSPARENT as BORDER_TRANSPARENT
from gpuconv.opencv.constants import BORDER_WRAP as BORDER_WRAP
from gpuconv.opencv.constants import CV_8U as CV_8U
from gpuconv.opencv.constants import CV_16S as CV_16S
from gpuconv.opencv.constants import CV_16U as CV_16U
from gpuconv.opencv.constants import CV_32F as CV_32F
from gpuconv.opencv.constants import CV_32S as CV_32S
from gpuconv.opencv.constants import CV_64F as CV_64F
from gpuconv.opencv.constants import FILTER_SCHARR as FILTER_SCHARR
from gpuconv.opencv.constants import TM_CCOEFF as TM_CCOEFF
from gpuconv.opencv.constants import TM_CCOEFF_NORMED as TM_CCOEFF_NORMED
from gpuconv.opencv.constants import TM_CCORR as TM_CCORR
from gpuconv.opencv.constants import TM_CCORR_NORMED as TM_CCORR_NORMED
from gpuconv.opencv.constants import TM_SQDIFF as TM_SQDIFF
from gpuconv.opencv.constants import TM_SQDIFF_NORMED as TM_SQDIFF_NORMED
from gpuconv.opencv.gaussian import getGaussianKernel as getGaussianKernel
from gpuconv.typing import AnyArray, ArrayT

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

@overload
def GaussianBlur(
    src: NDArray[Any],
    ksize: Sequence[int],
    sigmaX: float,
    dst: NDArray[Any] | None = None,
    sigmaY: float = 0,
    borderType: int = 4,
    hint: int = 0,
) -> NDArray[Any]: ...
@overload
def GaussianBlur(
    src: ArrayT,
    ksize: Sequence[int],
    sigmaX: float,
    dst: ArrayT | None = None,
    sigmaY: float = 0,
    borderType: int = 4,
    hint: int = 0,
) -> ArrayT: ...
@overload
def GaussianBlur(
    src: ArrayLike,
    ksize: Sequence[int],
    sigmaX: float,
    dst: NDArray[Any] | None = None,
    sigmaY: float = 0,
    borderType: int = 4,
    hint: int = 0,
) -> NDArray[Any]: ...
@overload
def Laplacian(
    src: NDArray[Any],
    ddepth: int,
    dst: NDArray[Any] | None = None,
    ksize: int = 1,
    scale: float = 1,
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def Laplacian(
    src: ArrayT,
    ddepth: int,
    dst: ArrayT | None = None,
    ksize: int = 1,
    scale: float = 1,
    delta: float = 0,
    borderType: int = 4,
) -> ArrayT: ...
@overload
def Laplacian(
    src: ArrayLike,
    ddepth: int,
    dst: NDArray[Any] | None = None,
    ksize: int = 1,
    scale: float = 1,
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def Scharr(
    src: NDArray[Any],
    ddepth: int,
    dx: int,
    dy: int,
    dst: NDArray[Any] | None = None,
    scale: float = 1,
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def Scharr(
    src: ArrayT,
    ddepth: int,
    dx: int,
    dy: int,
    dst: ArrayT | None = None,
    scale: float = 1,
    delta: float = 0,
    borderType: int = 4,
) -> ArrayT: ...
@overload
def Scharr(
    src: ArrayLike,
    ddepth: int,
    dx: int,
    dy: int,
    dst: NDArray[Any] | None = None,
    scale: float = 1,
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def Sobel(
    src: NDArray[Any],
    ddepth: int,
    dx: int,
    dy: int,
    dst: NDArray[Any] | None = None,
    ksize: int = 3,
    scale: float = 1,
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def Sobel(
    src: ArrayT,
    ddepth: int,
    dx: int,
    dy: int,
    dst: ArrayT | None = None,
    ksize: int = 3,
    scale: float = 1,
    delta: float = 0,
    borderType: int = 4,
) -> ArrayT: ...
@overload
def Sobel(
    src: ArrayLike,
    ddepth: int,
    dx: int,
    dy: int,
    dst: NDArray[Any] | None = None,
    ksize: int = 3,
    scale: float = 1,
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def blur(
    src: NDArray[Any],
    ksize: Sequence[int],
    dst: NDArray[Any] | None = None,
    anchor: Sequence[int] = (-1, -1),
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def blur(
    src: ArrayT, ksize: Sequence[int], dst: ArrayT | None = None, anchor: Sequence[int] = (-1, -1), borderType: int = 4
) -> ArrayT: ...
@overload
def blur(
    src: ArrayLike,
    ksize: Sequence[int],
    dst: NDArray[Any] | None = None,
    anchor: Sequence[int] = (-1, -1),
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def boxFilter(
    src: NDArray[Any],
    ddepth: int,
    ksize: Sequence[int],
    dst: NDArray[Any] | None = None,
    anchor: Sequence[int] = (-1, -1),
    normalize: bool = True,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def boxFilter(
    src: ArrayT,
    ddepth: int,
    ksize: Sequence[int],
    dst: ArrayT | None = None,
    anchor: Sequence[int] = (-1, -1),
    normalize: bool = True,
    borderType: int = 4,
) -> ArrayT: ...
@overload
def boxFilter(
    src: ArrayLike,
    ddepth: int,
    ksize: Sequence[int],
    dst: NDArray[Any] | None = None,
    anchor: Sequence[int] = (-1, -1),
    normalize: bool = True,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def filter2D(
    src: NDArray[Any],
    ddepth: int,
    kernel: AnyArray,
    dst: NDArray[Any] | None = None,
    anchor: Sequence[int] = (-1, -1),
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def filter2D(
    src: ArrayT,
    ddepth: int,
    kernel: AnyArray,
    dst: ArrayT | None = None,
    anchor: Sequence[int] = (-1, -1),
    delta: float = 0,
    borderType: int = 4,
) -> ArrayT: ...
@overload
def filter2D(
    src: ArrayLike,
    ddepth: int,
    kernel: AnyArray,
    dst: NDArray[Any] | None = None,
    anchor: Sequence[int] = (-1, -1),
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def matchTemplate(
    image: NDArray[Any], templ: AnyArray, method: int, result: NDArray[Any] | None = None, mask: None = None
) -> NDArray[Any]: ...
@overload
def matchTemplate(
    image: ArrayT, templ: AnyArray, method: int, result: ArrayT | None = None, mask: None = None
) -> ArrayT: ...
@overload
def matchTemplate(
    image: ArrayLike, templ: AnyArray, method: int, result: NDArray[Any] | None = None, mask: None = None
) -> NDArray[Any]: ...
@overload
def sepFilter2D(
    src: NDArray[Any],
    ddepth: int,
    kernelX: AnyArray,
    kernelY: AnyArray,
    dst: NDArray[Any] | None = None,
    anchor: Sequence[int] = (-1, -1),
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
@overload
def sepFilter2D(
    src: ArrayT,
    ddepth: int,
    kernelX: AnyArray,
    kernelY: AnyArray,
    dst: ArrayT | None = None,
    anchor: Sequence[int] = (-1, -1),
    delta: float = 0,
    borderType: int = 4,
) -> ArrayT: ...
@overload
def sepFilter2D(
    src: ArrayLike,
    ddepth: int,
    kernelX: AnyArray,
    kernelY: AnyArray,
    dst: NDArray[Any] | None = None,
    anchor: Sequence[int] = (-1, -1),
    delta: float = 0,
    borderType: int = 4,
) -> NDArray[Any]: ...
