"""Layers whose channels have filters of their own: with stride (depthwise_strided), and over signals (conv1d_rows)."""

from dataclasses import replace
from itertools import product

import cupy
import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import assert_right, check, few, layer, out_of, planned, record, run
from standin import mutate, mutations

import gpuconv
from gpuconv.backends.cupy import OPTIONS
from gpuconv.engine import Call, facts_of
from gpuconv.launches import LaunchPlan, cuda_depthwise
from gpuconv.launches.cuda import LAUNCHERS
from gpuconv.launches.cuda_depthwise import depthwise_strided
from gpuconv.launches.cuda_signals import conv1d_rows
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.sources import source

BIG = DeviceLimits(multiprocessors=1)  # so small that the largest tiles are the best


def strided(taps: int, extent: tuple[int, ...], dtype="f4", *, channels=3, filters=1, images=2, **options) -> Call:
    weights = (channels * filters, 1, *(taps,) * len(extent))
    options = {"stride": 2, "padding": taps // 2, "groups": channels} | options
    return layer((images, channels, *extent), weights, dtype, **options)


def signals(taps: int, extent: int, dtype="f4", **options) -> Call:
    return strided(taps, (extent,), dtype, **({"stride": 1} | options))


CALLS = {
    "rows that are vectors": lambda: strided(3, (40, 136)),
    "rows that are none": lambda: strided(3, (39, 135)),
    "5 x 5 without bias": lambda: strided(5, (36, 44), bias=False),
    "two filters a channel": lambda: strided(5, (20, 36), filters=2),
    "7 x 7": lambda: strided(7, (37, 84), channels=2),
    "deep": lambda: strided(3, (14, 14), channels=8),
    "one stride, even filter": lambda: strided(4, (21, 40), stride=(2, 1), padding=1),
    "the other stride": lambda: strided(3, (21, 40), stride=(1, 2), padding=0),
    "wide pads": lambda: strided(3, (5, 8), padding=9),
    "reflected": lambda: strided(5, (20, 40), padding_mode="reflect"),
    "float64": lambda: strided(5, (20, 44), "f8"),
    "float16": lambda: strided(3, (21, 48), "f2"),
    "bytes": lambda: strided(3, (9, 36), "u1"),
    "complex64": lambda: strided(3, (9, 36), "c8"),
}
SIGNALS = {
    "three taps": lambda: signals(3, 600),
    "several blocks, two filters": lambda: signals(31, 1300, filters=2),
    "a piece at a time": lambda: signals(1100, 700, channels=2, images=1),
    "reflected": lambda: signals(9, 40, padding_mode="reflect", bias=False),
    "float64": lambda: signals(8, 300, "f8", padding=0),
    "float16": lambda: signals(4, 300, "f2", padding=3),
    "bytes": lambda: signals(4, 300, "u1"),
}
CASES = [(depthwise_strided, CALLS[name]) for name in CALLS] + [(conv1d_rows, SIGNALS[name]) for name in SIGNALS]
NAMES = [*CALLS, *(f"signals, {name}" for name in SIGNALS)]
FEW = {"rows that are vectors", "rows that are none", "two filters a channel", "float16", "signals, float16"}
FEW |= {"signals, several blocks, two filters", "signals, three taps", "deep", "complex64"}


@pytest.mark.parametrize(
    ("launcher", "call"),
    [
        pytest.param(*case, id=name, marks=() if name in FEW else pytest.mark.slow)
        for case, name in zip(CASES, NAMES, strict=True)
    ],
)
def test_agrees_with_the_oracle(launcher, call):
    check(launcher, call())


@pytest.mark.parametrize("launcher", [depthwise_strided, conv1d_rows])
def test_a_fill_value_that_is_not_zero(launcher):
    call = strided(3, (12, 20)) if launcher is depthwise_strided else signals(5, 300)
    check(launcher, replace(call, problem=replace(call.problem, fill=2.5)))


def test_special_values_stay_where_they_are():
    call = strided(3, (16, 16), channels=1)
    call.operands.image[0, 0, 6, 8] = np.nan
    assert np.argwhere(np.isnan(run(depthwise_strided, call))).tolist() == [[0, 0, 3, 4]]


@pytest.mark.parametrize("dtype", few(("f4", "f8"), "f4"))
def test_every_tile_gives_the_same_bits(dtype, monkeypatch):
    call = strided(5, (75, 136), dtype, images=1, filters=2)
    everything, results = cuda_depthwise.strided_tiles, []
    for index in range(4):
        monkeypatch.setattr(cuda_depthwise, "strided_tiles", lambda *given, i=index: everything(*given)[i:][:1])
        results.append(run(depthwise_strided, call))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize(
    ("call", "kernel"),
    [
        (strided(3, (20, 20)), "depthwise_strided"),
        (strided(7, (20, 20)), "depthwise_strided"),
        (strided(3, (20, 20), stride=3), "conv2d_layer"),
        (strided(3, (20, 20), dilation=2), "conv2d_layer"),
        (signals(3, 100), "conv1d_rows"),
        (signals(31, 100), "conv1d_rows"),
        (signals(31, 100, stride=2), "conv2d_layer"),
    ],
)
def test_the_planner_takes_them(call, kernel):
    launches = (launcher(call.problem, facts_of(call)) for launcher in LAUNCHERS)
    assert next(launch for launch in launches if isinstance(launch, LaunchPlan)).specialization.kernel == kernel


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"groups": 1, "channels_out": 2}, "takes filters over single channels; got 3 in 1 groups"),
        ({"stride": (1, 1)}, "takes strides up to 2"),
        ({"stride": (2, 3)}, "takes strides up to 2"),
        ({"filter": (12, 11)}, "filters of at most 121 words"),
        ({"dilation": (1, 2)}, "needs stride and dilation 1"),
    ],
)
def test_refusals(change, sentence):
    problem = replace(strided(5, (40, 40)).problem, **change)
    assert sentence in depthwise_strided(problem, Facts(weights_sum=1))


def test_samples_of_sixteen_bytes_are_too_few_at_a_time():
    assert "reads 2 samples or more at a time" in depthwise_strided(strided(3, (9, 9), "c16").problem, Facts())


def test_slices_of_signals_are_not_copied(monkeypatch):
    memory, w, b = random((4, 6, 700), "f4"), random((3, 1, 9), "f4", 1), random((3,), "f4", 2)
    expected = gpuconv.nn.conv1d(memory[:, :3, 5:600].copy(), w, b, groups=3)
    x, taps, bias = cupy.asarray(memory)[:, :3, 5:600], cupy.asarray(w), cupy.asarray(b)
    with standin.recording() as launches:
        result = gpuconv.nn.conv1d(x, taps, bias, groups=3)
    assert [launch.name for launch in launches] == ["conv1d_rows"]
    bound = 2 * planned(conv1d_rows, signals(9, 700)).bound.relative * np.abs(w).sum(-1).max() * np.abs(memory).max()
    np.testing.assert_allclose(result.get(), expected, rtol=0, atol=bound)


# ------------------------------------------------------------------------------------------ machine code, sanitizers


MACHINE = {"sm_75": CALLS["rows that are vectors"], "sm_86": CALLS["deep"], "sm_90": CALLS["two filters a channel"]}
SIGNAL_MACHINE = {
    "sm_75": SIGNALS["float16"],
    "sm_120": SIGNALS["three taps"],
    "sm_90": SIGNALS["several blocks, two filters"],
}
RUNS = [(depthwise_strided, arch, call) for arch, call in MACHINE.items()]
RUNS += [(conv1d_rows, arch, call) for arch, call in SIGNAL_MACHINE.items()]


@pytest.mark.parametrize("kind", ["address", "thread"])
@pytest.mark.parametrize(("launcher", "call"), [(depthwise_strided, CALLS["deep"]), (conv1d_rows, SIGNALS["float16"])])
def test_sanitizers_are_content(launcher, call, kind):
    launch = record(launcher, call())
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    assert_right(launcher, call(), out_of(launch, report.arrays))


@pytest.mark.parametrize(("launcher", "arch", "call"), RUNS, ids=[f"{r[0].__name__} {r[1]}" for r in RUNS])
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(launcher, arch, call):
    launch = record(launcher, call())
    arrays, stats = launch.replay_sass(arch)
    assert_right(launcher, call(), out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0
    assert stats.bank_conflicts == 0


def launch_of(taps: int, extent: int, dtype: str = "f4") -> LaunchPlan:
    problem = replace(strided(taps, (20, 20), dtype).problem, extent=(extent, extent))
    launch = depthwise_strided(problem, Facts(weights_sum=1, device=BIG))
    assert isinstance(launch, LaunchPlan), launch
    return launch


@pytest.mark.parametrize(
    ("arch", "taps", "extent", "dtype"),
    few(product(standin.ARCHITECTURES, (3, 5, 7), (14, 28, 112), ("f4", "f2", "f8")), ("sm_90", 7, 112, "f4")),
)
@pytest.mark.usefixtures("nvrtc")
def test_everything_is_unrolled_and_nothing_spilled(arch, taps, extent, dtype):
    """As many multiply-adds stand in the code as a thread's outputs have taps."""
    specialization = launch_of(taps, extent, dtype).specialization
    cubin = standin.compile_all(source(specialization), [arch], OPTIONS)[arch]
    emulator, rows = standin.sassrun(), specialization.constant("ROWS")
    opcodes = [row[2].split(".")[0] for row in emulator.disassemble(cubin, specialization.kernel)]
    fused = opcodes.count("DFMA") if dtype == "f8" else opcodes.count("FFMA") + 2 * opcodes.count("FFMA2")
    assert fused == taps * taps * rows * (1 if dtype == "f8" else 2)
    assert emulator.Cubin(cubin).static(specialization.kernel)["local_bytes"] == 0


# Instructions of an output of layers as networks have them, all of whose images are edges; conv2d_layer takes 480 to
# 6700 there. An H100 issues some 170 in the time that its memory takes for a layer of stride 2, and 70 for signals.
MOST = {
    "3 x 3": (80, lambda: strided(3, (112, 112), channels=8, images=1)),
    "7 x 7": (150, lambda: strided(7, (56, 56), channels=8, images=1)),
    "31 taps": (80, lambda: signals(31, 2048, channels=8, images=1)),
}


@pytest.mark.parametrize("case", MOST)
@pytest.mark.usefixtures("nvrtc")
def test_instructions_of_an_output(case):
    most, make = MOST[case]
    call = make()
    launcher = conv1d_rows if case == "31 taps" else depthwise_strided
    launch = record(lambda problem, facts: launcher(problem, replace(facts, device=BIG)), call)
    stats = launch.replay_sass("sm_90")[1]
    assert 32 * stats.warp_instructions / np.prod(call.problem.out_shape) <= most
    assert stats.bank_conflicts == 0


# ------------------------------------------------------------------------------------------ faults


FAULTS = [
    ("two filters a channel", "place.n / filters", "place.n", {"address"}),
    ("two filters a channel", "place.n % (channels * filters)", "place.n % channels", {"result"}),
    ("rows that are none", "if (x < columns) out[x]", "out[x]", {"address"}),
    ("rows that are vectors", "OFFSET + x * STRIDE_W + s", "OFFSET + x + s", {"result"}),
    ("rows that are none", "unsigned(y) < unsigned(images.height)", "y >= 0", {"result"}),
]


@pytest.mark.parametrize("fault", few(range(len(FAULTS)), 1, 4))
def test_faults_are_found(fault):
    case, pattern, replacement, finders = FAULTS[fault]
    launch = record(depthwise_strided, CALLS[case]())
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    if "result" in finders:
        assert not np.array_equal(out_of(faulty, faulty.replay_cpu("forward")), out_of(launch, launch.results))
    else:
        assert not faulty.replay_sanitized("address").ok


@pytest.mark.slow  # one compilation with ThreadSanitizer for each
@pytest.mark.parametrize(("launcher", "call"), [(depthwise_strided, CALLS["deep"]), (conv1d_rows, SIGNALS["float16"])])
def test_every_barrier_is_needed(launcher, call):
    launch = record(launcher, call())
    for name, text in mutations(launch.text):
        assert not replace(launch, text=text).replay_sanitized("thread").ok, name
