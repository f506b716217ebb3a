"""depthwise_small and depthwise_large: filters of each channel's own, and banks of filters."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import standin
from kernel_runs import assert_right, check, few, image_filter, layer, out_of, record, run
from standin import mutate, mutations
from test_kernels_compile import compiler_log

from gpuconv.backends.cupy import OPTIONS
from gpuconv.engine import Call, facts_of
from gpuconv.launches import LaunchPlan, cuda_depthwise, cuda_direct, cuda_tiles
from gpuconv.launches.cuda import LAUNCHERS
from gpuconv.launches.cuda_depthwise import depthwise_large, depthwise_small
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.sources import source

KERNELS = [depthwise_small, depthwise_large]
BANK = "a bank into rows that are no vectors"
MACHINES = ("sm_75", "sm_86", "sm_90")
BIG = DeviceLimits(multiprocessors=1)  # so small that the largest tiles are the best


def depthwise(
    channels: int, taps: tuple[int, ...], extent: tuple[int, ...], dtype="f4", *, images=2, filters=1, **options
) -> Call:
    weights = (channels * filters, 1, *taps)
    return layer((images, channels, *extent), weights, dtype, groups=channels, **({"padding": taps[0] // 2} | options))


CALLS = {
    "3 x 3": lambda: depthwise(3, (3, 3), (40, 140)),
    "5 x 5 without bias": lambda: depthwise(2, (5, 5), (35, 43), bias=False),
    "two filters a channel": lambda: depthwise(3, (5, 5), (19, 36), filters=2),
    "a bank of eleven": lambda: layer((2, 1, 35, 44), (11, 1, 3, 3), padding=1),
    "a bank into rows that are no vectors": lambda: layer((1, 1, 40, 76), (3, 1, 5, 6), padding=(2, 3)),
    "valid": lambda: depthwise(2, (7, 7), (37, 45), padding=0),
    "wide pads": lambda: depthwise(2, (3, 3), (5, 6), padding=9),
    "rectangular": lambda: depthwise(2, (2, 9), (20, 70), padding=(1, 4)),
    "float64": lambda: depthwise(2, (5, 5), (37, 45), "f8"),
    "float16": lambda: depthwise(2, (3, 5), (37, 46), "f2", padding=(1, 2)),
    "bytes": lambda: depthwise(2, (3, 3), (9, 33), "u1"),
    "deep": lambda: depthwise(8, (3, 3), (7, 7)),
}


@pytest.mark.parametrize("launcher", KERNELS)
@pytest.mark.parametrize("case", few(CALLS, "3 x 3", BANK, "float16", "wide pads"))
def test_agrees_with_the_oracle(launcher, case):
    check(launcher, CALLS[case]())


@pytest.mark.parametrize("taps", few((7, 9, 11), 9))
def test_sizes_of_small_filters(taps):
    check(depthwise_small, depthwise(2, (taps, taps), (20, 44), images=1))


@pytest.mark.parametrize(("height", "width"), few([(15, 15), (31, 31), (3, 40)], (3, 40)))
def test_sizes_of_large_filters(height, width):
    check(depthwise_large, depthwise(2, (height, width), (34, 40), images=1, padding=(height // 2, width // 2)))


@pytest.mark.parametrize("dtype", few(("f4", "u1"), "u1"))
def test_one_filter_on_the_device(dtype):
    """Whose sum of weights is not known: as a layer of one channel."""
    call = image_filter((40, 70), (5, 4), (dtype, "f4"), boundary="mirror")
    launch = depthwise_small(call.problem, replace(facts_of(call), weights_place="device", weights_sum=None))
    assert isinstance(launch, LaunchPlan), launch
    assert_right(lambda problem, facts: launch, call, run(lambda problem, facts: launch, call))


@pytest.mark.parametrize("dtype", few(("f4", "f8"), "f4"))
def test_every_tile_gives_the_same_bits(dtype, monkeypatch):
    call = depthwise(2, (5, 5), (75, 136), dtype, images=1, filters=2)
    everything, results = cuda_depthwise.small_tiles, []
    for index in range(4):
        monkeypatch.setattr(cuda_depthwise, "small_tiles", lambda *given, index=index: everything(*given)[index:][:1])
        results.append(run(depthwise_small, call))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


def test_stacks_beyond_the_limit_of_a_grid(monkeypatch):
    monkeypatch.setattr(cuda_tiles, "GRID_Y", 3)
    for launcher in KERNELS:
        call = depthwise(3, (3, 3), (40, 20), filters=2)
        _, y, z = record(launcher, call).grid
        assert (y <= 3, z > 1) == (True, True)
        check(launcher, call)


@pytest.mark.parametrize(
    ("taps", "kernel"),
    [
        ((3, 3), "depthwise_small"),
        ((11, 11), "depthwise_small"),
        ((12, 2), "depthwise_large"),
        ((15, 15), "depthwise_large"),
    ],
)
def test_the_planner_takes_them(taps, kernel):
    call = depthwise(4, taps, (60, 60))
    launches = (launcher(call.problem, facts_of(call)) for launcher in LAUNCHERS)
    first = next(launch for launch in launches if isinstance(launch, LaunchPlan))
    assert first.specialization.kernel == kernel


@pytest.mark.parametrize(
    ("launcher", "change", "sentence"),
    [
        (depthwise_small, {"groups": 1, "channels_out": 2}, "takes filters over single channels; got 2 in 1 groups"),
        (depthwise_large, {"op": "magnitude"}, "takes filters over single channels"),
        (depthwise_small, {"filter": (12, 3)}, "at most 121 words in registers; got (12, 3)"),
        (depthwise_small, {"stride": (2, 2)}, "needs stride and dilation 1"),
        (depthwise_large, {"dilation": (1, 2)}, "needs stride and dilation 1"),
        (depthwise_large, {"batch": (2**29,)}, "rows of all images"),
    ],
)
def test_refusals(launcher, change, sentence):
    problem = replace(depthwise(2, (5, 5), (40, 40)).problem, **change)
    assert sentence in launcher(problem, Facts(weights_sum=1))


def test_one_filter_from_the_host_travels_with_a_launch():
    assert "travels with a launch" in depthwise_small(image_filter((9, 9), (3, 3)).problem, Facts(weights_sum=1))


# ------------------------------------------------------------------------------------------ machine code, sanitizers


MACHINE = [
    (depthwise_small, "a bank into rows that are no vectors"),
    (depthwise_small, "3 x 3"),
    (depthwise_large, "float64"),
]


@pytest.mark.parametrize(("launcher", "case"), few(MACHINE, MACHINE[0]))
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(launcher, case, kind):
    call = CALLS[case]()
    launch = record(launcher, call)
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    assert_right(launcher, call, out_of(launch, report.arrays))


@pytest.mark.parametrize(("arch", "index"), few(product(MACHINES, range(3)), *zip(MACHINES, range(3), strict=True)))
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(arch, index):
    launcher, case = MACHINE[index]
    call = CALLS[case]()
    launch = record(launcher, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(launcher, call, out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0


def launch_of(taps: int, filters: int = 1, dtype: str = "f4") -> LaunchPlan:
    """The launch for large images."""
    problem = replace(depthwise(1, (taps, taps), (32, 32), dtype, filters=filters).problem, extent=(9216, 9216))
    launch = (depthwise_small if taps <= 11 else depthwise_large)(problem, Facts(weights_sum=1, device=BIG))
    assert isinstance(launch, LaunchPlan), launch
    return launch


@pytest.mark.parametrize("arch", few(standin.ARCHITECTURES, "sm_90"))
@pytest.mark.usefixtures("nvrtc")
def test_everything_is_unrolled_and_nothing_spilled(arch):
    """As many multiply-adds stand in the code as a thread's outputs have taps."""
    for taps, filters in ((7, 1), (5, 4)):
        specialization = launch_of(taps, filters).specialization
        text = source(specialization)
        cubin = standin.compile_all(text, [arch], OPTIONS)[arch]
        emulator, rows = standin.sassrun(), specialization.constant("ROWS")
        opcodes = [row[2].split(".")[0] for row in emulator.disassemble(cubin, specialization.kernel)]
        assert opcodes.count("FFMA") + 2 * opcodes.count("FFMA2") == taps * taps * rows * 4
        assert emulator.Cubin(cubin).static(specialization.kernel)["local_bytes"] == 0


@pytest.mark.slow  # compiles the largest filters for every architecture
@pytest.mark.parametrize("arch", standin.ARCHITECTURES)
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.usefixtures("nvrtc")
def test_no_warnings_and_no_spills(arch, dtype):
    for taps in (3, 5, 7, 9, 11, 15, 31):
        if dtype == "f8" and 7 < taps < 15:
            continue  # depthwise_large has them
        specialization = launch_of(taps, dtype=dtype).specialization
        text = source(specialization)
        assert not compiler_log(text, arch).strip()
        cubin = standin.compile_all(text, [arch], OPTIONS)[arch]
        assert standin.sassrun().Cubin(cubin).static(specialization.kernel)["local_bytes"] == 0


# Share of multiply-adds among all instructions that an inner block of large images issues.
SHARES = {3: 0.6, 5: 0.8, 7: 0.88, 9: 0.92, 11: 0.93, 15: 0.925, 31: 0.95}


@pytest.mark.parametrize(
    "taps",
    [7, *(pytest.param(n, marks=pytest.mark.slow) for n in SHARES if n != 7)],  # one stands for all
)
@pytest.mark.parametrize("arch", few(("sm_89", "sm_90"), "sm_90"))
@pytest.mark.usefixtures("nvrtc")
def test_share_of_multiply_adds(taps, arch, monkeypatch):
    for module in (cuda_depthwise, cuda_direct):
        for name in ("small_tiles", "large_tiles"):
            tiles = getattr(module, name, lambda *given: [])
            monkeypatch.setattr(module, name, lambda *given, tiles=tiles: tiles(*given)[:1], raising=False)
    launcher = depthwise_small if taps <= 11 else depthwise_large
    launch = record(launcher, depthwise(1, (taps, taps), (400, 384), images=1))
    assert min(launch.grid[:2]) >= 3
    stats = launch.replay_sass(arch, blocks=(launch.grid[0] + 1, launch.grid[0] + 2))[1]
    assert stats.ffma_share >= SHARES[taps], stats
    assert stats.bank_conflicts == 0


# ------------------------------------------------------------------------------------------ faults


FAULTS = [
    (BANK, "first + k] : acc_t(0)", "first] : acc_t(0)", {"result"}),
    (BANK, "i / TAPS * PADDED + i % TAPS", "i", {"result"}),
    (BANK, "if (!whole)", "if (k == 0)", {"result"}),
    (BANK, "i < count * TAPS", "i < (count + 1) * TAPS", {"address", "machine code"}),
    (BANK, "++k, out += size", "++k, out += size + 1", {"address", "machine code"}),
    ("two filters a channel", "plane % channels * filters + part", "plane % channels + part", {"result"}),
]


@pytest.mark.parametrize("fault", few(range(len(FAULTS)), 2, 5))
@pytest.mark.usefixtures("nvrtc")
def test_faults_are_found(fault):
    case, pattern, replacement, finders = FAULTS[fault]
    launch = record(depthwise_small, CALLS[case]())
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    expected, found = out_of(launch, launch.results), set()
    if "result" in finders and not np.array_equal(out_of(faulty, faulty.replay_cpu("forward")), expected):
        found.add("result")
    if "address" in finders and not faulty.replay_sanitized("address").ok:
        found.add("address")
    if "machine code" in finders:
        with pytest.raises(standin.sassrun().SassError):
            faulty.replay_sass("sm_86")
        found.add("machine code")
    assert found == finders


@pytest.mark.slow  # one compilation with ThreadSanitizer for each
def test_every_barrier_is_needed():
    launch = record(depthwise_small, CALLS[BANK]())
    for name, text in mutations(launch.text):
        assert not replace(launch, text=text).replay_sanitized("thread").ok, name
