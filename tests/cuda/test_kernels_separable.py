"""separable_stream: right in every order of the threads, at every edge and alignment; what its machine code costs."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import assert_right, check, factors, out_of, planned, record
from standin import mutate, mutations

from gpuconv.engine import facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_separable import SIZES, THREADS, separable_stream
from gpuconv.options import Options
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import BOUNDARIES, Problem
from gpuconv.sources import source
from gpuconv.statements import filter_call, separable_call

TYPES = [
    ("f4", "f4", None),
    ("f8", "f8", None),
    ("f2", "f4", None),
    ("u1", "f4", "u1"),
    ("i2", "f4", "i2"),
    ("i1", "i1", None),
    ("u2", "u2", "u1"),
    ("i4", "i4", None),
    ("u1", "f8", None),
    ("bool", "f4", None),
]
# A block has 256 columns of float32. Interior, edges on both sides, several strips; width no multiple of four; small.
WIDE, ODD = (24, 800), (20, 533)
SIZES_OF_IMAGES = [(1, 1), (3, 256), (9, 257), WIDE, ODD]


def launch_of(shape=WIDE, taps=(5, 5), **options):
    return record(separable_stream, factors(shape, taps, **options))


@pytest.mark.parametrize(("shape", "boundary"), list(itertools.product(SIZES_OF_IMAGES, BOUNDARIES[1:])))
def test_sizes_and_boundaries(shape, boundary):
    check(separable_stream, factors(shape, (5, 5), boundary=boundary))


@pytest.mark.parametrize("taps", [(3, 3), (7, 7), (15, 15), (31, 31), (3, 9), (13, 3), (31, 11)])
def test_filter_sizes(taps):
    check(separable_stream, factors((17, 300), taps, boundary="mirror"))


@pytest.mark.parametrize(
    ("shape", "taps", "dtypes", "boundary"),
    [
        ((9, 101, 3), 15, ("f4", "f4"), "constant"),
        *(
            pytest.param(*case, marks=pytest.mark.slow)  # one will do by default
            for case in (
                ((21, 301), 31, ("f4", "f4"), "symmetric"),
                ((7, 75, 4), 11, ("u1", "f4"), "mirror"),
                ((6, 150), 17, ("f8", "f8"), "wrap"),
            )
        ),
    ],
)
@pytest.mark.usefixtures("nvrtc")
def test_rows_filtered_by_turns(shape, taps, dtypes, boundary):
    options = {"boundary": boundary} | ({"channel_axis": -1} if len(shape) > 2 else {})
    call = factors(shape, (taps, taps), dtypes, **options)
    assert planned(separable_stream, call).launches[0].specialization.constant("TURNS")
    check(separable_stream, call)
    launch = record(separable_stream, call)
    assert launch.replay_sanitized("thread", "random:3").ok
    arrays, stats = launch.replay_sass("sm_90")
    pixels = out_of(launch, arrays)
    assert_right(separable_stream, call, np.moveaxis(pixels, -1, -4) if len(shape) > 2 else pixels)
    assert stats.bank_conflicts == 0


@pytest.mark.parametrize(
    ("types", "shape"), list(zip(TYPES * 2, [(12, 640), (6, 139), (5, 262), (3, 7)] * 5, strict=True))[:15]
)
def test_dtypes(shape, types):
    image, weights, out = types
    options = {"boundary": "symmetric", "out_dtype": out}
    x, w = random(shape, image), [random((5,), weights, seed) % 50 for seed in (1, 2)]
    check(separable_stream, separable_call(x, w, Options(**options)))


@pytest.mark.parametrize("size", ["full", "valid"])
@pytest.mark.parametrize("taps", [(5, 5), (7, 9)])
def test_output_sizes_and_batches(size, taps):
    check(separable_stream, factors((2, 3, 21, 270), taps, size=size, boundary="wrap"))


@pytest.mark.parametrize("origin", [(2, -2), (-1, 1), (0, 2)])
def test_origin(origin):
    """It does not compile anew: rows that no longer are vectors go element by element."""
    check(separable_stream, factors(WIDE, (5, 5), origin=origin, boundary="edge"))
    plans = [planned(separable_stream, factors(WIDE, (5, 5), origin=o)).launches[0] for o in (origin, 0)]
    assert plans[0].specialization == plans[1].specialization


@pytest.mark.parametrize("fill", [2.5, np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["f4", "u1"])
def test_fill(fill, dtype):
    check(separable_stream, factors((9, 300), (5, 5), (dtype, "f4"), boundary="constant", fill=fill))


def test_weights_that_turn_out_to_be_separable():
    taps = np.multiply.outer(random((7,), "f4"), random((5,), "f4", 1))
    call = filter_call(random((20, 70), "f4"), taps, Options(boundary="mirror"), flipped=False)
    assert call.operands.residual > 0
    check(separable_stream, call)


@pytest.mark.parametrize(
    ("shape", "dtype"), [((2, *WIDE), "f4"), (ODD, "f4"), ((13, 800), "u1"), ((13, 533), "u1"), ((13, 600), "f8")]
)
def test_sanitizers_are_content(shape, dtype):
    call = factors(shape, (5, 9), (dtype, "f8" if dtype == "f8" else "f4"), boundary="mirror")
    launch = record(separable_stream, call)
    for kind in ("address", "thread"):
        report = launch.replay_sanitized(kind, "random:3")
        assert report.ok, report.log
        assert_right(separable_stream, call, out_of(launch, report.arrays))


@pytest.mark.parametrize("arch", ["sm_75", "sm_86", "sm_90"])
@pytest.mark.parametrize(
    ("shape", "dtype", "taps"), [(WIDE, "f4", (5, 9)), (ODD, "f4", (15, 15)), ((13, 800), "u1", (5, 9))]
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(shape, dtype, taps, arch):
    call = factors(shape, taps, (dtype, "f4"), boundary="mirror")
    launch = record(separable_stream, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(separable_stream, call, out_of(launch, arrays))
    assert stats.bank_conflicts == 0
    assert stats.static["local_bytes"] == 0


@pytest.mark.parametrize("arch", standin.ARCHITECTURES)
@pytest.mark.usefixtures("nvrtc")
def test_nothing_is_spilled_and_everything_unrolled(arch):
    """STAGE rows of VECTOR outputs take FILTER_H + FILTER_W multiply-adds each; the first of a sum may be a product.

    The compiler may make two loops of one, the first for stages that lie inside the output, or of a part of it.
    """
    for taps in (5, 31):
        specialization = planned(separable_stream, factors(WIDE, (taps, taps))).launches[0].specialization
        cubin = standin.compile_all(source(specialization), [arch])[arch]
        rows = standin.sassrun().disassemble(cubin, "separable_stream")
        products = sum(row[2].split(".")[0] in ("FFMA", "FMUL") for row in rows)
        assert products in (4 * 4 * 2 * taps, 4 * 4 * 3 * taps, 2 * 4 * 4 * 2 * taps)
        assert standin.sassrun().Cubin(cubin).static("separable_stream")["local_bytes"] == 0


# What a block inside the image may issue for an output, but for the rows around its strip.
ISSUED = {5: 18, 15: 39, 31: 78}


def on_one_multiprocessor(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Long strips, as in an image that is large for its device."""
    return separable_stream(problem, replace(facts, device=DeviceLimits(multiprocessors=1)))


@pytest.mark.parametrize("arch", ["sm_75", "sm_90"])
@pytest.mark.parametrize("taps", ISSUED)
@pytest.mark.usefixtures("nvrtc")
def test_what_an_output_costs(taps, arch):
    call = factors((400, 768), (taps, taps))
    values = {a.name: a.value for a in planned(on_one_multiprocessor, call).launches[0].arguments}
    strip, block = values["strip_h"], values["strips"] // 2 * 3 + 1
    stats = record(on_one_multiprocessor, call).replay_sass(arch, blocks=(block, block + 1))[1]
    outputs = min(strip, 400 - block // 3 * strip) * THREADS * 4
    halo = 1 + (taps + 3) * THREADS * 4 / outputs
    assert 32 * stats.warp_instructions / outputs <= ISSUED[taps] * halo
    assert stats.bank_conflicts == 0
    assert stats.global_written == 4 * outputs
    assert stats.coalescing > 0.8  # rows of the image begin in the middle of a sector


# (what is replaced, by what): each is found by the result, AddressSanitizer or the machine code.
FAULTS = [
    ("+ FILTER_H - 1;", "+ FILTER_H - 2;"),
    ("first - pad_h", "first"),
    ("out_image_rows + first - (FILTER_H - 1)", "out_image_rows + first - FILTER_H"),
    ("wanted ? out_w - x : 0", "wanted ? out_w - x + 1 : 0"),
    ("left + THREADS * VECTOR <= out_w", "left <= out_w"),
    ("left + PITCH * VECTOR <= width", "left <= width"),
    ("whole && top + first >= 0 &&", "whole &&"),
    ("top + first + STAGE <= height", "top + first <= height"),
    ("if (tx < APRON)", "if (tx < APRON - 1)"),
    ("factors.at[FILTER_H + s]", "factors.at[FILTER_H + s - 1]"),
    ("factors.at[FILTER_H - 1 - j]", "factors.at[j]"),
    ("plus_product(sums[j + 1][c]", "plus_product(sums[j][c]"),
    ("first / STAGE % 2", "first / STAGE * 0"),
    ("position < 0 ? 0 : extent - 1", "position < 0 ? 0 : extent"),
]


def is_found(launch: standin.Launch) -> bool:
    expected = out_of(launch, launch.results)
    try:
        if not np.array_equal(out_of(launch, launch.replay_sass("sm_86")[0]), expected):
            return True
    except standin.sassrun().SassError:
        return True
    return False


@pytest.mark.parametrize(("pattern", "replacement"), FAULTS)
@pytest.mark.usefixtures("nvrtc")
def test_faults_are_found(pattern, replacement):
    launch = launch_of((40, 800), boundary="edge")
    launch = replace(launch, results=launch.replay_sass("sm_86")[0])  # to the bit, products fused into sums
    assert not is_found(launch)
    assert is_found(replace(launch, text=mutate(launch.text, pattern, replacement)))


BARRIERS = [name.rpartition(" ")[2] for name, _ in mutations(launch_of((5, 300), (5, 31)).text)]


@pytest.mark.parametrize("line", BARRIERS)
def test_every_barrier_is_needed(line):
    launch = launch_of((5, 300), (5, 31))  # whose rows are filtered by turns
    (text,) = [text for name, text in mutations(launch.text) if name.rpartition(" ")[2] == line]
    report = replace(launch, text=text).replay_sanitized("thread")
    assert "data race" in report.log


@pytest.mark.parametrize(
    ("taps", "options", "sentence"),
    [
        ((4, 5), {}, "odd factors"),
        ((33, 5), {}, "odd factors"),
        ((5, 5), {"stride": 2}, "stride and dilation 1"),
        ((5, 5), {"dilation": 2}, "stride and dilation 1"),
        ((5, 5, 5), {}, "two axes"),
    ],
)
def test_refusals(taps, options, sentence):
    call = factors((9,) * len(taps), taps, **options)
    refusal = separable_stream(call.problem, facts_of(call))
    assert isinstance(refusal, str)
    assert sentence in refusal


def test_filters_of_two_axes_need_factors():
    call = factors((9, 9), (5, 5))
    assert "outer product" in separable_stream(call.problem, replace(facts_of(call), separable=False))


@pytest.mark.parametrize("shape", [(1, 1), (480, 640), (4096, 4096), (100000, 3), (3, 100000)])
def test_strips_cover_the_output(shape):
    problem = factors((1, 1), (SIZES[0], SIZES[-1])).problem
    problem = replace(problem, extent=shape)
    launch = separable_stream(problem, Facts(separable=True, weights_sum=1))
    values = {argument.name: argument.value for argument in launch.arguments}
    assert (values["strips"] - 1) * values["strip_h"] < shape[0] <= values["strips"] * values["strip_h"]
    assert (values["tiles_w"] - 1) * THREADS * 4 < shape[1] <= values["tiles_w"] * THREADS * 4
    assert launch.grid == (values["strips"] * values["tiles_w"], 1, 1)
