"""gpuconv.signal on every backend, with tensors and with arrays on a device."""

import itertools

import numpy as np
import pytest
import scipy.signal
from scipy_agreement import cupy_or_skip, torch_or_skip
from signal_agreement import MODES, ONE_RANK, ROW, TWO_D, check, values

import gpuconv
from gpuconv import signal


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
@pytest.mark.parametrize("mode", MODES)
def test_every_backend(backend, name, mode):
    """The same values within both bounds, wherever they are computed."""
    with gpuconv.backend(backend):
        for dtype, shapes in itertools.product(("float32", "float64"), (((9, 20), (3, 4)), ((3, 4), (9, 20)))):
            check(name, values(shapes[0], dtype), values(shapes[1], dtype, 1), mode)
        assert gpuconv.backends.last_used() == backend


def test_backend_is_chosen_outside():
    with gpuconv.backend("numpy"):
        signal.convolve(ROW, ROW)
    with pytest.raises(TypeError):
        signal.convolve(ROW, ROW, backend="numpy")


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "complex64"])
def test_tensors(name, dtype):
    torch = torch_or_skip()
    if name in TWO_D and dtype == "float16":
        dtype = "float64"
    x, h = values((6, 5), dtype), values((2, 3), dtype, 1)
    for a, b, mode in [(x, h, "same"), (h, x, "full"), (h, x, "valid")]:
        result = getattr(signal, name)(torch.from_numpy(a), torch.from_numpy(b), mode)
        assert isinstance(result, torch.Tensor)
        np.testing.assert_array_equal(result.numpy(), getattr(signal, name)(a, b, mode))
    assert isinstance(getattr(signal, name)(h, torch.from_numpy(x)), np.ndarray)  # in1 decides


@pytest.mark.parametrize("name", ONE_RANK + TWO_D)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float64"])
def test_device_arrays(name, dtype):
    """Results stay on the device, whichever input is there."""
    cupy = cupy_or_skip()
    x, h = values((6, 5), dtype), values((2, 3), dtype, 1)
    x, h = (x, h) if dtype != "float64" else (np.rint(x), np.rint(h))  # exact in any order
    there_x, there_h = cupy.asarray(x), cupy.asarray(h)
    for in1, in2, arrays, mode in [
        (x, h, (there_x, there_h), "same"),
        (x, h, (there_x, h), "same"),
        (h, x, (there_h, there_x), "full"),
        (h, x, (there_h, there_x), "valid"),
        (h, x, (h, there_x), "valid"),
    ]:
        result = getattr(signal, name)(*arrays, mode)
        assert isinstance(result, cupy.ndarray)
        np.testing.assert_array_equal(cupy.asnumpy(result), getattr(scipy.signal, name)(in1, in2, mode))


def test_tensors_that_are_numbers_or_flags():
    torch = torch_or_skip()
    assert signal.correlate(torch.tensor(2.0), torch.tensor(3.0)) == torch.tensor(6.0)
    assert signal.correlate(torch.tensor(1j), torch.tensor(1j)) == torch.tensor(1 + 0j)
    assert signal.convolve(torch.tensor([True, False]), torch.tensor([True])).dtype == torch.bool
    with pytest.raises(TypeError, match="gradient"):
        signal.convolve(torch.ones(3, requires_grad=True), torch.ones(2))
