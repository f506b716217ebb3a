"""Complex numbers in every CUDA C++ kernel: sums, fill, conversions, real images with complex weights."""

from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import check_convolve, check_sepconvolve, random
from kernel_runs import assert_right, check, factors, few, image_filter, layer, out_of, record
from standin import mutate

from gpuconv.backends.cupy import OPTIONS
from gpuconv.engine import facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda import LAUNCHERS
from gpuconv.launches.cuda_depthwise import depthwise_large, depthwise_small
from gpuconv.launches.cuda_direct import conv2d_large, conv2d_small
from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.launches.cuda_signals import conv1d_columns, conv1d_rows
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.sources import source

BIG = DeviceLimits(multiprocessors=1)  # so small that the largest tiles are the best
CASES = {
    conv2d_small: lambda dtypes: image_filter((35, 74), (3, 3), dtypes, boundary="constant", fill=_fill(dtypes)),
    conv2d_large: lambda dtypes: image_filter((40, 70), (6, 13), dtypes, boundary="mirror"),
    conv2d_tiled: lambda dtypes: image_filter((33, 40), (5, 5), dtypes, boundary="wrap"),
    separable_stream: lambda dtypes: factors((40, 150), (5, 7), dtypes, boundary="constant", fill=_fill(dtypes)),
    conv2d_separable: lambda dtypes: factors((35, 37), (4, 19), dtypes, boundary="symmetric"),
    conv1d_rows: lambda dtypes: image_filter((2, 700), (33,), dtypes, boundary="edge"),
    conv1d: lambda dtypes: image_filter((700,), (11,), dtypes, stride=3, boundary="wrap"),
    conv1d_columns: lambda dtypes: image_filter((70, 40), (39, 1), dtypes, boundary="edge"),
    conv2d_layer: lambda dtypes: image_filter((20, 33), (4, 3), dtypes, stride=(2, 1), dilation=(1, 2)),
    conv2d_direct: lambda dtypes: image_filter((20, 33), (4, 3), dtypes, boundary="mirror"),
    depthwise_small: lambda dtypes: layer((2, 3, 20, 36), (6, 1, 3, 3), dtypes[0], groups=3, padding=1),
    depthwise_large: lambda dtypes: layer((1, 2, 20, 33), (2, 1, 5, 9), dtypes[0], groups=2, padding=4),
}
LAYERS = (depthwise_small, depthwise_large)


def _fill(dtypes):
    return 1 - 2j if "c" in (dtypes[0][0], dtypes[1][0]) else 1


@pytest.mark.parametrize("launcher", CASES)
@pytest.mark.parametrize("dtype", few(("c8", "c16"), "c8"))
def test_agrees_with_the_oracle(launcher, dtype):
    check(launcher, CASES[launcher]((dtype, dtype)))


def test_outputs_narrower_than_a_warp():
    """A tile of conv2d_large is 16 values of complex128 wide."""
    check(conv2d_large, CASES[conv2d_large](("c16", "c16")))


@pytest.mark.parametrize("launcher", few((conv2d_small, separable_stream), conv2d_small))
@pytest.mark.parametrize(
    ("image", "weights"),
    few([("f4", "c8"), ("c8", "f4"), ("u1", "c8"), ("f2", "c8"), ("c16", "f8")], ("f4", "c8"), ("c8", "f4")),
)
def test_real_numbers_become_complex(launcher, image, weights):
    check(launcher, CASES[launcher]((image, weights)))


def test_a_narrower_and_a_wider_output():
    for compute, out in (("c16", "c8"), ("c8", "c16"), ("f4", "c8")):
        dtype = "f4" if compute == "f4" else "c8"
        check(conv2d_small, image_filter((9, 30), (3, 3), (dtype, dtype), compute_dtype=compute, out_dtype=out))


def test_zero_taps_do_not_touch_the_image():
    call = CASES[conv2d_small](("c8", "c8"))
    call.operands.image.flat[::101] = np.nan
    call.operands.weights.flat[::3] = 0
    check(conv2d_small, replace(call, problem=replace(call.problem, skip_zero_taps=True)))


@pytest.mark.usefixtures("standin_cupy")
def test_public_functions():
    x, w = random((2, 30, 41), "c8"), random((7, 7), "c8", 1)
    check_convolve(x, w, backend="cupy", boundary="constant", fill=2j)
    check_sepconvolve(x, [w[0], w[1]], backend="cupy", boundary="mirror")
    check_convolve(x, w[0], backend="cupy", axes=1)
    check_convolve(x.real.copy(), w, backend="cupy", boundary="edge")


@pytest.mark.parametrize("launcher", few((conv2d_small, conv2d_large, separable_stream), conv2d_small))
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(launcher, kind):
    call = CASES[launcher](("c8", "c8"))
    launch = record(launcher, call)
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    assert_right(launcher, call, out_of(launch, report.arrays))


@pytest.mark.parametrize(
    ("arch", "launcher", "dtypes"),
    [
        ("sm_75", conv2d_small, ("f4", "c8")),
        ("sm_86", conv2d_large, ("c16", "c16")),
        ("sm_90", separable_stream, ("c8", "c8")),
    ],
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(arch, launcher, dtypes):
    call = CASES[launcher](dtypes)
    launch = record(launcher, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(launcher, call, out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0


@pytest.mark.slow  # the other kernels
@pytest.mark.parametrize("launcher", CASES)
@pytest.mark.parametrize("arch", ["sm_75", "sm_86", "sm_90"])
@pytest.mark.usefixtures("nvrtc")
def test_machine_code_of_every_kernel(launcher, arch):
    for dtypes in (("c8", "c8"), ("c16", "c16")):
        call = CASES[launcher](dtypes)
        launch = record(launcher, call)
        arrays, stats = launch.replay_sass(arch)
        assert_right(launcher, call, out_of(launch, arrays))
        if launcher not in (conv1d, conv2d_direct):  # the plain ones may put complex128 on the stack
            assert stats.static["local_bytes"] == 0


@pytest.mark.usefixtures("nvrtc")
def test_four_multiply_adds_a_product():
    launch = record(conv2d_small, image_filter((32, 32), (3, 3), ("c8", "c8")))
    cubin = standin.compile_all(launch.text, ["sm_90"], OPTIONS)["sm_90"]
    opcodes = [row[2].split(".")[0] for row in standin.sassrun().disassemble(cubin, "conv2d_small")]
    outputs = 4 * 2  # rows, values of 16 bytes
    assert opcodes.count("FFMA") == 4 * 9 * outputs
    assert opcodes.count("FMUL") == opcodes.count("FADD") == 0


@pytest.mark.slow  # compiles the largest tiles for every architecture
@pytest.mark.parametrize("arch", standin.ARCHITECTURES)
@pytest.mark.parametrize("dtype", ["c8", "c16"])
@pytest.mark.usefixtures("nvrtc")
def test_nothing_is_spilled(arch, dtype):
    calls = [(conv2d_small, image_filter((32, 32), (n, n), (dtype, dtype))) for n in (3, 5, 7)]
    calls += [(conv2d_large, image_filter((64, 64), (n, n), (dtype, dtype))) for n in (9, 15, 31, 63)]
    calls += [(depthwise_small, layer((1, 2, 32, 32), (2, 1, n, n), dtype, groups=2)) for n in (3, 5, 7)]
    calls += [(separable_stream, factors((64, 64), (n, n), (dtype, dtype))) for n in (3, 9, 15, 31)]
    for launcher, call in calls:
        problem = replace(call.problem, extent=(9216, 9216))
        launch = launcher(problem, Facts(weights_sum=1, separable=bool(call.operands.factors), device=BIG))
        if isinstance(launch, LaunchPlan):
            cubin = standin.compile_all(source(launch.specialization), [arch], OPTIONS)[arch]
            assert standin.sassrun().Cubin(cubin).static(launch.specialization.kernel)["local_bytes"] == 0


def test_what_would_spill_goes_to_another_kernel():
    for dtype, taps, kernel in (("c8", (9, 9), "conv2d_large"), ("c16", (5, 5), "conv2d_large")):
        call = image_filter((200, 200), taps, (dtype, dtype))
        launches = (launcher(call.problem, facts_of(call)) for launcher in LAUNCHERS)
        assert next(x for x in launches if isinstance(x, LaunchPlan)).specialization.kernel == kernel
    call = factors((200, 200), (31, 31), ("c16", "c16"))
    assert "at most 25 rows of complex128" in separable_stream(call.problem, facts_of(call))


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        ("sum.re - weight.im * value.im", "sum.re + weight.im * value.im"),
        ("sum.im + weight.im * value.re", "sum.im + weight.re * value.im"),
    ],
)
def test_faults_are_found(pattern, replacement):
    call = CASES[conv2d_small](("c8", "c8"))
    launch = record(conv2d_small, call)
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    with pytest.raises(AssertionError):
        assert_right(conv2d_small, call, out_of(faulty, faulty.replay_cpu("forward")))
