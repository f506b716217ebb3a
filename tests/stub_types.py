"""What the stubs of the faces say that signatures do not: sets of names, types of parameters and of results."""

from collections.abc import Iterable

from gpuconv.ndimage.rules import BOUNDARIES as MODES_OF_NDIMAGE
from gpuconv.nn.rules import PADDING_MODES
from gpuconv.options import NANS
from gpuconv.planned import STATEMENTS
from gpuconv.problem import BOUNDARIES, METHODS, OVERFLOWS, PRECISIONS, ROUNDINGS, SIZES
from gpuconv.signal.resample import BOUNDARIES as MODES_OF_UPFIRDN
from gpuconv.signal.resample import EXTENSIONS
from gpuconv.signal.rules import BOUNDARIES as BOUNDARIES_OF_SIGNAL
from gpuconv.signal.smooth import EDGES


def literal(names: Iterable[str]) -> str:
    return "Literal[" + ", ".join(f'"{name}"' for name in names) + "]"


# The names that aliases at the top of a stub stand for.
ALIASES = {
    "_Boundary": literal(BOUNDARIES),
    "_Extension": literal((*MODES_OF_UPFIRDN, *EXTENSIONS)),
    "_Method": literal(METHODS),
    "_Mode": literal(MODES_OF_NDIMAGE),
    "_Nan": literal(NANS),
    "_Overflow": literal(OVERFLOWS),
    "_PaddingMode": literal(PADDING_MODES),
    "_PerAxis": "int | Sequence[int]",
    "_Precision": literal(PRECISIONS),
    "_Rounding": literal(ROUNDINGS),
    "_Size": literal(SIZES),
}
# Types by face, function and parameter; the most specific key counts. "{}" is the type of the array that is kept.
TYPES = {
    "boundary": "_Boundary",
    "mask": "AnyArray | None",
    "method": "_Method",
    "nan": "_Nan",
    "overflow": "_Overflow",
    "precision": "_Precision",
    "rounding": "_Rounding",
    "size": "_Size",
    "compute_dtype": "DTypeLike | None",
    "out_dtype": "DTypeLike | None",
    "dtype": "DTypeLike",
    "kind": literal(STATEMENTS),
    "out": "{} | None",
    "weights": "AnyArray",
    "sepconvolve.weights": "Sequence[AnyArray]",
    "plan.weights": "AnyArray | Sequence[AnyArray]",
    "explain.weights": "AnyArray | Sequence[AnyArray]",
    "explain.x": "AnyArray | tuple[int, ...]",
    "trace.x": "AnyArray",
    # scipy.ndimage's
    "ndimage.mode": "_Mode",
    "ndimage.axes": "_PerAxis | None",
    "ndimage.weights": "AnyArray",
    "ndimage.convolve.origin": "_PerAxis",
    "ndimage.correlate.origin": "_PerAxis",
    "ndimage.uniform_filter.origin": "_PerAxis",
    **{
        f"ndimage.{name}.mode": "_Mode | Sequence[_Mode]"
        for name in (
            *("gaussian_filter", "gaussian_gradient_magnitude", "gaussian_laplace", "generic_gradient_magnitude"),
            *("generic_laplace", "laplace", "prewitt", "sobel", "uniform_filter"),
        )
    },
    **{
        f"ndimage.{name}.sigma": "float | Sequence[float]"
        for name in ("gaussian_filter", "gaussian_gradient_magnitude", "gaussian_laplace")
    },
    "ndimage.gaussian_filter.order": "_PerAxis",
    "ndimage.gaussian_filter.radius": "_PerAxis | None",
    "ndimage.uniform_filter.size": "_PerAxis",
    "ndimage.uniform_filter1d.size": "int",
    # scipy.signal's
    "signal.mode": "_Size",
    "signal.axes": "_PerAxis | None",
    "signal.method": literal(("auto", "direct", "fft")),
    "signal.boundary": literal(BOUNDARIES_OF_SIGNAL),
    "signal.in2": "AnyArray",
    "signal.h": "AnyArray",
    "signal.hrow": "ArrayLike",
    "signal.hcol": "ArrayLike",
    "signal.savgol_filter.mode": literal(EDGES),
    "signal.upfirdn.mode": "_Extension",
    # torch's
    "nn.weight": "AnyArray",
    "nn.bias": "AnyArray | None",
    "nn.input": "AnyArray",
    "nn.padding_mode": "_PaddingMode",
    "nn.padding": '_PerAxis | Literal["same", "valid"]',
    **{f"nn.conv_transpose{rank}d.padding": "_PerAxis" for rank in (1, 2, 3)},
    # the filters'
    "filters.taps": "AnyArray | tuple[AnyArray, AnyArray]",
    "filters.template": "AnyArray",
    "filters.mid_grey.image": "AnyArray",
    # OpenCV's
    "opencv.kernel": "AnyArray",
    "opencv.kernelX": "AnyArray",
    "opencv.kernelY": "AnyArray",
    "opencv.templ": "AnyArray",
    "opencv.ksize": "Sequence[int]",
    "opencv.anchor": "Sequence[int]",
    "opencv.dst": "{} | None",
    "opencv.result": "{} | None",
    "opencv.method": "int",
    **{f"opencv.{name}.ksize": "int" for name in ("Laplacian", "Sobel", "getGaussianKernel")},
}
# The parameter whose type the result has, where it is not the first.
KEPT = {
    "signal.upfirdn": "x",
    "nn.vjp": "input_",
    **{f"nn.conv{rank}d_input": "grad_output" for rank in (1, 2, 3)},
}
# Results that are more than an array of that type.
RESULTS = {"nn.vjp": "tuple[{0}, Callable[[AnyArray], tuple[{0}, {0}, {0} | None]]]"}
# Functions whose result depends on other things: the variants of some parameters, and the result of each.
VARIANTS = {
    "output_size": [
        ({"extent": "int", "weights": "int"}, "int"),
        ({"extent": "Sequence[int]", "weights": "_PerAxis"}, "tuple[int, ...]"),
        ({"extent": "_PerAxis", "weights": "Sequence[int]"}, "tuple[int, ...]"),
    ],
    "signal.choose_conv_method": [
        ({"in1": "AnyArray", "measure": "Literal[False]"}, 'Literal["direct", "fft"]'),
        ({"in1": "AnyArray", "measure": "Literal[True] = ..."}, 'tuple[Literal["direct", "fft"], dict[str, float]]'),
    ],
}
