"""conv2d_bytes: exact for bytes of either sign, at every edge and alignment; what its machine code costs; faults."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import ORDERS, assert_right, check, few, image_filter, out_of, planned, record
from standin import mutate, mutations

import gpuconv
from gpuconv.engine import facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_bytes import conv2d_bytes
from gpuconv.options import Options
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import BOUNDARIES, Problem
from gpuconv.sources import source
from gpuconv.statements import filter_call

# A block has 256 columns. Interior, edges on both sides; rows that begin at any byte of a word; small.
WIDE, ODD = (24, 800), (20, 803)
SHAPES = [(1, 1), (9, 257), WIDE, ODD]
SIGNED = ("u1", "i1")


def call_of(shape=WIDE, taps=(5, 5), dtypes=SIGNED, **options):
    return image_filter(shape, taps, dtypes, **options)


@pytest.mark.parametrize(
    ("shape", "boundary"),
    few(itertools.product(SHAPES, BOUNDARIES[1:]), *((shape, "mirror") for shape in (ODD, WIDE, (1, 1)))),
)
def test_sizes_and_boundaries(shape, boundary):
    check(conv2d_bytes, call_of(shape, boundary=boundary))


@pytest.mark.parametrize(
    ("dtypes", "out", "overflow"),
    few(
        [
            *(((image, weights), "u1", "saturate") for image in ("u1", "i1") for weights in ("u1", "i1")),
            (("?", "i1"), "f4", "saturate"),
            (("u1", "u1"), "i2", "wrap"),
            (("i1", "i1"), "i1", "saturate"),
            (("u1", "i1"), "i4", "saturate"),
        ],
        (("i1", "u1"), "u1", "saturate"),
        (("u1", "u1"), "i2", "wrap"),
    ),
)
def test_bytes_of_either_sign(dtypes, out, overflow):
    check(conv2d_bytes, call_of((9, 300), (4, 6), dtypes, boundary="symmetric", out_dtype=out, overflow=overflow))


@pytest.mark.parametrize(("image", "weights"), few([(255, 255), (255, -128), (-128, -128)], (255, -128)))
def test_extreme_values(image, weights):
    """No product saturates or changes its sign on the way."""
    x, w = (
        np.full(shape, value, "u1" if value > 0 else "i1") for shape, value in (((9, 300), image), ((7, 7), weights))
    )
    call = filter_call(x, w, Options(boundary="edge"), flipped=False)
    check(conv2d_bytes, call)


@pytest.mark.parametrize(
    ("filter_h", "filter_w"),
    few([(2, 2), (3, 3), (7, 7), (9, 9), (15, 15), (21, 21), (3, 40), (30, 2)], (9, 9)),
)
def test_filter_sizes(filter_h, filter_w):
    check(conv2d_bytes, call_of((17, 300), (filter_h, filter_w), boundary="mirror"))


@pytest.mark.parametrize(("size", "fill"), few(itertools.product(["valid", "full"], [255, 0]), ("full", 255)))
def test_output_sizes(size, fill):
    check(conv2d_bytes, call_of((2, 7, 600), (3, 3), size=size, boundary="constant", fill=fill))


@pytest.mark.parametrize("channels", few([2, 3, 4], 3))
def test_channels_side_by_side(channels):
    call = call_of((11, 270, channels), (5, 5), boundary="mirror", channel_axis=-1)
    assert planned(conv2d_bytes, call).launches[0].specialization.constant("PIXEL") == channels
    check(conv2d_bytes, call)


@pytest.mark.parametrize(("shape", "boundary"), few([(ODD, "constant"), (WIDE, "mirror")], (ODD, "constant")))
def test_sanitizers_are_content(shape, boundary):
    call = call_of(shape, (3, 5), boundary=boundary, out_dtype="u1")
    launch = record(conv2d_bytes, call)
    result = out_of(launch, launch.results)
    assert_right(conv2d_bytes, call, result)
    for kind in ("address", "thread"):
        report = launch.replay_sanitized(kind, "random:3")
        assert report.ok, report.log
        np.testing.assert_array_equal(out_of(launch, report.arrays), result)


@pytest.mark.parametrize("arch", few(["sm_75", "sm_86", "sm_90"], "sm_86"))
@pytest.mark.parametrize(
    ("shape", "dtypes", "out"), few([(ODD, ("i1", "u1"), "i1"), (WIDE, SIGNED, "u1")], (ODD, ("i1", "u1"), "i1"))
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(shape, dtypes, out, arch):
    call = call_of(shape, (5, 5), dtypes, boundary="mirror", out_dtype=out)
    launch = record(conv2d_bytes, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(conv2d_bytes, call, out_of(launch, arrays))
    assert stats.bank_conflicts == 0


def words_of_a_row(taps: tuple[int, int], pixel: int = 1) -> int:
    """Dot products of a row of the image and all rows of the filter, for four outputs."""
    return taps[0] * sum(-(-(behind + (taps[1] - 1) * pixel + 1) // 4) for behind in range(4))


@pytest.mark.parametrize("arch", few(standin.ARCHITECTURES, "sm_90"))
@pytest.mark.parametrize(
    ("taps", "rows", "out"),
    few(
        [((3, 3), 4, "u1"), ((7, 7), 4, "i8"), ((7, 7), 4, "u1"), ((9, 9), 1, "i8"), ((21, 21), 1, "u1")],
        ((7, 7), 4, "u1"),
    ),
)
@pytest.mark.usefixtures("nvrtc")
def test_everything_is_unrolled_and_nothing_spilled(taps, rows, out, arch):
    """The compiler may make two loops of one, the first for stages that lie inside the output."""
    specialization = planned(conv2d_bytes, call_of(taps=taps, out_dtype=out)).launches[0].specialization
    cubin = standin.compile_all(source(specialization), [arch])[arch]
    lines = standin.sassrun().disassemble(cubin, "conv2d_bytes")
    products = sum(line[2].startswith("IDP.4A") for line in lines)
    assert products in [loops * rows * words_of_a_row(taps) for loops in (1, 2)]
    assert standin.sassrun().Cubin(cubin).static("conv2d_bytes")["local_bytes"] == 0


# What a block inside the image may issue for an output of a byte. Its dot products take two clocks of the four that all
# schedulers have, so that twice their number is what an output costs at least: the rest hides behind them.
ISSUED = {3: 14, 5: 22, 7: 33, 11: 76, 15: 126}


def on_one_multiprocessor(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Long strips, as in an image that is large for its device."""
    return conv2d_bytes(problem, replace(facts, device=DeviceLimits(multiprocessors=1)))


@pytest.mark.parametrize("arch", few(["sm_75", "sm_90"], "sm_90"))
@pytest.mark.parametrize("taps", few(ISSUED, 7))
@pytest.mark.usefixtures("nvrtc")
def test_what_an_output_costs(taps, arch):
    launch = record(on_one_multiprocessor, call_of((400, 768), (taps, taps), boundary="mirror", out_dtype="u1"))
    stats = launch.replay_sass(arch, blocks=(1, 2))[1]
    issued = 32 * stats.warp_instructions / stats.global_written
    assert words_of_a_row((taps, taps)) / 4 < issued <= ISSUED[taps]


# ------------------------------------------------------------------------------------------ which calls


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        (np.full((3, 3), 200) - np.eye(3, dtype=int) * 201, "whole numbers of one byte"),
        (np.ones((3, 3), "f4"), "whole numbers of one byte"),
        (np.ones((1, 3), int), "at least 2 taps an axis"),
        (np.ones((31, 31), int), "packed in 512 words"),
    ],
)
def test_weights_that_are_refused(weights, sentence):
    call = filter_call(np.ones((9, 9), "u1"), weights, Options(), flipped=False)
    assert sentence in conv2d_bytes(call.problem, facts_of(call))


@pytest.mark.parametrize(
    ("dtypes", "options", "sentence"),
    [
        (("i2", "i1"), {}, "whole numbers of one byte"),
        (SIGNED, {"stride": 2}, "stride and dilation 1"),
        (SIGNED, {"boundary": "constant", "fill": 300}, "a fill value of the image's dtype; got 300"),
    ],
)
def test_calls_that_are_refused(dtypes, options, sentence):
    call = call_of(dtypes=dtypes, **options)
    assert sentence in conv2d_bytes(call.problem, facts_of(call))


@pytest.mark.usefixtures("standin_cupy")
def test_public_face():
    image, weights = random((30, 300), "u1"), np.arange(-12, 13).reshape(5, 5)
    found = gpuconv.explain(image, weights, backend="cupy", boundary="mirror", method="direct")
    assert found.algorithm == "conv2d_bytes"
    result = gpuconv.convolve(image, weights, backend="cupy", boundary="mirror")
    np.testing.assert_array_equal(result, gpuconv.convolve(image, weights, backend="numpy", boundary="mirror"))


# ------------------------------------------------------------------------------------------ faults

EXACTLY = (8, 518)  # what the second block copies, without pads, ends with the image
FAULTS = [
    (WIDE, "[FILTER_H - 1 - j][behind]", "[j][behind]", {"result"}),
    (WIDE, "behind = (OFFSET + c) % 4", "behind = c", {"result"}),
    (WIDE, "first = (OFFSET + c) / 4", "first = 0", {"result"}),
    (WIDE, "== 1 && BOUNDARY != CONSTANT;", "== 1;", {"result"}),
    (WIDE, "cp.async.wait_all;", "", {"machine code"}),
    (ODD, "__funnelshift_r(words[0], words[1], behind * 8)", "words[0]", {"result"}),
    (EXACTLY, "margin = aligned ? 0 : VECTOR;", "margin = 0;", {"address", "machine code"}),
]


@pytest.mark.parametrize(("shape", "pattern", "replacement", "finders"), FAULTS)
@pytest.mark.usefixtures("nvrtc")
def test_faults_are_found(shape, pattern, replacement, finders):
    launch = record(conv2d_bytes, call_of(shape, size="valid" if shape == EXACTLY else "same"))
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    found = set()
    expected = out_of(launch, launch.results)
    if any(not np.array_equal(out_of(faulty, faulty.replay_cpu(order)), expected) for order in ORDERS):
        found.add("result")
    if "address" in finders and not faulty.replay_sanitized("address").ok:
        found.add("address")
    if "machine code" in finders:
        with pytest.raises(standin.sassrun().SassError):
            faulty.replay_sass("sm_86")
        found.add("machine code")
    assert found == finders


def test_the_barrier_is_needed():
    launch = record(conv2d_bytes, call_of(ODD))
    ((_, text),) = mutations(launch.text)
    assert not replace(launch, text=text).replay_sanitized("thread").ok
