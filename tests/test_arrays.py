"""Arrays of other libraries: seen without a copy, answered in kind."""

import ctypes

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv.arrays import DeviceView, adopt, flip, insert_axis


class OnDevice:
    """Host memory posing as a CUDA array."""

    def __init__(self, array, **extra):
        self.array = array
        address, read_only = array.__array_interface__["data"]
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "typestr": array.dtype.str,
            "data": (address, read_only),
            "strides": None if array.flags.c_contiguous else array.strides,
            "version": 3,
            **extra,
        }


def read(view):
    """Follow a DeviceView's pointer and strides, element by element."""
    out = np.empty(view.shape, view.dtype)
    for index in np.ndindex(*view.shape):
        at = view.pointer + sum(i * s for i, s in zip(index, view.strides, strict=True))
        out[index] = np.frombuffer(ctypes.string_at(at, view.dtype.itemsize), view.dtype)[0]
    return out


@pytest.fixture(params=["contiguous", "strided", "transposed"])
def memory(request):
    array = random((6, 8, 4), "f4")
    return {"contiguous": array, "strided": array[::2, ::-1, 1:], "transposed": array.transpose(2, 0, 1)}[request.param]


def test_device_views_follow_numpy(memory):
    adopted = adopt("x", OnDevice(memory))
    view = adopted.view
    assert adopted.place == "cuda:0"
    np.testing.assert_array_equal(read(view), memory)
    np.testing.assert_array_equal(read(view.transpose((2, 0, 1))), memory.transpose(2, 0, 1))
    np.testing.assert_array_equal(read(flip(view, (0, 2))), np.flip(memory, (0, 2)))
    np.testing.assert_array_equal(read(insert_axis(view, 1)), memory[:, None])
    again = adopt("x", flip(view, (1,))).view
    np.testing.assert_array_equal(read(again), np.flip(memory, 1))


def test_overlap_of_device_views():
    array = random((10, 4), "f4")
    x = adopt("x", OnDevice(array[:6])).view
    assert x.overlaps(adopt("x", OnDevice(array[5:])).view)
    assert x.overlaps(flip(adopt("x", OnDevice(array[5:])).view, (0, 1)))
    assert not x.overlaps(adopt("x", OnDevice(array[6:])).view)
    assert not x.overlaps(adopt("x", OnDevice(array[6:6])).view)


def test_the_stream_of_the_interface_is_passed_on():
    view = adopt("x", OnDevice(random((3,), "f4"), stream=7)).view
    assert view.__cuda_array_interface__["stream"] == 7


def test_device_arrays_never_move_to_the_host(monkeypatch):
    monkeypatch.setattr(
        gpuconv.backends.probing, "reason_unavailable", lambda name: None if name == "numpy" else "no driver"
    )
    x = OnDevice(random((5, 5), "f4"))
    with pytest.raises(gpuconv.UnsupportedProblemError, match=r"no driver.*host arrays only"):
        gpuconv.convolve(x, np.ones((3, 3), "f4"))
    with pytest.raises(ValueError, match="x on host and weights on cuda:0"):
        gpuconv.convolve(x.array, x)
    with pytest.raises(ValueError, match="out must be where x is"):
        gpuconv.convolve(x.array, np.ones((3, 3), "f4"), out=x)
    with pytest.raises(TypeError, match="must be on the host"):
        gpuconv.sepconvolve(x, [OnDevice(random((3,), "f4")), [1.0]])


class OnlyDLPack:
    """A CPU array of the array API standard, of an unknown library."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def __array_namespace__(self, api_version=None):
        class Namespace:
            from_dlpack = staticmethod(lambda x: OnlyDLPack(np.from_dlpack(x)))

        return Namespace


def test_dlpack_in_and_out():
    x = random((5, 6), "f4")
    result = gpuconv.convolve(OnlyDLPack(x), np.ones((3, 3), "f4"))
    assert isinstance(result, OnlyDLPack)
    np.testing.assert_array_equal(result.array, gpuconv.convolve(x, np.ones((3, 3), "f4")))


def test_a_device_that_is_neither_cpu_nor_cuda():
    x = OnlyDLPack(random((5,), "f4"))
    x.__class__ = type("Elsewhere", (OnlyDLPack,), {"__dlpack_device__": lambda self: (8, 0)})  # kDLMetal
    with pytest.raises(TypeError, match="DLPack device type 8"):
        gpuconv.convolve(x, [1.0])


def test_numpy_scalars_and_subclasses():
    assert type(gpuconv.convolve(np.array([1.0, 2.0]).view(type("Sub", (np.ndarray,), {})), [1.0])) is np.ndarray
    with pytest.raises(ValueError, match="at least as many axes"):
        gpuconv.convolve(3.0, [1.0])


def test_memmap(tmp_path):
    x = np.memmap(tmp_path / "x", "f4", "w+", shape=(7, 8))
    x[:] = random((7, 8), "f4")
    np.testing.assert_array_equal(gpuconv.convolve(x, [[1.0, 2.0]]), gpuconv.convolve(np.array(x), [[1.0, 2.0]]))


class TestTorch:
    @pytest.fixture(autouse=True)
    def tensors(self):
        self.torch = pytest.importorskip("torch", reason="torch is not installed")

    def test_tensor_in_tensor_out(self):
        x, w = self.torch.arange(12.0).reshape(3, 4), self.torch.tensor([[1.0, 2.0]])
        result = gpuconv.convolve(x.T, w)
        assert isinstance(result, self.torch.Tensor)
        np.testing.assert_array_equal(result.numpy(), gpuconv.convolve(x.numpy().T, w.numpy()))
        out = self.torch.empty(4, 3)
        assert gpuconv.convolve(x.T, w, out=out) is out
        np.testing.assert_array_equal(out.numpy(), result.numpy())

    def test_integer_and_half_tensors(self):
        x = self.torch.arange(12, dtype=self.torch.uint8).reshape(3, 4)
        assert gpuconv.convolve(x, self.torch.ones(2, 2, dtype=self.torch.int16)).dtype == self.torch.int64
        assert gpuconv.convolve(x.half(), self.torch.ones(2, 2)).dtype == self.torch.float16

    def test_lazily_conjugated_tensors(self):
        x = self.torch.tensor([1 + 2j, 3 - 1j]).conj()
        np.testing.assert_array_equal(gpuconv.convolve(x, [1.0]).numpy(), [1 - 2j, 3 + 1j])
        with pytest.raises(TypeError, match="out must not be a lazily conjugated"):
            gpuconv.convolve(x.resolve_conj(), [1.0], out=x)

    @pytest.mark.parametrize("make", ["requires_grad_", "to_sparse"])
    def test_what_would_get_lost_is_refused(self, make):
        with pytest.raises(TypeError, match="x must"):
            gpuconv.convolve(getattr(self.torch.ones(3, 3), make)(), [[1.0]])
        with pytest.raises(TypeError, match="x must be on the CPU or a CUDA device; got device meta"):
            gpuconv.convolve(self.torch.ones(3, 3, device="meta"), [[1.0]])


def test_a_view_of_nothing():
    view = DeviceView(1000, (0, 4), (16, 4), np.dtype("f4"), 0, None)
    assert not view.overlaps(view)
