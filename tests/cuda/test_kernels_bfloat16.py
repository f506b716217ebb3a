"""bfloat16 in every kernel: right, and compiled to machine code that is right on either side of sm_80's conversions."""

import numpy as np
import pytest
from kernel_runs import REPRESENTATIVE, assert_right, check, factors, image_filter, layer, out_of, record

from gpuconv.launches.cuda_depthwise import depthwise_small
from gpuconv.launches.cuda_direct import conv2d_large, conv2d_small
from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.launches.cuda_signals import conv1d_columns, conv1d_rows

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
BF16 = np.dtype(ml_dtypes.bfloat16)
TYPES = (BF16, "f4")
CALLS = {
    conv2d_small: lambda: image_filter((2, 35, 69), (3, 3), TYPES, boundary="mirror"),
    conv2d_large: lambda: image_filter((40, 66), (13, 15), TYPES, boundary="edge"),
    conv2d_tiled: lambda: image_filter((33, 40), (5, 5), TYPES),
    conv2d_separable: lambda: factors((35, 37), (5, 19), TYPES),
    separable_stream: lambda: factors((70, 68), (7, 7), TYPES),
    conv1d: lambda: image_filter((700,), (11,), TYPES, stride=3),
    conv1d_rows: lambda: image_filter((2, 1100), (63,), TYPES, boundary="wrap"),
    conv1d_columns: lambda: image_filter((70, 40), (9, 1), TYPES),
    depthwise_small: lambda: layer((2, 3, 20, 30), (3, 1, 3, 3), BF16, groups=3, padding=1),
    conv2d_layer: lambda: layer((1, 9, 17, 18), (5, 9, 3, 3), BF16, padding=1),
    conv2d_direct: lambda: layer((1, 2, 9, 8), (3, 2, 3, 2), BF16),
}


@pytest.mark.parametrize(
    "launcher", [pytest.param(k, marks=() if k is conv2d_small else pytest.mark.slow, id=k.__name__) for k in CALLS]
)
def test_every_kernel(launcher):
    check(launcher, CALLS[launcher]())


@pytest.mark.parametrize(
    ("launcher", "arch"),
    [
        (conv2d_small, "sm_75"),
        (conv2d_small, "sm_90"),
        *(
            pytest.param(k, arch, marks=pytest.mark.slow)
            for k in CALLS
            for arch in ("sm_75", "sm_80")
            if k is not conv2d_small
        ),
    ],
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(launcher, arch):
    call = CALLS[launcher]()
    launch = record(launcher, call)
    assert_right(launcher, call, out_of(launch, launch.replay_sass(arch)[0]))


@pytest.mark.parametrize("arch", ["sm_75", "sm_86"])
@pytest.mark.usefixtures("nvrtc")
def test_conversions(arch):
    """Rounded to nearest, ties to even; nan stays one; what exceeds the range becomes infinite."""
    bits = (np.arange(0x3F80, 0x3F88, dtype="u4") << 16)[:, None] | np.array([0x7FFF, 0x8000, 0x8001], "u4")
    x = np.concatenate([bits.ravel().view("f4"), np.array([3.4e38, -3.4e38, np.inf, np.nan, -0.0], "f4")])
    call = image_filter(x.shape, (1,), ("f4", "f4"), out_dtype=BF16)
    call.operands.image[...], call.operands.weights[...] = x, 1
    launch = record(conv1d, call)
    expected = x.astype(BF16).astype("f4")
    for arrays in (launch.results, launch.replay_sass(arch)[0]):
        np.testing.assert_array_equal(out_of(launch, arrays).astype("f4").ravel(), expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(kind):
    launch = record(conv2d_small, CALLS[conv2d_small]())
    report = launch.replay_sanitized(kind)
    assert report.ok, report.log


def test_cases_reach_every_kind_of_kernel():
    assert {launcher for launcher, _ in REPRESENTATIVE.values()} <= CALLS.keys()
