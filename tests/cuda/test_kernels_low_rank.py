"""low_rank: right in every order of the threads, at every edge; what is not finite; what its machine code costs."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import assert_right, check, few, out_of, planned, record, run
from standin import mutate, mutations

import gpuconv
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_low_rank import low_rank
from gpuconv.launches.cuda_separable import THREADS
from gpuconv.options import Options
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import BOUNDARIES, Problem
from gpuconv.sources import source
from gpuconv.statements import filter_call

# A block has 256 columns of float32. Interior, edges on both sides; width no multiple of four; small.
WIDE, ODD = (24, 800), (20, 533)
SHAPES = [(1, 1), (9, 257), WIDE, ODD]


def weights_of(taps, terms, dtype="f4"):
    """The sum of random outer products."""
    rng = np.random.default_rng(1)
    return sum(np.multiply.outer(*(rng.standard_normal(n) for n in taps)) for _ in range(terms)).astype(dtype)


def call_of(shape=WIDE, taps=(5, 5), terms=2, dtypes=("f4", "f4"), **options):
    x, w = random(shape, dtypes[0]), weights_of(taps, terms, dtypes[1])
    call = filter_call(x, w, Options(method="low_rank", **options), flipped=False)
    assert len(call.operands.terms[0]) == terms
    return call


@pytest.mark.parametrize(
    ("shape", "boundary"),
    few(itertools.product(SHAPES, BOUNDARIES[1:]), (ODD, "mirror"), (WIDE, "edge"), ((1, 1), "wrap")),
)
def test_sizes_and_boundaries(shape, boundary):
    check(low_rank, call_of(shape, boundary=boundary))


@pytest.mark.parametrize(
    ("taps", "terms"), few([((2, 2), 1), ((15, 15), 3), ((31, 31), 2), ((4, 9), 4), ((16, 3), 2)], ((4, 9), 4))
)
def test_filter_sizes_and_terms(taps, terms):
    check(low_rank, call_of((17, 300), taps, terms, boundary="mirror"))


@pytest.mark.parametrize(
    ("shape", "taps", "options"),
    few(
        [
            ((41, 300), (33, 4), {"boundary": "mirror"}),
            ((9, 261), (64, 5), {"boundary": "edge"}),
            ((70, 20), (45, 7), {"size": "valid"}),
            ((20, 50), (40, 5), {"size": "full", "boundary": "wrap"}),
            ((20, 50), (40, 5), {"origin": (19, 0), "boundary": "symmetric"}),
            ((20, 50), (40, 5), {"origin": (-20, 1), "boundary": "edge"}),
            ((40, 30, 3), (36, 3), {"boundary": "constant", "channel_axis": -1}),
        ],
        ((41, 300), (33, 4), {"boundary": "mirror"}),
    ),
)
@pytest.mark.parametrize("special", [None, np.inf])
def test_long_columns_go_in_two_walks(shape, taps, options, special):
    call = call_of(shape, taps, **options)
    first, second = planned(low_rank, call).launches
    constants = [dict(launch.specialization.constants) for launch in (first, second)]
    assert [c["FIRST"] for c in constants] == [0, constants[0]["FILTER_H"]]
    assert sum(c["FILTER_H"] for c in constants) == taps[0]
    if special:
        call.operands.image[..., shape[0] // 2, 13] = special
    check(low_rank, call)


@pytest.mark.slow  # kernels of many instructions
@pytest.mark.parametrize("arch", standin.ARCHITECTURES)
@pytest.mark.parametrize(("taps", "terms"), [((63, 63), 2), ((64, 64), 4)])
@pytest.mark.usefixtures("nvrtc")
def test_walks_spill_nothing(taps, terms, arch):
    for launch in planned(low_rank, call_of((70, 800), taps, terms)).launches:
        cubin = standin.compile_all(source(launch.specialization), [arch])[arch]
        assert standin.sassrun().Cubin(cubin).static("low_rank")["local_bytes"] == 0


@pytest.mark.slow  # two kernels, under two sanitizers
def test_sanitizers_are_content_with_two_walks():
    call = call_of((41, 300), (33, 4), boundary="edge")
    call.operands.image[..., 40, 299] = np.inf
    with standin.recording() as launches:
        run(low_rank, call)
    assert len(launches) == 2
    for launch in launches:
        for kind in ("address", "thread"):
            report = launch.replay_sanitized(kind, "random:3")
            assert report.ok, report.log
    assert_right(low_rank, call, out_of(launches[1], launches[1].results))


@pytest.mark.parametrize(
    ("dtypes", "out"),
    few(
        [(("f8", "f8"), None), (("f2", "f4"), None), (("u1", "f4"), "u1"), (("i2", "f4"), "f4"), (("u1", "f8"), None)],
        (("u1", "f4"), "u1"),
        (("f8", "f8"), None),
    ),
)
@pytest.mark.parametrize("shape", [(12, 640), pytest.param((6, 139), marks=pytest.mark.slow)])
def test_dtypes(shape, dtypes, out):
    check(low_rank, call_of(shape, dtypes=dtypes, boundary="symmetric", out_dtype=out))


@pytest.mark.parametrize("options", few([{"size": "full"}, {"size": "valid"}, {"origin": (2, -1)}], {"size": "full"}))
def test_output_sizes_and_batches(options):
    check(low_rank, call_of((2, 3, 21, 270), boundary="wrap", **options))


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("shape", [ODD, pytest.param((9, 4), marks=pytest.mark.slow)])
def test_what_is_not_finite_stays_where_it_is(shape, special):
    """Nan where the direct sum has it, infinities of its sign, also under a zero tap; all else as without them."""
    columns, rows = random((2, 5), "f4"), random((2, 5), "f4", 1)
    columns[:, 2], rows[:, 1] = 1, (1, -1)
    weights = columns.T @ rows
    assert weights[2, 1] == 0
    x, options = random(shape, "f4"), Options(method="low_rank", boundary="edge")
    clean = run(low_rank, filter_call(x, weights, options, flipped=False)).reshape(shape)
    x[6, 3] = special
    call = filter_call(x, weights, options, flipped=False)
    check(low_rank, call)
    result = run(low_rank, call).reshape(shape)
    direct = gpuconv.correlate(x, weights, boundary="edge", method="direct", backend="numpy")
    special_ones = ~np.isfinite(direct)
    np.testing.assert_array_equal(result[special_ones], direct[special_ones])
    assert np.isnan(direct).any()
    untouched = np.ones(shape, bool)
    untouched[4:9, :8] = False
    np.testing.assert_array_equal(result[untouched], clean[untouched])


def test_what_overflows_on_the_way():
    """Two terms that are large, and almost cancel."""
    call = call_of((9, 300))
    image = call.operands.image
    image[...] = 2e38 * np.sign(image)
    scaled = call.operands.weights / np.float32(np.abs(call.operands.weights).sum())
    call = filter_call(image[0], scaled[0, 0], Options(method="low_rank"), flipped=False)
    check(low_rank, call)
    assert np.isfinite(run(low_rank, call)).all()


@pytest.mark.parametrize("fill", few([np.nan, np.inf, 2.5], np.nan))
def test_fill(fill):
    check(low_rank, call_of((9, 300), boundary="constant", fill=fill))


@pytest.mark.parametrize("special", [None, np.inf])
def test_channels_side_by_side(special):
    call = call_of((14, 100, 3), boundary="mirror", channel_axis=-1)
    assert planned(low_rank, call).launches[0].specialization.constant("PIXEL") == 3
    if special:
        call.operands.image[1, ..., 5, 98] = special
    check(low_rank, call)


@pytest.mark.parametrize(
    ("shape", "dtypes"), few([(ODD, ("f4", "f4")), ((13, 800), ("u1", "f4"))], (ODD, ("f4", "f4")))
)
def test_sanitizers_are_content(shape, dtypes):
    call = call_of(shape, (5, 9), dtypes=dtypes, boundary="mirror")
    if dtypes[0] == "f4":
        call.operands.image[..., 19, 532] = np.inf
    launch = record(low_rank, call)
    for kind in ("address", "thread"):
        report = launch.replay_sanitized(kind, "random:3")
        assert report.ok, report.log
        assert_right(low_rank, call, out_of(launch, report.arrays))


@pytest.mark.parametrize("arch", few(["sm_75", "sm_86", "sm_90"], "sm_90"))
@pytest.mark.parametrize(
    ("shape", "dtypes", "taps"),
    few(
        [(ODD, ("f4", "f4"), (5, 9)), (WIDE, ("f4", "f4"), (15, 15)), ((13, 800), ("u1", "f4"), (5, 9))],
        (ODD, ("f4", "f4"), (5, 9)),
    ),
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(shape, dtypes, taps, arch):
    call = call_of(shape, taps, dtypes=dtypes, boundary="mirror")
    if dtypes[0] == "f4":
        call.operands.image[..., 3, 17] = np.nan
    launch = record(low_rank, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(low_rank, call, out_of(launch, arrays))
    assert stats.bank_conflicts == 0
    assert stats.static["local_bytes"] == 0


@pytest.mark.parametrize("arch", few(standin.ARCHITECTURES, "sm_90"))
@pytest.mark.parametrize(
    ("taps", "terms", "rows"),
    few([((9, 9), 1, 4), ((15, 15), 2, 4), ((31, 31), 2, 1), ((31, 31), 4, 1)], ((31, 31), 4, 1)),
)
@pytest.mark.usefixtures("nvrtc")
def test_nothing_is_spilled_and_everything_unrolled(arch, taps, terms, rows):
    """Per row of VECTOR outputs FILTER_H + FILTER_W multiply-adds a term and one of the trace; at the end two products.

    The compiler may make two loops of one, the first for stages that lie inside the output.
    """
    specialization = planned(low_rank, call_of(WIDE, taps, terms)).launches[0].specialization
    cubin = standin.compile_all(source(specialization), [arch])[arch]
    lines = standin.sassrun().disassemble(cubin, "low_rank")
    products = sum(line[2].split(".")[0] in ("FFMA", "FMUL") for line in lines)
    assert products in [loops * rows * 4 * (terms * sum(taps) + 1) + 2 for loops in (1, 2)]
    assert standin.sassrun().Cubin(cubin).static("low_rank")["local_bytes"] == 0


@pytest.mark.parametrize("arch", few(standin.ARCHITECTURES, "sm_90"))
@pytest.mark.parametrize(
    ("dtypes", "taps", "terms"),
    few(
        [
            (pair, taps, terms)
            for pair in [("f8", "f8"), ("f2", "f4"), ("u1", "f4")]
            for taps, terms in [(15, 2), (24, 4)]
        ],
        (("f8", "f8"), 15, 2),
    ),
)
@pytest.mark.usefixtures("nvrtc")
def test_other_dtypes_spill_nothing(dtypes, taps, terms, arch):
    call = call_of(WIDE, (taps, taps), terms, dtypes, out_dtype=dtypes[0], boundary="mirror")
    cubin = standin.compile_all(source(planned(low_rank, call).launches[0].specialization), [arch])[arch]
    assert standin.sassrun().Cubin(cubin).static("low_rank")["local_bytes"] == 0


# What a block inside the image may issue for an output, but for the rows around its strip; products alone are 30, 60.
ISSUED = {(9, 2): 46, (15, 2): 73, (31, 2): 154}


def on_one_multiprocessor(problem: Problem, facts: Facts) -> LaunchPlan | str:
    """Long strips, as in an image that is large for its device."""
    return low_rank(problem, replace(facts, device=DeviceLimits(multiprocessors=1)))


@pytest.mark.parametrize("arch", ["sm_75", "sm_90"])
@pytest.mark.parametrize(("taps", "terms"), few(ISSUED, (15, 2)))
@pytest.mark.usefixtures("nvrtc")
def test_what_an_output_costs(taps, terms, arch):
    call = call_of((400, 768), (taps, taps), terms)
    values = {a.name: a.value for a in planned(on_one_multiprocessor, call).launches[0].arguments}
    strip, block = values["strip_h"], values["strips"] // 2 * 3 + 1
    stats = record(on_one_multiprocessor, call).replay_sass(arch, blocks=(block, block + 1))[1]
    outputs = min(strip, 400 - block // 3 * strip) * THREADS * 4
    halo = 1 + (taps + 3) * THREADS * 4 / outputs
    assert 32 * stats.warp_instructions / outputs <= ISSUED[taps, terms] * halo
    assert stats.bank_conflicts == 0
    assert stats.global_written == 4 * outputs


# (what is replaced, by what): each is found by the result, AddressSanitizer or the machine code.
FAULTS = [
    ("terms.rows[k][s]", "terms.rows[0][s]"),
    ("terms.columns[k][FILTER_H - 1 - j]", "terms.columns[k][j]"),
    ("sums[j + 1][c] : acc_t(0)", "sums[j][c] : acc_t(0)"),
    ("wanted ? out_w - x : 0", "wanted ? out_w - x + 1 : 0"),
    ("LAST && wanted && !is_finite", "LAST && !is_finite"),
    ("spoiled = min(spoiled, i + row)", "spoiled = i + row"),
    ("row <= last_spoiled", "row < last_spoiled"),
    ("x + c < out_w; ++c", "x + c <= out_w; ++c"),
    ("c < VECTOR && x + c", "c < VECTOR - 1 && x + c"),
    ("ceil_div(rows, STAGE) * STAGE", "rows"),
    ("row - (FILTER_H - 1) - FIRST", "row"),
    ("outside ? rows.fill", "false ? rows.fill"),
]


def spoiled_launch():
    """Rows that are no multiple of a stage, and infinities at the last sample and inside."""
    call = call_of((2, 38, 533), boundary="constant", fill=1.5)
    call.operands.image[:, ..., 37, 532] = call.operands.image[1, ..., 20, 100] = np.inf
    call.operands.image[0, ..., 0, 3] = np.nan
    return record(low_rank, call)


def is_found(launch: standin.Launch) -> bool:
    try:
        return not np.array_equal(
            out_of(launch, launch.replay_sass("sm_86")[0]), out_of(launch, launch.results), equal_nan=True
        )
    except standin.sassrun().SassError:
        return True


@pytest.mark.slow  # each fault is compiled, and executed as machine code
@pytest.mark.parametrize(("pattern", "replacement"), FAULTS)
@pytest.mark.usefixtures("nvrtc")
def test_faults_are_found(pattern, replacement):
    launch = spoiled_launch()
    launch = replace(launch, results=launch.replay_sass("sm_86")[0])  # to the bit, products fused into sums
    assert not is_found(launch)
    assert is_found(replace(launch, text=mutate(launch.text, pattern, replacement)))


def test_every_barrier_is_needed():
    launch = record(low_rank, call_of())
    for name, text in mutations(launch.text):
        assert "data race" in replace(launch, text=text).replay_sanitized("thread").log, name


@pytest.mark.parametrize(
    ("taps", "options", "sentence"),
    [
        ((65, 5), {}, "2 to 64 taps an axis; got (65, 5)"),
        ((33, 5), {"out_dtype": "f2"}, "columns of more than 32 taps in float32; got float16"),
        ((31, 31), {"compute_dtype": "f8", "terms": 4}, "columns of more than 24 taps in float64; got float32"),
        ((5, 5), {"stride": 2}, "stride and dilation 1"),
        ((5, 5), {"compute_dtype": "c8", "out_dtype": "c8"}, "real numbers in floating point"),
    ],
)
def test_refusals(taps, options, sentence):
    weights = weights_of(taps, options.pop("terms", 2), "f8")
    call = filter_call(random((20, 30), "f4"), weights, Options(method="low_rank", **options), flipped=False)
    with pytest.raises(AssertionError, match=re.escape(sentence)):
        planned(low_rank, call)
