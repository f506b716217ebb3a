"""Launches of separable_stream: separable filters, and short filters along an axis that is not the last."""

from gpuconv.dtypes import accumulator, is_integer
from gpuconv.launches import Argument, Kind, LaunchPlan, Specialization, ceil_div
from gpuconv.launches.cuda_common import (
    array,
    fill,
    ints,
    launch,
    parameter_bytes,
    pitches,
    shared_refusal,
    side_by_side,
    specialize,
    too_long,
)
from gpuconv.launches.tuned import pick
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import DType, Problem

SIZES = tuple(range(3, 32, 2))  # taps of a factor; each pair is compiled where it is used
STAGE = 4  # rows
MOST_WIDE = 25  # taps of a column of complex128
THREADS = 64
WAVES = range(1, 9)  # of blocks, one after another on all multiprocessors
LONG = 8  # vectors beyond one that the taps of a row reach: from there on each thread filters a row for several
STARTUP = 12  # rows that a block could compute while it waits for its first ones


def separable_stream(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """The outer product of two 1D filters of usual sizes, or one short filter along the columns of images."""
    if problem.rank != 2 or not problem.is_filter:
        return "separable_stream filters images of two axes, one channel at a time"
    if max(problem.stride + problem.dilation) > 1:
        return f"separable_stream needs stride and dilation 1; got {problem.stride} and {problem.dilation}"
    columns = problem.filter[1] == 1 and problem.pad_before[1] == problem.pad_after[1] == 0
    refusal = _no_column(problem, facts) if columns else _no_factors(problem, facts)
    taps: Kind = "factors" if facts.separable else "weights"
    return refusal or too_long("separable_stream", problem) or _stream(problem, facts, taps)


def _no_factors(problem: Problem, facts: Facts) -> str | None:
    if not facts.separable:
        return "separable_stream needs weights that are the outer product of 1D factors"
    if not set(problem.filter) <= set(SIZES):
        return f"separable_stream is compiled for odd factors of {SIZES[0]} to {SIZES[-1]} taps; got {problem.filter}"
    return None


def _no_column(problem: Problem, facts: Facts) -> str | None:
    if facts.weights_place == "device":
        return "separable_stream takes its weights from the host, by value; these are on the device"
    if problem.skip_zero_taps and facts.zero_taps and not facts.separable:
        return "separable_stream takes every tap, zeros too"
    if not 2 <= problem.filter[0] <= SIZES[-1]:
        return f"separable_stream is compiled for columns of 2 to {SIZES[-1]} taps; got {problem.filter[0]}"
    return None


def _stream(problem: Problem, facts: Facts, taps: Kind) -> LaunchPlan | str:
    sums, (filter_h, filter_w) = accumulator(problem, facts), problem.filter
    if sums.itemsize == 16 and filter_h > MOST_WIDE:
        return f"separable_stream keeps the sums of at most {MOST_WIDE} rows of {sums} in registers; got {filter_h}"
    if parameter_bytes(filter_h + filter_w, sums) > facts.device.parameter_bytes:
        return f"separable_stream passes its factors by value, in {facts.device.parameter_bytes} bytes"
    pixel, _, problem = side_by_side(problem, facts)
    columns = 16 // sums.itemsize
    offset = -(filter_w // 2) * pixel % columns
    apron = ceil_div(offset + (filter_w - 1) * pixel, columns)
    turns = apron >= LONG
    constants = {"FILTER_H": filter_h, "FILTER_W": filter_w, "TAPS": filter_h + (filter_w if taps == "factors" else 0)}
    constants |= {
        "THREADS": THREADS,
        "BLOCKS": _blocks(problem, sums, pixel * (not turns)),
        "PIXEL": pixel,
        "STAGE": STAGE,
        "OFFSET": offset + columns * (turns and apron % 2 == 0),  # rows of an odd number of vectors meet no bank twice
        "TURNS": int(turns),
    }
    specialization = specialize("separable_stream", problem, facts, **constants)
    shared_bytes = stream_bytes(specialization, problem, sums) + turns * STAGE * (THREADS + 1) * 16
    if shared_bytes > facts.device.shared_bytes:
        return shared_refusal("separable_stream", shared_bytes, facts.device)
    tiles_w = ceil_div(problem.out_extent[1], THREADS * columns)
    resident = resident_blocks(facts.device, constants["BLOCKS"], shared_bytes)
    strip_h = strip_rows("separable_stream", problem, sums, facts.device, tiles_w * problem.images, resident)
    weights = array("factors", taps, specialization, by_value=True)
    return stream_launch(problem, specialization, (weights,), shared_bytes, tiles_w, strip_h)


def stream_launch(
    problem: Problem,
    specialization: Specialization,
    weights: tuple[Argument, ...],
    shared_bytes: int,
    tiles_w: int,
    strip_h: int,
) -> LaunchPlan | str:
    """A block for every strip of every image."""
    (height, width), (out_h, out_w), (pad_h, pad_w) = problem.extent, problem.out_extent, problem.pad_before
    strips = ceil_div(out_h, strip_h)
    return launch(
        specialization,
        tiles_w * strips * problem.images,
        (THREADS, 1, 1),
        shared_bytes,
        array("image", "image", specialization),
        *weights,
        array("out", "out", specialization),
        *ints(height=height, width=width, out_h=out_h, out_w=out_w, pad_h=pad_h, pad_w=pad_w),
        *ints(tiles_w=tiles_w, strips=strips, strip_h=strip_h),
        *pitches(problem),
        fill(problem, specialization),
    )


def _blocks(problem: Problem, sums: DType, pixel: int) -> int:
    """Blocks of a multiprocessor at a time, by its 65536 registers, which warps get four at a time."""
    plain = bool(sums.itemsize == 4 and problem.image_dtype == problem.out_dtype == sums)
    others = 82 if is_integer(problem.out_dtype) else 46 if plain else 62  # conversions take some
    if pixel > 1 and not is_integer(problem.out_dtype):  # more loads are under way for as many products
        others += {"float64": 74, "complex64": 31}.get(sums.name, min(10 * max(0, problem.filter[1] - 3), 31))
    registers = 4 * problem.filter[0] + others + 80 * (sums.itemsize == 16)  # the open sums, and others
    return min(65536 // (registers * THREADS) // 2 * 2, 14)


def stream_bytes(specialization: Specialization, problem: Problem, sums: DType) -> int:
    """Shared memory of a block."""
    columns = 16 // sums.itemsize
    reach = (problem.filter[1] - 1) * specialization.constant("PIXEL")
    apron = ceil_div(specialization.constant("OFFSET") + reach, columns)
    types = dict(specialization.types)
    raw = problem.image_dtype.itemsize * columns if types["image_t"] != types["acc_t"] else 0
    return (THREADS + apron) * (STAGE * (32 + raw) + 4 * columns)


def resident_blocks(device: DeviceLimits, blocks: int, shared_bytes: int) -> int:
    """Blocks on the whole device at a time, by registers and shared memory."""
    reserved = shared_bytes + 1024  # by the system, for each block
    return max(1, min(blocks, device.multiprocessor_shared_bytes // reserved)) * device.multiprocessors


def strip_rows(kernel: str, problem: Problem, sums: DType, device: DeviceLimits, columns: int, resident: int) -> int:
    """Rows of a strip: the model is whole waves of blocks, each as long as its strip with the rows around it."""
    out_h, around = problem.out_extent[0], problem.filter[0] - 1 + STARTUP

    def height(wave: int) -> int:
        return min(out_h, max(ceil_div(out_h, max(1, wave * resident // max(1, columns))), STAGE))

    def cost(wave: int) -> int:
        return ceil_div(columns * ceil_div(out_h, height(wave)), resident) * (height(wave) + around)

    return height(pick(kernel, problem, sums, device, WAVES, cost))
