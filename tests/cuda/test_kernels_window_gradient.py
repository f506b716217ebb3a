"""conv2d_window_gradient: right at every edge and size; sanitizers, machine code, the cost of a product, faults."""

from dataclasses import replace

import numpy as np
import pytest
import standin
from kernel_runs import assert_right, check, few, out_of, planned, run
from layer_problems import bounded, weight_gradient
from standin import mutate, mutations

from gpuconv.engine import Call, facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda import LAUNCHERS
from gpuconv.launches.cuda_window_gradient import conv2d_window_gradient
from gpuconv.planning.facts import DeviceLimits

DEVICE = DeviceLimits(multiprocessors=2, optin_shared_bytes=99 << 10, multiprocessor_shared_bytes=100 << 10)
CASES = {
    "odd sizes": lambda: weight_gradient((2, 30, 9, 11), (60, 30, 3, 3), padding=1),
    "stride": lambda: weight_gradient((3, 27, 17, 13), (56, 27, 3, 3), padding=1, stride=2),
    "even filter, stride down": lambda: weight_gradient((2, 28, 9, 7), (58, 28, 2, 3), padding=(1, 3), stride=(2, 1)),
    "several tiles of channels": lambda: weight_gradient((1, 60, 5, 70), (120, 60, 1, 3), padding=(0, 1)),
    "groups": lambda: weight_gradient((2, 56, 8, 8), (120, 28, 3, 3), groups=2, padding=2),
    "nothing but padding around it": lambda: weight_gradient((2, 32, 1, 2), (64, 32, 3, 3), padding=2),
    "no image": lambda: weight_gradient((0, 32, 8, 8), (64, 32, 3, 3), padding=1),
    "signals": lambda: weight_gradient((2, 32, 40), (64, 32, 7), padding=3),
    "half precision": lambda: weight_gradient((2, 32, 9, 9), (64, 32, 3, 3), "f2", padding=1),
}


@pytest.mark.parametrize("case", few(CASES, "odd sizes", "groups"))
def test_agrees_with_the_oracle_in_every_order(case):
    check(conv2d_window_gradient, CASES[case]())


@pytest.mark.parametrize("boundary", few(("edge", "symmetric", "mirror", "wrap"), "mirror"))
def test_boundaries(boundary):
    check(conv2d_window_gradient, bounded(weight_gradient((2, 32, 6, 7), (64, 32, 3, 3), padding=2), boundary))


@pytest.mark.slow  # as the boundaries
def test_fill():
    for dtype in ("f4", "f2"):
        call = weight_gradient((2, 32, 6, 7), (64, 32, 3, 3), dtype, padding=2)
        check(conv2d_window_gradient, bounded(call, "constant", -1.5))


def test_samples_that_no_tap_meets_are_left_alone():
    """Infinite where the last window ends: a position that there is not must not bring it in."""
    call = weight_gradient((2, 32, 5, 5), (64, 32, 2, 2), stride=2)
    call.operands.image[..., 4, :] = call.operands.image[..., 4] = np.inf
    check(conv2d_window_gradient, call)


def first_launch(call: Call, device: DeviceLimits = DEVICE) -> standin.Launch:
    """The products, without their sum."""
    with standin.recording() as launches:
        run(lambda problem, facts: conv2d_window_gradient(problem, replace(facts, device=device)), call)
    return launches[0]


@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(kind):
    report = first_launch(CASES["groups"]()).replay_sanitized(kind, "random:3")
    assert report.ok, report.log


def test_the_plan_knows_the_shared_memory():
    launch = first_launch(CASES["odd sizes"]())
    assert not replace(launch, shared_mem=launch.shared_mem - 32).replay_sanitized("address").ok


@pytest.mark.parametrize(
    ("arch", "case"),
    few([(arch, case) for arch in ("sm_75", "sm_90") for case in ("odd sizes", "stride")], ("sm_90", "odd sizes")),
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(arch, case):
    call = CASES[case]()
    with standin.recording() as launches:
        run(conv2d_window_gradient, call)
    arrays, stats = launches[0].replay_sass(arch)
    sums, expected = out_of(launches[0], arrays), out_of(launches[0], launches[0].results)
    scale = np.abs(call.operands.image).max() * np.abs(call.operands.weights).sum()
    assert np.abs(sums - expected).max() <= 2 * planned(conv2d_window_gradient, call).bound.relative * scale
    assert stats.static["local_bytes"] == stats.bank_conflicts == 0
    assert_right(conv2d_window_gradient, call, out_of(launches[-1], launches[-1].replay_sass(arch)[0]))


@pytest.mark.parametrize("arch", few(standin.ARCHITECTURES, "sm_90"))
@pytest.mark.parametrize(("extent", "share"), few([(56, 0.85), (28, 0.85), (14, 0.79)], (56, 0.85)))
@pytest.mark.usefixtures("nvrtc")
def test_share_of_multiply_adds(extent, share, arch):
    """Nearly all that a block issues are multiply-adds of a position."""
    call = weight_gradient((4 * 56 // extent, 32, extent, extent), (64, 32, 3, 3), padding=1)
    with standin.recording(run=False) as launches:
        run(lambda problem, facts: conv2d_window_gradient(problem, replace(facts, device=DEVICE)), call)
    stats = launches[0].replay_sass(arch)[1]
    products = call.operands.image[:, 0].size * 32 * 64 * 9 / 32
    assert products >= share * stats.warp_instructions
    assert stats.static["local_bytes"] == stats.bank_conflicts == 0


FAULTS = [
    ("odd sizes", "if (left > 0) add<false>(sums, samples, grads, left);", "", "result"),
    ("odd sizes", "x += TILE_W * VECTOR", "x += VECTOR", "result"),
    ("stride", "x * STRIDE_W + tap % FILTER_W", "x + tap % FILTER_W", "result"),
    ("groups", "min(own + c, channels - 1)", "(own + c)", "address"),
    ("odd sizes", "x + column < layer.out_w ? x + column : -1", "x + column", "address"),
]


@pytest.mark.parametrize("fault", few(range(len(FAULTS)), 1, 3))
def test_faults_are_found(fault):
    case, pattern, replacement, finder = FAULTS[fault]
    launch = first_launch(CASES[case]())
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    if finder == "result":
        assert not np.array_equal(out_of(faulty, faulty.replay_cpu("forward")), out_of(launch, launch.results))
    else:
        assert not faulty.replay_sanitized("address").ok


@pytest.mark.slow  # compiles with ThreadSanitizer
def test_every_barrier_is_needed():
    launch = first_launch(CASES["odd sizes"]())
    for name, text in mutations(launch.text):
        assert not replace(launch, text=text).replay_sanitized("thread").ok, name


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (CASES["odd sizes"](), ""),
        (weight_gradient((1, 64, 8, 8), (64, 64, 5, 5)), "filters of 2 to 9 taps"),
        (weight_gradient((1, 64, 8, 8), (64, 64, 1, 1)), "filters of 2 to 9 taps"),
        (weight_gradient((1, 64, 8, 8), (64, 64, 3, 3), "f8"), "adds up in float32"),
        (weight_gradient((1, 64, 8, 8), (64, 64, 3, 3), stride=3), "strides up to 2 and dilation 1; got (3, 3)"),
        (weight_gradient((1, 16, 8, 8), (64, 16, 3, 3)), "32 by 64 channels of a group at a time; got 16 and 64"),
    ],
)
def test_the_planner_takes_it_where_it_fits(call, sentence):
    plans = (launcher(call.problem, facts_of(call)) for launcher in LAUNCHERS)
    kernel = next(plan for plan in plans if isinstance(plan, LaunchPlan)).specialization.kernel
    assert kernel == ("conv2d_weight_gradient" if sentence else "conv2d_window_gradient")
    if sentence:
        assert sentence in conv2d_window_gradient(call.problem, facts_of(call))


def test_too_little_shared_memory():
    problem = CASES["odd sizes"]().problem
    refusal = conv2d_window_gradient(
        problem, replace(facts_of(CASES["odd sizes"]()), device=DeviceLimits(shared_bytes=1000))
    )
    assert "a block has 1000" in refusal
