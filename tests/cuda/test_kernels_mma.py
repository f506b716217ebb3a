"""conv2d_mma: layers on tensor cores, whose warps the stand-in executes together and the emulator as machine code."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import standin
from kernel_runs import ORDERS, Launcher, assert_right, check, layer, out_of, record, run
from standin import mutate, mutations

from gpuconv import backends, nn
from gpuconv.engine import facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_defaults import default_launches
from gpuconv.launches.cuda_mma import conv2d_mma
from gpuconv.planning.bounds import tensor_bound
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import Problem

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
BF16 = np.dtype(ml_dtypes.bfloat16)
FEW = DeviceLimits(compute_capability=(8, 0), multiprocessors=1)  # so that every layer fills it: the largest tiles
MANY = replace(FEW, multiprocessors=1000)


def on(device: DeviceLimits = FEW, precision: str = "standard") -> Launcher:
    """The kernel's planning function on a device."""

    def launcher(problem: Problem, facts: Facts) -> LaunchPlan | str:
        return conv2d_mma(problem, replace(facts, device=device, precision=precision))

    return launcher


def slow(*values: object) -> object:
    """A case beside those that stand for it in the default selection: it compiles once more."""
    return pytest.param(*values, marks=pytest.mark.slow)


FAST = on(precision="fast")
CASES = {
    "a filter in a window": (on(), (1, 24, 17, 18), (40, 24, 3, 3), "f2", {"padding": 1}),
    "smallest tiles": (on(MANY), (2, 24, 5, 17), (35, 24, 3, 3), "f2", {"padding": 1}),
    "no bias": (on(MANY), (1, 16, 9, 9), (16, 16, 3, 3), "f2", {"padding": 1, "bias": False}),
    "bfloat16": (on(), (1, 32, 10, 12), (70, 32, 3, 2), BF16, {"padding": 1}),
    "TF32": (FAST, (1, 20, 13, 12), (34, 20, 3, 3), "f4", {"padding": 1}),
    "a tap at a time": (on(), (2, 64, 9, 10), (48, 32, 3, 3), "f2", {"padding": 1, "groups": 2, "stride": 2}),
    "a row of taps": (on(), (5, 24, 7, 7), (20, 24, 3, 3), BF16, {"padding": 2, "dilation": 2}),
    "one tap": (on(), (3, 48, 5, 6), (33, 48, 1, 1), "f2", {}),
    "signals": (on(), (2, 32, 100), (40, 32, 5), "f2", {"padding": 1, "stride": 3}),
    "stride and dilation": (FAST, (1, 16, 15, 17), (18, 16, 2, 3), "f4", {"stride": (1, 2), "dilation": (3, 1)}),
}


def call_of(case: str):
    launcher, shape, weights, dtype, options = CASES[case]
    return launcher, layer(shape, weights, dtype, **options)


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_the_oracle_in_every_order(case):
    check(*call_of(case))


@pytest.mark.parametrize("mode", ["edge", "wrap"])
def test_other_boundaries(mode):
    call = layer((1, 16, 6, 7), (16, 16, 3, 3), "f2", padding=1)
    check(on(MANY), replace(call, problem=replace(call.problem, boundary=mode)))


def test_special_values_stay_where_they_are():
    call = layer((1, 16, 12, 12), (16, 16, 3, 3), "f2", padding=1)
    call.operands.image[0, 3, 5, 6] = np.nan
    call.operands.image[0, 7, 10, 1] = np.inf
    check(on(), call)
    assert (~np.isfinite(run(on(), call))).sum() == 16 * (9 + 9)


@pytest.mark.parametrize("kind", ["address", "thread"])
@pytest.mark.parametrize("case", ["smallest tiles", slow("a filter in a window"), slow("a tap at a time")])
def test_sanitizers_are_content(case, kind):
    launcher, call = call_of(case)
    launch = record(launcher, call)
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    assert_right(launcher, call, out_of(launch, report.arrays))


MACHINES = [("smallest tiles", "sm_86"), ("bfloat16", "sm_80"), ("TF32", "sm_90")]
MACHINES += [slow("a filter in a window", arch) for arch in standin.ARCHITECTURES]
MACHINES += [slow("a tap at a time", "sm_86"), slow("a row of taps", "sm_120")]


@pytest.mark.parametrize(("case", "arch"), MACHINES)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(case, arch):
    launcher, call = call_of(case)
    launch = record(launcher, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(launcher, call, out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0
    assert stats.bank_conflicts == 0


@pytest.mark.parametrize("arch", ["sm_80", *map(slow, ("sm_86", "sm_89", "sm_90"))])
@pytest.mark.usefixtures("nvrtc")
def test_instructions_of_a_step(arch):
    """Of what a warp issues again and again, a fifth are products; it needs far less than their time to issue.

    One takes 8 clocks on sm_80, and 32 on sm_86 and sm_89, so that 16 of them leave time for 128 instructions or more.
    """
    launch = record(on(), layer((1, 64, 16, 16), (64, 64, 3, 3), "f2", padding=1))
    stats = launch.replay_sass(arch)[1]
    steps = 8 * 9 * 64 // 16  # of eight warps
    assert stats.count("HMMA") == 16 * steps
    assert stats.count("LDSM") == 6 * steps
    again = sum(row["count"] for row in stats.instructions if row["count"] == steps)
    assert 16 * steps / again >= 0.18
    assert stats.bank_conflicts == 0
    assert stats.barriers == steps // 8 + 4


# ------------------------------------------------------------------------------------------ faults

FAULTED = "smallest tiles"
BARRIERS = [name.rpartition(" ")[2] for name, _ in mutations(record(*call_of(FAULTED)).text)]
FAULTS = [
    ("multiply_matrices<image_t>(sums[i][j + 1], a[i], b + 2)", "multiply_matrices<image_t>(sums[i][j + 1], a[i], b)"),
    ("lane % 16) * PITCH + lane / 16 * 16;", "lane % 16) * PITCH + (1 - lane / 16) * 16;"),
]
MORE_FAULTS = [
    ("lane / 16 * 8 + lane % 8;", "lane % 16;"),
    ("row += layer.dilation_w * PITCH;", "row += PITCH + 48;"),
    ("next += same ? DEPTH", "next += same ? SHARE"),
    ("warp / 4 * 16 + lane / 4) * ROW", "warp / 4 * 16 + lane / 8) * ROW"),
    ("bias[c] : acc_t(0)", "bias[c + 1] : acc_t(0)"),
    ("min(channels - c, 16)", "min(channels - c, 15)"),
]


@pytest.mark.parametrize("line", [*BARRIERS[:1], *map(slow, BARRIERS[1:])])
def test_every_barrier_is_needed(line):
    launch = record(*call_of(FAULTED))
    (text,) = [text for name, text in mutations(launch.text) if name.endswith(f" {line}")]
    assert not replace(launch, text=text).replay_sanitized("thread").ok


@pytest.mark.parametrize(("pattern", "replacement"), [*FAULTS, *(slow(*fault) for fault in MORE_FAULTS)])
def test_wrong_results_are_found(pattern, replacement):
    launch = record(*call_of(FAULTED))
    expected = out_of(launch, launch.results)
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    assert not all(np.array_equal(out_of(faulty, faulty.replay_cpu(order)), expected) for order in ORDERS)


@pytest.mark.parametrize(
    ("pattern", "replacement", "kinds"),
    [
        ("wait_for_copies<STAGES - 2>();", "wait_for_copies<STAGES - 1>();", ("async",)),
        slow("wait_for_copies<STAGES - 2>();", "", ("async",)),
        slow("k + share * SHARE < layer.channels_in", "true", ("bounds",)),
        slow("k / SHARE * SHARE < channels;", "true;", ("bounds",)),
        slow("__syncthreads();  // the weights", "// the weights", ("async", "race", "uninit")),
    ],
)
@pytest.mark.usefixtures("nvrtc")
def test_faults_in_the_pipeline_are_found(pattern, replacement, kinds):
    launch = record(*call_of(FAULTED))
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    with pytest.raises(standin.sassrun().SassError) as found:
        faulty.replay_sass("sm_86")
    assert found.value.kind in kinds


DIVIDED = """
extern "C" __global__ void divided(int* out) {
    int all[32];
    out[threadIdx.x] = threadIdx.x < 16 ? cuda_on_cpu::gather(int(threadIdx.x), all) : 0;
}
"""


def test_part_of_a_warp_cannot_gather():
    with pytest.raises(standin.LaunchError, match=r"divergent warp: only 16 of the 32 lanes beside thread \(0,0,0\)"):
        standin.run(DIVIDED, "divided", (1, 1, 1), (64, 1, 1), [np.zeros(64, np.int32)])


# ------------------------------------------------------------------------------------------ planning and bounds


@pytest.mark.parametrize(
    ("shape", "weights", "dtype", "options", "device", "precision", "reason"),
    [
        ((1, 16, 9, 9), (16, 16, 3, 3), "f4", {}, FEW, "standard", "takes precision='fast'"),
        ((1, 16, 9, 9), (16, 16, 3, 3), "f2", {}, FEW, "strict", "rounds more than strict sums"),
        ((1, 16, 9, 9), (16, 16, 3, 3), "f8", {}, FEW, "fast", "multiplies float16, bfloat16 or float32"),
        ((1, 16, 9, 9), (16, 16, 3, 3), BF16, {}, DeviceLimits(), "standard", r"multiply bfloat16 from .* 8\.0 on"),
        ((1, 12, 9, 9), (16, 12, 3, 3), "f2", {}, FEW, "standard", "needs 16 channels a group or more"),
        ((1, 20, 9, 9), (16, 20, 3, 3), "f2", {}, FEW, "standard", "multiple of 8; got 20 inputs"),
        ((1, 32, 9, 9), (32, 8, 3, 3), "f2", {"groups": 4}, FEW, "standard", "got 8 inputs and 8 outputs"),
    ],
)
def test_refusals(shape, weights, dtype, options, device, precision, reason):
    call = layer(shape, weights, dtype, **options)
    refusal = on(device, precision)(call.problem, facts_of(call))
    assert isinstance(refusal, str)
    assert re.search(reason, refusal), refusal


def test_float16_on_the_first_tensor_cores():
    call = layer((1, 16, 9, 9), (16, 16, 3, 3), "f2")
    assert isinstance(on(DeviceLimits())(call.problem, facts_of(call)), LaunchPlan)


@pytest.mark.usefixtures("standin_cupy")
@pytest.mark.parametrize("dtype", ["f2", BF16])
def test_the_planner_takes_it(dtype):
    call = replace(layer((1, 16, 9, 9), (16, 16, 3, 3), dtype), backend="cupy")
    plan = backends.select(call.problem, facts_of(call), "cupy")[1]
    assert plan.algorithm == "conv2d_mma"
    assert plan.bound == tensor_bound(call.problem)


@pytest.mark.usefixtures("standin_cupy")
def test_weights_that_are_not_aligned():
    """Copies of 16 bytes begin at multiples of 16 bytes, wherever the caller's weights lie."""
    import cupy

    call = layer((1, 16, 5, 6), (16, 16, 1, 1), "f2", bias=False)
    memory = cupy.empty(16 * 16 + 1, np.float16)
    weights = memory[1:].reshape(16, 16, 1, 1)
    weights.set(call.operands.weights)
    with standin.recording() as launches:
        result = nn.conv2d(cupy.asarray(call.operands.image), weights)
    assert launches[0].name == "conv2d_mma"
    assert_right(on(), call, result.get())


def test_defaults_hold_it():
    launches = [launch for launch in default_launches() if launch.specialization.kernel == "conv2d_mma"]
    assert {launch.specialization.constant("POSITIONS") for launch in launches} == {128, 256}
    assert all(launch.shared_bytes <= 48 * 1024 for launch in launches)


def aligned_sum(products: np.ndarray, together: int) -> np.float64:
    """Sums as tensor cores form them: some products and the sum so far, cut off at the last bit of the largest."""
    total = 0.0
    for first in range(0, len(products), together):
        terms = [total, *products[first : first + together]]
        last_bit = 2.0 ** (math.frexp(max(map(abs, terms)))[1] - 24)
        total = math.fsum(math.trunc(term / last_bit) * last_bit for term in terms)
        total = math.trunc(total / (bit := 2.0 ** (math.frexp(total)[1] - 24))) * bit
    return np.float64(total)


@pytest.mark.parametrize("together", [4, 8, 16])
def test_the_bound_holds_for_sums_that_are_cut_off(together):
    call = layer((1, 64, 9, 9), (16, 64, 3, 3), "f2")
    rng, worst = np.random.default_rng(5), 0.0
    for _ in range(50):
        products = np.abs(rng.standard_normal((2, 576)).astype("f2").astype("f8")).prod(axis=0)  # all errors one way
        error = abs(aligned_sum(products, together) - products.sum()) / products.sum()
        worst = max(worst, error)
    bound = tensor_bound(call.problem).relative
    assert worst <= bound
    assert worst > bound / 100  # not a bound of anything else


def test_bound_of_rounded_operands():
    """Two factors, each rounded to 11 bits: halfway between neighbours, the product is off by nearly the bound."""
    call = layer((1, 16, 9, 9), (16, 16, 1, 1), "f4", bias=False)
    halfway = np.float32(1 + 2.0**-11)
    call.operands.image[:], call.operands.weights[:] = halfway, halfway
    check(FAST, call)
    result, exact = run(FAST, call).flat[0], 16 * float(halfway) ** 2
    relative = abs(result - exact) / exact
    assert tensor_bound(call.problem).relative / 2 < relative <= tensor_bound(call.problem).relative


@pytest.mark.slow
@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_agrees_with_torch(name):
    """Both sums are of float32 and rounded once: they differ by no more than both bounds."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    call = layer((2, 24, 9, 10), (20, 24, 3, 3), np.dtype(BF16 if name == "bfloat16" else name), padding=1)
    operands = [a.astype("f4") for a in (call.operands.image, call.operands.weights, call.operands.bias)]
    x, w, b = (torch.from_numpy(a).to(getattr(torch, name)) for a in operands)
    theirs = torch.nn.functional.conv2d(x, w, b, padding=1).float().numpy()
    magnitude = torch.nn.functional.conv2d(*(torch.from_numpy(np.abs(a)) for a in operands), padding=1).numpy()
    bound = tensor_bound(call.problem)
    tolerance = 2 * bound.relative * magnitude + 2 * bound.out_relative * np.abs(theirs) + bound.absolute
    assert (np.abs(run(on(), call).astype("f4") - theirs) <= tolerance).all()
