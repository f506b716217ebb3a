"""The stand-in cupy behaves as CuPy where a backend relies on it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import standin

pytestmark = pytest.mark.usefixtures("standin_cupy")

SCALE = """
using scalar_t = float;
struct Pair { float factor, offset; };
extern "C" __global__ void
scale(const scalar_t* __restrict__ x, scalar_t* __restrict__ y, const __grid_constant__ Pair pair, int n)
{
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = fmaf(pair.factor, x[i], pair.offset);
}
"""
PAIR = np.array([(2, 1)], dtype=[("factor", "f4"), ("offset", "f4")])


@pytest.fixture
def cupy() -> Any:
    import cupy

    return cupy


class Foreign:
    """A stream of another library."""

    def __init__(self, pointer: int):
        self.pointer = pointer

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.pointer


def test_launch_of_a_raw_module(cupy: Any) -> None:
    kernel = cupy.RawModule(code=SCALE, options=("-std=c++17",)).get_function("scale")
    x, y = cupy.asarray(np.arange(100, dtype=np.float32)), cupy.empty(100, np.float32)
    with standin.recording() as launches, cupy.cuda.Stream.from_external(Foreign(77)):
        kernel((4,), (32,), (x, y, PAIR, np.int32(100)), shared_mem=16)
    np.testing.assert_array_equal(y.get(), 2 * np.arange(100) + 1)
    (launch,) = launches
    assert (launch.name, launch.grid, launch.block) == ("scale", (4, 1, 1), (32, 1, 1))
    assert (launch.shared_mem, launch.stream, launch.options) == (16, 77, ("-std=c++17",))
    np.testing.assert_array_equal(launch.results[1], y.get())
    assert np.isnan(launch.arrays_before()[1]).all()
    np.testing.assert_array_equal(launch.replay_cpu("reverse")[1], y.get())
    for kind in ("address", "thread"):
        assert launch.replay_sanitized(kind).ok


@pytest.mark.usefixtures("nvrtc")
def test_recorded_launch_as_machine_code(cupy: Any) -> None:
    """A reversed view: the pointer is to the last bytes of its memory; `const` arrays must not be written."""
    x, y = cupy.asarray(np.arange(32, dtype=np.float32)), cupy.empty(32, np.float32)
    text = SCALE.replace("x[i]", "x[-i]")
    with standin.recording() as launches:
        cupy.RawKernel(text, "scale")((1,), (32,), (x[::-1], y, PAIR, np.int32(32)))
    expected = 2 * np.arange(32)[::-1] + 1
    np.testing.assert_array_equal(y.get(), expected)
    for arch in ("sm_75", "sm_90"):
        np.testing.assert_array_equal(launches[0].replay_sass(arch)[0][1], expected)
    written = text.replace("if (i < n)", "const_cast<float*>(x)[-i] = 0; if (i < n)")
    launch = standin.make_launch(written, "scale", 1, 32, launches[0].before.arguments(launches[0].before.copy()))
    with pytest.raises(standin.sassrun().SassError, match="readonly"):
        launch.replay_sass("sm_86")


@pytest.mark.parametrize(
    ("grid", "block", "arguments", "error", "message"),
    [
        ([1], (1,), (), TypeError, r"Argument 'grid' has incorrect type \(expected tuple, got list\)"),
        ((1.5,), (1,), (), TypeError, "tuples of int"),
        ((1,), (1,), ([1.0],), TypeError, "Unsupported type <class 'list'>"),
        ((1,), (1,), (b"1234",), TypeError, "Unsupported type <class 'bytes'>"),
        ((1,), (1,), (np.zeros(3),), TypeError, r"pass a numpy.ndarray of shape \(3,\) as a kernel parameter"),
        ((1,), (1,), (None, None, PAIR, 3), standin.LaunchError, "argument 3 is an integer of 4 bytes; got 8 bytes"),
        ((1,), (1,), (None, None, PAIR), standin.LaunchError, "takes 4 arguments; got 3"),
        ((1,), (1,), (None, None, np.void(bytes(40)), np.int32(1)), TypeError, "one structured element"),
    ],
)
def test_argument_rules(cupy: Any, grid: Any, block: Any, arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cupy.RawKernel(SCALE, "scale")(grid, block, arguments)


def test_a_zero_grid_counts_as_one(cupy: Any) -> None:
    with standin.recording() as launches:
        cupy.RawKernel(SCALE, "scale")((0, 0), (1,), (None, None, PAIR, np.int32(0)))
    assert launches[0].grid == (1, 1, 1)


def test_dynamic_shared_memory_needs_permission(cupy: Any) -> None:
    kernel = cupy.RawKernel(SCALE, "scale")
    arguments = (None, None, PAIR, np.int32(0))
    with pytest.raises(standin.LaunchError, match="max_dynamic_shared_size_bytes"):
        kernel((1,), (1,), arguments, shared_mem=50_000)
    kernel.max_dynamic_shared_size_bytes = 50_000
    kernel((1,), (1,), arguments, shared_mem=50_000)


def test_faulty_text(cupy: Any) -> None:
    with pytest.raises(cupy.cuda.compiler.CompileException, match=r"nothing.* was not declared"):
        cupy.RawKernel(SCALE.replace("pair.factor", "nothing"), "scale").compile()


def test_empty_is_nan_and_aligned(cupy: Any) -> None:
    for dtype in (np.float16, np.float32, np.complex128):
        array = cupy.empty((3, 5), dtype)
        assert np.isnan(array.get()).all()
        assert array.data.ptr % 512 == 0
    assert cupy.empty(0).data.ptr == 0


def test_host_arrays_are_copied_to_the_device(cupy: Any) -> None:
    host = np.arange(6.0)
    device = cupy.asarray(host)
    host[0] = 7
    assert device.get()[0] == 0
    assert cupy.asarray(device) is device
    assert cupy.asarray(device, np.float32).dtype == np.float32
    assert cupy.asarray(np.arange(3, dtype=">f8")).dtype == np.float64
    with pytest.raises(ValueError, match="Unsupported dtype"):
        cupy.asarray(np.zeros(3, object))
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(device)


def test_interfaces_share_memory(cupy: Any) -> None:
    x = cupy.asarray(np.arange(24.0).reshape(4, 6))
    view = x[::-1, 1::2]

    class Foreign:
        __cuda_array_interface__ = view.__cuda_array_interface__

    shared = cupy.asarray(Foreign())
    assert (shared.data.ptr, shared.strides) == (view.data.ptr, view.strides)
    np.testing.assert_array_equal(shared.get(), np.arange(24.0).reshape(4, 6)[::-1, 1::2])
    assert cupy.from_dlpack(x).data.ptr == x.data.ptr
    with pytest.raises(ValueError, match="CUDA DLPack"):
        cupy.from_dlpack(np.zeros(3))
    cupy.copyto(shared, cupy.asarray(0.0))
    np.testing.assert_array_equal(x.get()[:, 1::2], 0)


def test_current_stream(cupy: Any) -> None:
    stream = cupy.cuda.Stream(non_blocking=True)
    assert cupy.cuda.get_current_stream().ptr == 0
    with stream:
        assert cupy.cuda.get_current_stream() is stream
        with cupy.cuda.Stream.from_external(Foreign(5)):
            assert cupy.cuda.get_current_stream().ptr == 5
        assert cupy.cuda.get_current_stream() is stream
    assert cupy.cuda.get_current_stream().ptr == 0


@pytest.mark.parametrize(
    ("failure", "status", "count"),
    [("insufficient_driver", 35, None), ("old_driver", 35, None), ("no_device", 100, None), ("no_context", 2, 1)],
)
def test_failures(cupy: Any, monkeypatch: pytest.MonkeyPatch, failure: str, status: int, count: int | None) -> None:
    monkeypatch.setenv("GPUCONV_STANDIN_FAILURE", failure)
    for call in (lambda: cupy.empty(3), cupy.cuda.runtime.memGetInfo, cupy.cuda.Device(0).use):
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError) as caught:
            call()
        assert caught.value.status == status
    assert cupy.cuda.is_available() is (count is not None)
    if count is not None:
        assert cupy.cuda.runtime.getDeviceCount() == count
    assert cupy.cuda.runtime.driverGetVersion() == {"insufficient_driver": 0, "old_driver": 12000}.get(failure, 13020)


def test_memory_runs_out(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    held = cupy.empty(1000, "u1")
    _, total = cupy.cuda.runtime.memGetInfo()
    used = total - cupy.cuda.runtime.memGetInfo()[0]
    monkeypatch.setenv("GPUCONV_STANDIN_MEMORY", str(used + 500))
    assert cupy.cuda.runtime.memGetInfo() == (500, used + 500)
    with pytest.raises(cupy.cuda.memory.OutOfMemoryError, match="allocating 501 bytes"):
        cupy.empty(501, "u1")
    assert held.max().get().dtype == "u1"
    del held
    cupy.empty(1500, "u1")


def test_no_compiler(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUCONV_STANDIN_FAILURE", "no_nvrtc")
    with pytest.raises(RuntimeError, match="failed to load libnvrtc"):
        cupy.cuda.nvrtc.getVersion()


def test_out_of_memory(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUCONV_STANDIN_FAILURE", "out_of_memory")
    assert cupy.cuda.runtime.memGetInfo()[0] == 0
    with pytest.raises(cupy.cuda.memory.OutOfMemoryError, match="Out of memory allocating 12 bytes"):
        cupy.empty(3, np.float32)


def test_failure_names_are_checked(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPUCONV_STANDIN_FAILURE", "no_such_failure")
    with pytest.raises(ValueError, match="one of insufficient_driver"):
        cupy.empty(3)


def test_real_cupy_takes_the_same_arguments() -> None:
    """What the stand-in passes by value, the real CuPy packs too; what it refuses, CuPy refuses."""
    pytest.importorskip("cupy_backends", reason="CuPy is not installed: pip install cupy-cuda13x")
    code = """
import numpy as np
from cupy._core._scalar import CScalar
from cupy.cuda.function import CNumpyArray
for value in (True, 3, 2**63, 1.5, 1j, np.int8(1), np.float16(1), np.uint64(1), np.complex64(1), np.void(b"1234")):
    assert CScalar(value).descr == np.asarray(value).dtype, value
CNumpyArray(np.zeros(1, [("tap", "f4", (1000,))]))
for value in ([1.0], b"1234", "x", (1,)):
    try:
        CScalar(value)
    except TypeError as error:
        assert str(error) == f"Unsupported type {type(value)}"
    else:
        raise AssertionError(value)
"""
    result = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, cwd=Path("/"))
    assert result.returncode == 0, result.stderr
