"""gpuconv.ndimage on every backend, with tensors and with arrays on a device."""

import numpy as np
import pytest
import scipy.ndimage
from ndimage_agreement import ANY_RANK, LINES, values
from scipy_agreement import cupy_or_skip, torch_or_skip

import gpuconv
from gpuconv import ndimage


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_every_backend(backend, name, dtype):
    """Integer weights and values small enough to be exact wherever they are computed."""
    x, taps = values((9, 20), dtype), (3, 4) if name in ANY_RANK else (4,)
    x = x if x.dtype.kind in "iu" else np.rint(x).astype(dtype)
    with gpuconv.backend(backend):
        for mode in ("reflect", "constant", "wrap"):
            try:
                result = getattr(ndimage, name)(x, values(taps, "i8", 1), mode=mode)
            except gpuconv.UnsupportedProblemError as refusal:
                pytest.skip(str(refusal))
            np.testing.assert_array_equal(result, getattr(scipy.ndimage, name)(x, values(taps, "i8", 1), mode=mode))
        assert gpuconv.backends.last_used() == backend


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float32", "complex64"])
def test_tensors(name, dtype):
    torch = torch_or_skip()
    x, w = values((6, 5), dtype), values((2, 3) if name in ANY_RANK else (3,), "f8", 1)
    tensor = torch.from_numpy(x)
    result = getattr(ndimage, name)(tensor, torch.from_numpy(w), mode="mirror")
    assert isinstance(result, torch.Tensor)
    np.testing.assert_array_equal(result.numpy(), getattr(ndimage, name)(x, w, mode="mirror"))
    assert getattr(ndimage, name)(tensor, w.tolist(), output=tensor, mode="mirror") is tensor
    np.testing.assert_array_equal(tensor.numpy(), result.numpy())
    if dtype != "complex64":
        assert getattr(ndimage, name)(x, w, output=torch.float64).dtype == np.float64
        assert getattr(ndimage, name)(tensor, w, output=torch.float64).dtype == torch.float64
        assert getattr(ndimage, name)(tensor, w, output=bool).dtype == torch.bool


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
def test_device_arrays(name, dtype):
    """Results stay on the device; the weights may be on either side."""
    cupy = cupy_or_skip()
    x, w = values((6, 5), dtype), values((2, 3) if name in ANY_RANK else (3,), "i8", 1)
    x = np.rint(x) if x.dtype.kind == "f" else x  # exact in any order
    expected, output = getattr(scipy.ndimage, name)(x, w), cupy.empty((6, 5), dtype)
    for weights in (w, cupy.asarray(w)):
        result = getattr(ndimage, name)(cupy.asarray(x), weights)
        assert isinstance(result, cupy.ndarray)
        np.testing.assert_array_equal(cupy.asnumpy(result), expected)
        assert getattr(ndimage, name)(cupy.asarray(x), weights, output=output) is output
        np.testing.assert_array_equal(cupy.asnumpy(output), expected)
