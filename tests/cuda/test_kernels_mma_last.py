"""conv2d_mma_last: layers on tensor cores whose images and results have their channels last."""

from dataclasses import replace

import cupy
import numpy as np
import pytest
import standin
from kernel_runs import ORDERS, Launcher, assert_right, channels_first, check, layer, out_of, record, run
from standin import mutate, mutations

from gpuconv.arrays import adopt
from gpuconv.engine import Call
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_mma import conv2d_mma_last
from gpuconv.planning.bounds import tensor_bound
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.planning.planner import Plan, make_plan
from gpuconv.problem import Problem

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
BF16 = np.dtype(ml_dtypes.bfloat16)
FEW = DeviceLimits(  # so that every layer fills it: the largest tiles
    compute_capability=(8, 0), multiprocessors=1, optin_shared_bytes=163 << 10, multiprocessor_shared_bytes=164 << 10
)
NARROW = replace(FEW, optin_shared_bytes=99 << 10, multiprocessor_shared_bytes=100 << 10)  # for two large blocks
MANY = DeviceLimits(compute_capability=(8, 0), multiprocessors=1000)


def on(device: DeviceLimits = MANY, precision: str = "standard") -> Launcher:
    """The kernel's planning function on a device."""
    known = {"image_layout": "channels_last", "out_layout": "channels_last", "precision": precision, "device": device}

    def launcher(problem: Problem, facts: Facts) -> LaunchPlan | str:
        return conv2d_mma_last(problem, replace(facts, **known))

    return launcher


def last(*arguments: object, **options: object) -> Call:
    """A layer whose image lies so that its channels come last."""
    call = layer(*arguments, **options)
    axes = (0, *range(2, call.operands.image.ndim), 1)
    image = np.ascontiguousarray(call.operands.image.transpose(axes)).transpose(np.argsort(axes))
    return replace(call, operands=replace(call.operands, image=image))


def slow(*values: object, id: str | None = None) -> object:  # noqa: A002 - pytest's name
    """A case beside those that stand for it in the default selection: it compiles once more."""
    return pytest.param(*values, marks=pytest.mark.slow, id=id)


FAST = on(precision="fast")
CASES = {
    "smallest tiles": (on(), (2, 24, 5, 17), (35, 24, 3, 3), "f2", {"padding": 1}),
    "a filter in a window": (on(FEW), (1, 40, 17, 18), (40, 40, 3, 3), "f2", {"padding": 1}),
    "rows of two shares": (on(NARROW), (1, 40, 17, 18), (40, 40, 3, 3), "f2", {"padding": 1}),
    "bfloat16": (on(), (1, 32, 10, 12), (70, 32, 3, 2), BF16, {"padding": 1, "bias": False}),
    "TF32": (FAST, (1, 20, 13, 12), (34, 20, 3, 3), "f4", {"padding": 1}),
    "a tap at a time": (on(), (2, 64, 9, 10), (48, 32, 3, 3), "f2", {"padding": 1, "groups": 2, "stride": 2}),
    "a row of taps": (on(FEW), (5, 72, 7, 7), (20, 72, 3, 3), BF16, {"padding": 2, "dilation": 2}),
    "one tap": (on(), (3, 48, 5, 6), (33, 48, 1, 1), "f2", {}),
    "two taps": (on(), (1, 72, 6, 9), (16, 72, 1, 2), "f2", {}),
    "stride and dilation": (FAST, (1, 16, 15, 17), (18, 16, 2, 3), "f4", {"stride": (1, 2), "dilation": (3, 1)}),
}
USUAL = ("smallest tiles", "TF32", "one tap", "a tap at a time")


def call_of(case: str) -> tuple[Launcher, Call]:
    launcher, shape, weights, dtype, options = CASES[case]
    return launcher, last(shape, weights, dtype, **options)


@pytest.mark.parametrize("case", [name if name in USUAL else slow(name) for name in CASES])
def test_agrees_with_the_oracle_in_every_order(case):
    check(*call_of(case))


@pytest.mark.parametrize("mode", ["edge", slow("wrap")])
def test_other_boundaries(mode):
    call = last((1, 16, 6, 7), (16, 16, 3, 3), "f2", padding=1)
    check(on(), replace(call, problem=replace(call.problem, boundary=mode)))


def test_special_values_stay_where_they_are():
    call = last((1, 16, 12, 12), (16, 16, 3, 3), "f2", padding=1)
    call.operands.image[0, 3, 5, 6] = np.nan
    call.operands.image[0, 7, 10, 1] = np.inf
    check(on(), call)
    assert (~np.isfinite(run(on(), call))).sum() == 16 * (9 + 9)


def test_images_that_begin_between_vectors():
    """A view whose first value is no multiple of 16 bytes away from the allocation's."""
    call = last((1, 16, 6, 7), (16, 16, 3, 3), "f2", padding=1)
    values = np.concatenate([np.zeros(3, "f2"), call.operands.image.transpose(0, 2, 3, 1).ravel()])
    image = adopt("image", cupy.asarray(values)[3:].reshape(1, 6, 7, 16).transpose(0, 3, 1, 2)).view
    with standin.recording() as launches:
        result = run(on(), replace(call, operands=replace(call.operands, image=image)))
    assert [launch.name for launch in launches] == ["conv2d_mma_last"]
    assert_right(on(), call, result)


def test_the_planner_takes_it():
    call = last((1, 16, 6, 7), (16, 16, 3, 3), "f2", padding=1)
    facts = Facts(image_layout="channels_last", out_layout="channels_last", device=FEW)
    plan = make_plan(call.problem, facts, "cupy")
    assert isinstance(plan, Plan)
    assert plan.algorithm == "conv2d_mma_last"
    assert plan.bound == tensor_bound(call.problem)


# ------------------------------------------------------------------------------------------ machine code, sanitizers


@pytest.mark.parametrize("kind", ["address", "thread"])
@pytest.mark.parametrize("case", ["smallest tiles", slow("one tap"), slow("a tap at a time")])
def test_sanitizers_are_content(case, kind):
    launcher, call = call_of(case)
    launch = record(launcher, call)
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    assert_right(launcher, call, channels_first(call, out_of(launch, report.arrays)))


MACHINES = [("smallest tiles", "sm_75"), ("one tap", "sm_86"), ("TF32", "sm_90"), slow("a row of taps", "sm_120")]
MACHINES += [
    slow(case, arch) for case in ("a filter in a window", "rows of two shares") for arch in standin.ARCHITECTURES
]


@pytest.mark.parametrize(("case", "arch"), MACHINES)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(case, arch):
    launcher, call = call_of(case)
    launch = record(launcher, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(launcher, call, channels_first(call, out_of(launch, arrays)))
    assert stats.static["local_bytes"] == 0
    assert stats.bank_conflicts == 0


@pytest.mark.parametrize("arch", ["sm_80", *map(slow, ("sm_86", "sm_89", "sm_90"))])
@pytest.mark.usefixtures("nvrtc")
def test_instructions_of_a_step(arch):
    """Nearly a quarter of what a warp issues again and again are products; inputs do not pass registers."""
    launch = record(on(FEW), last((1, 64, 16, 16), (64, 64, 3, 3), "f2", padding=1))
    stats = launch.replay_sass(arch)[1]
    steps = 8 * 9 * 64 // 32  # of eight warps
    assert stats.count("HMMA") == 32 * steps
    assert stats.count("LDSM") == 12 * steps
    again = sum(row["count"] for row in stats.instructions if row["count"] == steps)
    assert 32 * steps / again >= 0.235
    assert stats.bank_conflicts == 0


# ------------------------------------------------------------------------------------------ faults

FAULTS = [
    ("smallest tiles", "b[j / 2] + j % 2 * 2", "b[j / 2]"),
    ("one tap", "layer.taps == 1 ? 3 : 2", "layer.taps == 1 ? 1 : 2"),
    ("smallest tiles", "row = first = first + below", "row = first + below"),
    ("two taps", "window += k == 0", "window += 1"),
]


@pytest.mark.parametrize(("case", "pattern", "replacement"), [FAULTS[0], *(slow(*fault) for fault in FAULTS[1:])])
def test_wrong_results_are_found(case, pattern, replacement):
    launch = record(*call_of(case))
    expected = out_of(launch, launch.results)
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    assert not all(np.array_equal(out_of(faulty, faulty.replay_cpu(order)), expected) for order in ORDERS)


@pytest.mark.parametrize(
    ("pattern", "replacement", "kinds"),
    [
        ("wait_for_copies<STAGES - 2>();", "wait_for_copies<STAGES - 1>();", ("async",)),
        slow("some && source >= 0", "source >= 0", ("bounds",)),
        slow("__syncthreads();  // what this step", "// what this step", ("async", "race", "uninit")),
    ],
)
@pytest.mark.usefixtures("nvrtc")
def test_faults_in_the_pipeline_are_found(pattern, replacement, kinds):
    launch = record(*call_of("smallest tiles"))
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    with pytest.raises(standin.sassrun().SassError) as found:
        faulty.replay_sass("sm_86")
    assert found.value.kind in kinds


@pytest.mark.slow  # compiles with ThreadSanitizer
def test_every_barrier_is_needed():
    launch = record(*call_of("smallest tiles"))
    for name, text in mutations(launch.text):
        assert not replace(launch, text=text).replay_sanitized("thread").ok, name


def test_refusal():
    call = layer((1, 16, 6, 7), (16, 16, 3, 3), "f2", padding=1)
    assert "whose channels come last" in conv2d_mma_last(call.problem, Facts(device=FEW))
