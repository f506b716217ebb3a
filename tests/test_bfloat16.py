"""bfloat16, a dtype of ml_dtypes: in and out of every function, with torch and on the device."""

import subprocess
import sys

import numpy as np
import pytest
from agreement import check_call, check_convolve, random
from layers import LAYERS, function_of

import gpuconv
import gpuconv.nn
from gpuconv.dtypes import bfloat16, float_limits
from gpuconv.engine import Call
from gpuconv.nn.weight_gradient import gradient_call

ml_dtypes = pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
BF16 = np.dtype(ml_dtypes.bfloat16)


@pytest.fixture
def backend(backend):
    if backend in ("cpu", "numba_cuda"):
        pytest.skip(f"the {backend} backend has no bfloat16")
    return backend


@pytest.mark.parametrize("size", ["same", "full"])
@pytest.mark.parametrize("shape", [((70,), (9,)), ((31, 45), (5, 5)), ((2, 20, 30), (3, 15))])
def test_filters(backend, shape, size):
    result = check_convolve(random(shape[0], BF16), random(shape[1], BF16, 1), size=size, backend=backend)
    assert result.dtype == BF16


@pytest.mark.parametrize(("image", "weights", "out"), [(BF16, "f4", None), (BF16, "i1", "u1"), ("u1", "f4", BF16)])
def test_mixed_dtypes(backend, image, weights, out):
    x, w = random((19, 40), image), random((3, 3), weights, 1)
    result = check_convolve(x, w, out_dtype=out, boundary="edge", backend=backend)
    assert result.dtype == (out or BF16)


def test_separable_factors(backend):
    x, factors = random((40, 33), BF16), [random((5,), BF16, 1), random((7,), BF16, 2)]
    whole = gpuconv.convolve(x, np.multiply.outer(*(f.astype("f4") for f in factors)), backend=backend)
    passes = gpuconv.sepconvolve(x, factors, backend=backend)
    assert passes.dtype == BF16
    error = np.abs(passes.astype("f4") - whole.astype("f4"))
    scale = gpuconv.sepconvolve(np.abs(x).astype("f4"), [np.abs(f).astype("f4") for f in factors], backend=backend)
    bound = 2 * 40 * float(np.finfo("f4").eps) * scale + float_limits(BF16).eps * np.abs(whole.astype("f4"))
    assert (error <= bound).all()


@pytest.mark.parametrize(("input_", "weight", "options"), LAYERS[1:4])
def test_layers(backend, input_, weight, options):
    values = [random(shape, BF16, seed) for seed, shape in enumerate((input_, weight, weight[:1]))]
    call = gpuconv.nn.layer_call(len(weight) - 2, *values, **options)
    check_call(Call(call.problem, call.x, call.operands, call.out_order, backend=backend))
    assert function_of(weight)(*values, **options).dtype == BF16


def test_rounding_is_to_nearest_even(backend):
    """Around each halfway point between neighbours, and at the ends of the range."""
    bits = np.arange(0x3F80, 0x3FA0, dtype="u4") << 16
    x = np.concatenate([bits | low for low in (0x7FFF, 0x8000, 0x8001)]).astype("u4").view("f4")
    x = np.concatenate([x, -x, np.array([3.4e38, -3.4e38, np.inf, np.nan, 0.0], "f4")])
    result = gpuconv.convolve(x, np.ones(1, "f4"), out_dtype=BF16, backend=backend)
    np.testing.assert_array_equal(result.astype("f4"), x.astype(BF16).astype("f4"))


def test_the_name_of_the_dtype():
    result = gpuconv.convolve(np.ones(5, "f4"), [1.0], out_dtype="bfloat16")
    assert result.dtype == BF16 == bfloat16()
    with pytest.raises(TypeError, match="compute_dtype must be one of"):
        gpuconv.convolve(np.ones(5, "f4"), [1.0], compute_dtype=BF16)
    with pytest.raises(TypeError, match="compute_dtype must be able to hold x; got int32"):
        gpuconv.convolve(np.ones(5, BF16), [1], compute_dtype="int32")


def test_limits_agree_with_ml_dtypes():
    info = ml_dtypes.finfo(BF16)
    limits = float_limits(BF16)
    assert (limits.eps, limits.tiny, limits.max) == tuple(map(float, (info.eps, info.tiny, info.max)))


def test_backends_that_have_none_say_so():
    for name in ("cpu", "numba_cuda"):
        with pytest.raises((gpuconv.UnsupportedProblemError, gpuconv.BackendUnavailableError), match=r"bfloat16|not"):
            gpuconv.convolve(np.ones(5, BF16), np.ones(3, BF16), backend=name)


def test_out_and_strides(backend):
    x, out = random((20, 60), BF16)[::-1, ::2], np.empty((20, 30), BF16)
    assert gpuconv.convolve(x, np.ones((3, 3), "f4"), out=out, backend=backend) is out
    np.testing.assert_array_equal(out, check_convolve(x.copy(), np.ones((3, 3), "f4"), backend=backend))


def test_gradients_of_weights(backend):
    x, w = random((2, 4, 9, 11), BF16), random((6, 2, 3, 3), BF16, 1)
    grad = random(gpuconv.nn.conv2d(x, w, groups=2, stride=2).shape, BF16, 2)
    with gpuconv.backend(backend):
        check_call(gradient_call(2, x, w.shape, grad, groups=2, stride=2))


def test_torch_tensors():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    x, w, b = (torch.randn(shape).to(torch.bfloat16) for shape in ((2, 8, 12, 11), (6, 4, 3, 3), (6,)))
    ours = gpuconv.nn.conv2d(x, w, b, padding=1, groups=2)
    assert ours.dtype == torch.bfloat16
    exact = torch.nn.functional.conv2d(x.double(), w.double(), b.double(), padding=1, groups=2)
    scale = torch.nn.functional.conv2d(x.double().abs(), w.double().abs(), b.double().abs(), padding=1, groups=2)
    bound = 50 * torch.finfo(torch.float32).eps * scale + torch.finfo(torch.bfloat16).eps * exact.abs()
    assert ((ours.double() - exact).abs() <= bound).all()
    filtered = gpuconv.convolve(x[0, 0].T, torch.ones(3, 3))
    assert (filtered.dtype, filtered.shape) == (torch.bfloat16, (11, 12))


def test_ml_dtypes_is_not_imported_with_gpuconv():
    code = "import sys, gpuconv; sys.exit('ml_dtypes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_ml_dtypes(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(TypeError, match="bfloat16 needs ml_dtypes; install it with: python -m pip install ml_dtypes"):
        gpuconv.convolve(np.ones(3, "f4"), [1.0], out_dtype="bfloat16")
