"""depthwise_gradient: gradients with respect to small filters of channels of their own."""

from dataclasses import replace

import numpy as np
import pytest
import standin
from kernel_runs import ORDERS, assert_right, few, run
from layer_problems import weight_gradient
from standin import mutate, mutations

from gpuconv.backends.cupy import OPTIONS
from gpuconv.engine import Call, facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda import LAUNCHERS
from gpuconv.launches.cuda_gradient import depthwise_gradient
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.sources import source


def gradient(channels: int, taps: tuple[int, int], extent: tuple[int, int], dtype="f4", *, filters=1, images=2, **more):
    options = {"padding": taps[0] // 2, "groups": channels} | more
    return weight_gradient((images, channels, *extent), (channels * filters, 1, *taps), dtype, **options)


CALLS = {
    "odd rows": lambda: gradient(6, (3, 3), (19, 13)),
    "stride, two filters a channel": lambda: gradient(3, (5, 5), (40, 64), filters=2, stride=2),
    "7 x 7, deep": lambda: gradient(2, (7, 7), (14, 14), images=3),
    "one stride, wide pads, float64": lambda: gradient(2, (3, 2), (9, 12), "f8", padding=4, stride=(2, 1)),
    "float16": lambda: gradient(2, (3, 3), (9, 12), "f2"),
    "one position": lambda: gradient(2, (3, 3), (3, 3), padding=0),
    "no image": lambda: gradient(2, (3, 3), (8, 8), images=0),
    "several tiles": lambda: gradient(2, (3, 3), (70, 75), images=1),
}
FEW = ("odd rows", "stride, two filters a channel", "float16")


@pytest.mark.parametrize("case", few(CALLS, *FEW))
def test_agrees_with_the_oracle_in_every_order(case):
    call = CALLS[case]()
    result = run(depthwise_gradient, call)
    assert_right(depthwise_gradient, call, result)
    for order in ORDERS[1:]:
        with standin.thread_order(order):
            np.testing.assert_array_equal(run(depthwise_gradient, call), result)


def test_infinities_that_no_position_meets_stay_out():
    """The last column is under no window of stride 2, but under the tile's windows of positions that there are not."""
    call = gradient(2, (3, 3), (12, 14), stride=2, padding=0)
    call.operands.image[..., -1] = np.inf
    result = run(depthwise_gradient, call)
    assert np.isfinite(result).all()
    assert_right(depthwise_gradient, call, result)


def test_other_boundaries():
    call = gradient(2, (3, 3), (9, 12))
    call = replace(call, problem=replace(call.problem, boundary="mirror"))
    assert_right(depthwise_gradient, call, run(depthwise_gradient, call))


def test_parts_depend_on_the_device_only():
    call = gradient(2, (3, 3), (70, 75), images=1)
    parts = {}
    for count in (1, 40):
        facts = replace(facts_of(call), device=DeviceLimits(multiprocessors=count))
        launch = depthwise_gradient(call.problem, facts)
        assert isinstance(launch, LaunchPlan), launch
        parts[count] = launch.grid[0]
        assert [each.specialization.kernel for each in launch.all] == ["depthwise_gradient", "sum_parts"]
    assert parts[1] < parts[40]


def test_the_planner_takes_it():
    def kernel(call: Call) -> str:
        launches = (launcher(call.problem, facts_of(call)) for launcher in LAUNCHERS)
        return next(launch for launch in launches if isinstance(launch, LaunchPlan)).specialization.kernel

    assert kernel(gradient(4, (3, 3), (20, 20))) == "depthwise_gradient"
    assert kernel(gradient(4, (3, 3), (20, 20), stride=3)) == "conv2d_weight_gradient"
    assert kernel(weight_gradient((2, 4, 9, 9), (6, 2, 3, 3), groups=2)) == "conv2d_weight_gradient"
    assert kernel(weight_gradient((2, 4, 90), (4, 1, 3), groups=4)) == "conv2d_weight_gradient"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"groups": 1}, "over single channels"),
        ({"op": "forward"}, "over single channels"),
        ({"filter": (12, 11)}, "filters of at most 121 words"),
        ({"dilation": (1, 2)}, "dilation 1"),
    ],
)
def test_refusals(change, sentence):
    problem = replace(gradient(3, (3, 3), (20, 20)).problem, **change)
    assert sentence in depthwise_gradient(problem, Facts())


# ------------------------------------------------------------------------------------------ machine code, sanitizers


def record(case: str) -> standin.Launch:
    """The first of two launches."""
    with standin.recording() as launches:
        run(depthwise_gradient, CALLS[case]())
    return launches[0]


def sums_of(arrays: list[np.ndarray | None]) -> np.ndarray:
    result = arrays[2]
    assert result is not None
    return result


@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(kind):
    launch = record("odd rows")
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    np.testing.assert_array_equal(sums_of(report.arrays), sums_of(launch.results))


@pytest.mark.parametrize(
    ("case", "arch"),
    few(
        [("odd rows", "sm_75"), ("stride, two filters a channel", "sm_90"), ("7 x 7, deep", "sm_120")],
        ("odd rows", "sm_75"),
        ("stride, two filters a channel", "sm_90"),
    ),
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(case, arch):
    launch = record(case)
    arrays, stats = launch.replay_sass(arch)
    call = CALLS[case]()
    parts = sums_of(arrays).reshape(-1, *call.problem.out_shape)
    assert_right(depthwise_gradient, call, parts.sum(0, dtype="f8").astype("f4"))
    assert stats.static["local_bytes"] == 0
    assert stats.bank_conflicts == 0


@pytest.mark.slow  # compiles for every architecture
@pytest.mark.parametrize("arch", standin.ARCHITECTURES)
@pytest.mark.usefixtures("nvrtc")
def test_nothing_is_spilled(arch):
    for taps, extent, stride in [(3, 112, 2), (3, 56, 1), (5, 28, 1), (7, 56, 1), (5, 14, 2), (9, 30, 1)]:
        call = gradient(1, (taps, taps), (12, 12), stride=stride)
        problem = replace(call.problem, extent=(extent, extent))
        launch = depthwise_gradient(problem, Facts())
        assert isinstance(launch, LaunchPlan), launch
        cubin = standin.compile_all(source(launch.specialization), [arch], OPTIONS)[arch]
        assert standin.sassrun().Cubin(cubin).static("depthwise_gradient")["local_bytes"] == 0, (taps, extent, stride)


@pytest.mark.usefixtures("nvrtc")
def test_instructions_of_a_position():
    """For 9 products; the product of matrices, which has one useful row of eight, takes 1148."""
    call = gradient(8, (3, 3), (56, 56), images=2)
    with standin.recording() as launches:
        run(depthwise_gradient, call)
    stats = launches[0].replay_sass("sm_90")[1]
    assert 32 * stats.warp_instructions / (2 * 8 * 56 * 56) <= 60
    assert stats.bank_conflicts == 0


# ------------------------------------------------------------------------------------------ faults


FAULTS = [
    ("stride, two filters a channel", "n * channels + k / filters", "n * channels + k % channels"),
    ("odd rows", "min(ROWS, out_h - y - ty)", "ROWS"),
    ("odd rows", "i < THREADS; i += SIDE", "i < THREADS - 1; i += SIDE"),
    ("several tiles", "(part + 1) * count, images", "(part + 1) * count - 1, images"),
]


@pytest.mark.parametrize("fault", few(range(len(FAULTS)), 0, 2))
def test_faults_are_found(fault):
    case, pattern, replacement = FAULTS[fault]
    launch = record(case)
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    results = [sums_of(faulty.replay_cpu(order)) for order in ORDERS]
    assert not all(np.array_equal(result, sums_of(launch.results)) for result in results)


@pytest.mark.slow  # one compilation with ThreadSanitizer for each
def test_every_barrier_is_needed():
    launch = record("several tiles")
    for name, text in mutations(launch.text):
        assert not replace(launch, text=text).replay_sanitized("thread").ok, name
