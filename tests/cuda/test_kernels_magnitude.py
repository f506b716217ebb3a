"""The magnitude of a gradient in one pass: sobel, prewitt and scharr, and the bound that they are held against."""

from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import check_call, random
from kernel_runs import assert_right, check, few, out_of, record
from standin import mutate
from test_kernels_compile import compiler_log

from gpuconv import filters, oracle
from gpuconv.backends.cupy import OPTIONS
from gpuconv.engine import Call, facts_of
from gpuconv.errors import UnsupportedProblemError
from gpuconv.filters import gradient as gradient_module
from gpuconv.filters.gradient import magnitude_call
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda import LAUNCHERS
from gpuconv.launches.cuda_direct import conv2d_small
from gpuconv.options import Options
from gpuconv.planning.bounds import error_bound
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.sources import source

BIG = DeviceLimits(multiprocessors=1)  # so small that the largest tiles are the best


def gradient(shape, dtype="f4", taps=3, weights=2, **options) -> Call:
    """The magnitude of what random filters give."""
    chosen = tuple(random((taps, taps), "f4", seed) for seed in range(1, weights + 1))
    return magnitude_call(random(shape, dtype), chosen, Options(**({"boundary": "symmetric"} | options)))


CALLS = {
    "several tiles": lambda: gradient((2, 40, 140)),
    "bytes": lambda: gradient((35, 44), "u1", out_dtype="u1"),
    "bytes into float": lambda: gradient((35, 45), "u1", boundary="edge"),
    "float64": lambda: gradient((3, 44), "f8", boundary="mirror"),
    "float16": lambda: gradient((40, 130), "f2", size="valid"),
    "int16": lambda: gradient((5, 300), "i2", out_dtype="i2", boundary="wrap"),
    "5 x 5": lambda: gradient((35, 140), taps=5, boundary="constant", fill=2.5),
}


@pytest.mark.parametrize("case", few(CALLS, "several tiles", "bytes", "5 x 5"))
def test_agrees_with_the_oracle(case):
    check(conv2d_small, CALLS[case]())


@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr"])
@pytest.mark.parametrize("dtype", few(("u1", "i2", "f4", "f8"), "u1"))
@pytest.mark.usefixtures("standin_cupy")
def test_filters_take_one_launch(name, dtype):
    """And give what the other backends give: to the bit for integers, elsewhere within the bounds."""
    image = random((33, 50), dtype) // 8 if dtype in ("u1", "i2") else random((33, 50), dtype)
    with standin.recording() as launches:
        result = getattr(filters, name)(image, backend="cupy")
    assert [launch.name for launch in launches] == ["conv2d_small"]
    assert result.dtype == image.dtype
    expected = getattr(filters, name)(image, backend="numpy")
    weights = np.abs(getattr(filters.weights, name)(0)).sum()
    step = 0 if dtype in ("u1", "i2") else 40 * np.finfo(dtype).eps * weights * np.abs(image).max()
    np.testing.assert_allclose(result, expected, rtol=0, atol=step)


@pytest.mark.parametrize(("dtype", "out"), [("f4", None), ("u1", "u1"), ("f8", None)])
def test_every_backend_on_the_host(backend, dtype, out):
    call = replace(gradient((2, 20, 37), dtype, out_dtype=out), backend=backend)
    if backend == "numba_cuda":
        with pytest.raises(UnsupportedProblemError, match="magnitude of a gradient in one pass"):
            check_call(call)
    else:
        check_call(call)


def test_two_passes_where_nothing_is_fused(monkeypatch):
    def refuse(call):
        raise UnsupportedProblemError("no kernel")

    image = random((33, 50), "u1")
    fused = filters.scharr(image, backend="numpy")
    monkeypatch.setattr(gradient_module, "execute", refuse)
    np.testing.assert_array_equal(filters.scharr(image, backend="numpy"), fused)


def test_more_filters_than_two(backend):
    """Where nothing is fused the same sums are computed one after another."""
    if backend in ("cpu", "numpy"):
        check_call(replace(gradient((9, 14), weights=3, taps=4), backend=backend))


def test_nan_and_infinities():
    """As IEEE arithmetic has them: nan beside an infinity is nan, two infinities are infinite."""
    call = gradient((20, 40))
    call.operands.image[0, 10, 20] = np.inf
    call.operands.image[0, 5, 5] = np.nan
    check(conv2d_small, call)


def test_the_bound_is_met_and_not_idle():
    """Rounding of one channel, of the squares and of the root are all in it: some error comes near."""
    call = gradient((1, 4000), taps=3)
    bound = error_bound(call.problem, separable=False)
    exact, magnitude = oracle.compute(call.problem, call.operands.image, call.operands.weights)
    error = np.abs(exact.astype("f4").astype(exact.dtype) - exact)
    limit = bound.at(magnitude.astype("f8"), exact)
    assert 1 / 200 < (error / limit).max() <= 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"channels_out": 3}, "one channel at a time"),
        ({"channels_out": 1}, "one channel at a time"),
        ({"bias": True}, "one channel at a time"),
        ({"filter": (9, 9)}, "compiled for square filters"),
    ],
)
def test_refusals(changes, sentence):
    problem = replace(gradient((20, 30)).problem, **changes)
    assert sentence in conv2d_small(problem, Facts())
    assert all(isinstance(launcher(problem, Facts()), str) for launcher in LAUNCHERS)


def test_a_complex_image():
    with pytest.raises(TypeError, match="must be real; got dtype complex64"):
        filters.sobel(np.zeros((4, 4), "c8"))


# ------------------------------------------------------------------------------------------ machine code, sanitizers


@pytest.mark.parametrize("case", few(("several tiles", "bytes"), "bytes"))
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(case, kind):
    call = CALLS[case]()
    launch = record(conv2d_small, call)
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    assert_right(conv2d_small, call, out_of(launch, report.arrays))


@pytest.mark.parametrize("case", few(("several tiles", "bytes", "float64"), "bytes"))
@pytest.mark.parametrize("arch", ["sm_75", "sm_86", "sm_90"])
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(case, arch):
    call = CALLS[case]()
    launch = record(conv2d_small, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(conv2d_small, call, out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0


@pytest.mark.slow  # compiles for every architecture
@pytest.mark.parametrize("arch", standin.ARCHITECTURES)
@pytest.mark.usefixtures("nvrtc")
def test_nothing_is_spilled(arch):
    for taps, dtype in ((3, "f4"), (7, "f4"), (3, "u1")):
        problem = replace(gradient((32, 32), dtype, taps=taps).problem, extent=(9216, 9216))
        specialization = conv2d_small(problem, Facts(weights_sum=1, device=BIG)).specialization
        text = source(specialization)
        assert not compiler_log(text, arch).strip()
        cubin = standin.compile_all(text, [arch], OPTIONS)[arch]
        assert standin.sassrun().Cubin(cubin).static(specialization.kernel)["local_bytes"] == 0


@pytest.mark.parametrize(("arch", "instructions"), few([("sm_89", 27), ("sm_90", 28)], ("sm_90", 28)))
@pytest.mark.usefixtures("nvrtc")
def test_instructions_of_an_output(arch, instructions):
    """18 products, two squares and a root; a third of what the bandwidth of an H100 leaves time for."""
    call = gradient((216, 384))
    launch = conv2d_small(call.problem, replace(facts_of(call), device=BIG))
    assert isinstance(launch, LaunchPlan)
    assert launch.specialization.constant("ROWS") == 8
    recorded = record(lambda problem, facts: launch, call)
    first = recorded.grid[0] + 1
    stats = recorded.replay_sass(arch, blocks=(first, first + 1))[1]
    assert 32 * stats.warp_instructions / (64 * 128) <= instructions
    assert stats.bank_conflicts == 0


FAULTS = [
    ("k * TAPS + (i - row)", "(i - row)"),
    ("sums[k][row][x] * sums[k][row][x]", "sums[k][row][x] * sums[0][row][x]"),
    ("sums[0][row][x] = root(squares)", "sums[0][row][x] = squares"),
]


@pytest.mark.parametrize(("pattern", "replacement"), FAULTS)
def test_faults_are_found(pattern, replacement):
    call = CALLS["several tiles"]()
    launch = record(conv2d_small, call)
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    with pytest.raises(AssertionError):
        assert_right(conv2d_small, call, out_of(faulty, faulty.replay_cpu("forward")))
