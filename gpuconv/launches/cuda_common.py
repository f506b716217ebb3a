"""What the launches of all CUDA C++ kernels share: types, constants and arguments as the kernels' files name them."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.launches import Argument, Kind, LaunchPlan, Specialization, Triple
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import Boundary, DType, Problem, Rounding

C_TYPES = {
    "bool": "unsigned char",
    "uint8": "unsigned char",
    "uint16": "unsigned short",
    "uint32": "unsigned int",
    "uint64": "unsigned long long",
    "int8": "signed char",
    "int16": "short",
    "int32": "int",
    "int64": "long long",
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "Complex<float>",
    "complex128": "Complex<double>",
}
INT_LIMIT = 2**30  # positions along an axis that the tiled kernels count in int, sums of two included
USUAL_PARAMETER_BYTES = 4096  # arguments of a launch on every device
GRID_LIMIT = 2**31 - 1  # blocks along x
PIXELS = (2, 3, 4)  # channels side by side that kernels are compiled for


def specialize(kernel: str, problem: Problem, facts: Facts, **constants: int) -> Specialization:
    """A kernel for the types of a problem; constants that make no difference to it get one value."""
    sums, out = accumulator(problem, facts), problem.out_dtype
    types = {"image_t": problem.image_dtype, "out_t": out, "acc_t": sums}
    padded = any(pad > 0 for pad in problem.pad_before + problem.pad_after)
    rounded = is_integer(out) and not is_integer(sums)
    saturated = is_integer(out) and not np.can_cast(sums, out) and problem.overflow != "wrap"
    constants |= {
        "BOUNDARY": get_args(Boundary).index(problem.boundary) if padded else 0,
        "ROUNDING": get_args(Rounding).index(problem.rounding) if rounded else 0,
        "SATURATE": int(saturated),
        "SKIP_ZERO_TAPS": int(problem.skip_zero_taps and facts.zero_taps),
    }
    names = tuple((name, C_TYPES[dtype.name]) for name, dtype in types.items())
    return Specialization(kernel, names, tuple(constants.items()))


def array(name: str, kind: Kind, specialization: Specialization, *, by_value: bool = False) -> Argument:
    """An array argument; image and out have types of their own, everything else is cast to the sum's."""
    type_ = dict(specialization.types).get(f"{kind}_t", dict(specialization.types)["acc_t"])
    pixels = kind in ("image", "out") and dict(specialization.constants).get("PIXEL", 1) > 1
    return Argument(name, kind, type_, by_value=by_value, layout="interleaved" if pixels else "channels_first")


def ints(type_: str = "int", /, **values: int) -> tuple[Argument, ...]:
    """Integer arguments in the order of the kernel's signature."""
    return tuple(Argument(name, "scalar", type_, value) for name, value in values.items())


def longs(**values: int) -> tuple[Argument, ...]:
    """The same, of 64 bits."""
    return ints("long long", **values)


def pitches(problem: Problem, channels: int = 1) -> tuple[Argument, ...]:
    """Elements from row to row, and rows from image to image, of image and output in C order."""
    (height, width), (out_h, out_w) = problem.extent, problem.out_extent
    return ints(pitch=width * channels, image_rows=height, out_pitch=out_w * channels, out_image_rows=out_h)


def fill(problem: Problem, specialization: Specialization) -> Argument:
    """The value outside the image, as the sums' type."""
    type_ = dict(specialization.types)["acc_t"]
    if type_.startswith("Complex"):
        return Argument("fill", "scalar", type_, complex(problem.fill))
    value = problem.fill.real
    return Argument("fill", "scalar", type_, float(value) if type_ in ("float", "double") else int(value))


def launch(
    specialization: Specialization, blocks: int, block: Triple, shared_bytes: int, *arguments: Argument
) -> LaunchPlan | str:
    """A launch with all its blocks along grid x, or the sentence that they are too many."""
    if blocks > GRID_LIMIT:
        return f"{specialization.kernel} launches at most {GRID_LIMIT} blocks; this would take {blocks}"
    return LaunchPlan(specialization, (blocks, 1, 1), block, shared_bytes, arguments)


def as_planes(problem: Problem) -> Problem:
    """The same problem with two spatial axes: a signal is an image of one row."""
    if problem.rank == 2:
        return problem
    return replace(
        problem,
        extent=(1, *problem.extent),
        filter=(1, *problem.filter),
        pad_before=(0, *problem.pad_before),
        pad_after=(0, *problem.pad_after),
        stride=(1, *problem.stride),
        dilation=(1, *problem.dilation),
    )


def side_by_side(problem: Problem, facts: Facts) -> tuple[int, Problem, Problem]:
    """Channels that stand side by side in memory, the problem without their axis, and one whose columns they are.

    In the last one neighbouring taps are as many columns apart. Where images are planes it is (1, problem, problem).
    """
    channels = problem.batch[-1] if facts.interleaved and problem.rank == 2 else 1
    if channels not in PIXELS:
        return 1, problem, problem
    one, names = replace(problem, batch=problem.batch[:-1]), ("extent", "pad_before", "pad_after", "dilation")
    wide: dict[str, Any] = {name: (getattr(one, name)[0], getattr(one, name)[1] * channels) for name in names}
    columns = replace(one, **wide)
    return (1, problem, problem) if too_long("", columns) else (channels, one, columns)


def too_long(kernel: str, problem: Problem) -> str | None:
    """Why positions along an axis do not fit the int a tiled kernel counts them in, or None."""
    axes = zip(
        *(problem.extent, problem.out_extent, problem.stride, problem.filter, problem.dilation),
        *(problem.pad_before, problem.pad_after),
        strict=True,
    )
    longest = max(n + (o + 2048) * s + k * d + abs(before) + abs(after) for n, o, s, k, d, before, after in axes)
    if longest < INT_LIMIT:
        return None
    return f"{kernel} needs extents, pads and strides that reach no further than {INT_LIMIT} samples; got {longest}"


def shared_refusal(kernel: str, shared_bytes: int, device: DeviceLimits) -> str:
    """The sentence that a tile is too large."""
    return (
        f"{kernel} needs {shared_bytes} bytes of shared memory for its smallest tile; "
        f"a block has {device.most_shared_bytes}"
    )


def parameter_bytes(taps: int, sums: DType) -> int:
    """Size of a launch's arguments, with weights by value."""
    return taps * sums.itemsize + 128  # the scalars and pointers take less


def values_in_launch(taps: int, sums: DType, device: DeviceLimits) -> int:
    """Weights by value that a kernel is compiled for: what every device's launch holds, or this one's; else 0."""
    for room in (USUAL_PARAMETER_BYTES, device.parameter_bytes):
        most = (min(room, device.parameter_bytes) - parameter_bytes(0, sums)) // sums.itemsize
        if taps <= most:
            return most
    return 0


def fits(value: int, dtype: DType) -> bool:
    """Whether an integer dtype holds a value."""
    return value in (0, 1) if dtype.kind == "b" else bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)


def power_of_two(n: int) -> int:
    """Smallest power of two >= n."""
    return 1 << (n - 1).bit_length()
