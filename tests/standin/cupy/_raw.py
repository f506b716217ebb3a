"""RawKernel and RawModule: CuPy's argument rules, and the CPU engine behind them."""

import functools

import numpy

import standin

from ._array import ndarray
from ._device import CUDADriverError, current_device, enqueue, failure, need_context, need_same_device
from .cuda.function import CNumpyArray


def _argument(value):
    """A kernel argument by CuPy's rules: arrays by pointer; scalars and NumPy arrays of size one by value."""
    if value is None:
        return standin.Value(numpy.zeros((), numpy.uint64))
    if isinstance(value, ndarray):
        if value.size and value.data.device_id != current_device():
            raise standin.LaunchError(f"an array of device {value.data.device_id} on device {current_device()}")
        return standin.Pointer(value._host)
    if isinstance(value, CNumpyArray):
        return standin.Value(value.val)
    if isinstance(value, numpy.ndarray):
        if value.size != 1:
            raise TypeError(
                f"You are trying to pass a numpy.ndarray of shape {value.shape} as a kernel parameter. "
                "Only numpy.ndarrays of size one can be passed by value. If you meant to pass a pointer "
                "to __global__ memory, you need to pass a cupy.ndarray instead."
            )
        return standin.Value(value)
    if type(value) in (bool, float, complex):
        return standin.Value(numpy.asarray(value))
    if type(value) is int:
        return standin.Value(numpy.asarray(value, numpy.uint64 if value >= 2**63 else numpy.int64))
    if isinstance(value, numpy.generic) and value.dtype.kind in "?biufcV":
        if value.nbytes > 32:
            raise TypeError(
                "CuPy's later versions refuse scalars of over 32 bytes: pass a NumPy array of one structured element"
            )
        return standin.Value(numpy.asarray(value))
    raise TypeError(f"Unsupported type {type(value)}")


def _of_type(name, value, wanted):
    if not isinstance(value, wanted):
        raise TypeError(
            f"Argument '{name}' has incorrect type (expected {wanted.__name__}, got {type(value).__name__})"
        )
    return value


class RawKernel:
    """A kernel of a text, compiled at its first call."""

    def __init__(
        self,
        code,
        name,
        options=(),
        backend="nvrtc",
        translate_cucomplex=False,
        *,
        enable_cooperative_groups=False,
        jitify=None,
    ):
        self.code = _of_type("code", code, str)
        self.name = _of_type("name", name, str)
        self.options = _of_type("options", options, tuple)
        self.backend = _of_type("backend", backend, str)
        self._dynamic_limits = {}  # by device
        if translate_cucomplex or enable_cooperative_groups or jitify is not None or backend != "nvrtc":
            raise NotImplementedError("the stand-in knows code, name and options only")

    @property
    def kernel(self):
        """The compiled function; errors are those of the compiler."""
        from .cuda.compiler import CompileException

        need_context()
        if failure() in ("no_nvrtc", "no_headers"):
            missing = {"no_nvrtc": "load libnvrtc.so.13", "no_headers": "find CUDA headers"}
            raise RuntimeError(f"Failed to {missing[failure()]}")
        if failure() == "old_device":
            refused = "nvrtc: error: invalid value for --gpu-architecture (-arch)"
            raise CompileException(refused, self.code, self.name, self.options)
        if failure() == "new_device":
            raise CUDADriverError(209)
        try:
            return standin.kernel(self.code, self.name, self.options)
        except standin.CompileError as error:
            raise CompileException(str(error), self.code, self.name, self.options) from error

    @property
    def max_dynamic_shared_size_bytes(self):
        """Dynamic shared memory that a launch may ask for."""
        usual = 48 * 1024 - self.kernel.static_shared_bytes
        return self._dynamic_limits.get(current_device(), usual)

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, bytes):  # noqa: A002 (CuPy's name)
        from .cuda.runtime import getDevice, getDeviceProperties

        limit = getDeviceProperties(getDevice())["sharedMemPerBlockOptin"]
        if bytes + self.kernel.static_shared_bytes > limit:
            raise standin.LaunchError(f"{self.name}: CUDA_ERROR_INVALID_VALUE, {bytes} bytes of shared memory")
        self._dynamic_limits[current_device()] = bytes

    def compile(self, log_stream=None):
        """Compile now."""
        self.kernel  # noqa: B018 (the property compiles)

    def __call__(self, grid, block, args, **kwargs):
        """Launch: a missing dimension or a zero one counts as 1."""
        self.kernel  # noqa: B018 (the property compiles)
        self._launch(_of_type("grid", grid, tuple), _of_type("block", block, tuple), args, **kwargs)

    def _launch(self, grid, block, args, shared_mem=0, stream=None):
        from .cuda import get_current_stream

        if shared_mem > self.max_dynamic_shared_size_bytes:
            needs = f"{shared_mem} bytes of dynamic shared memory need max_dynamic_shared_size_bytes"
            raise standin.LaunchError(f"{self.name}: CUDA_ERROR_INVALID_VALUE, {needs}")
        if not all(isinstance(n, (int, numpy.integer)) for n in (*grid, *block)):
            raise TypeError(f"grid and block are tuples of int; got {grid} and {block}")
        arguments = [_argument(value) for value in args]
        stream = get_current_stream() if stream is None else stream
        need_same_device(stream.device_id)
        launch = functools.partial(
            standin.launch_now,
            self.code,
            self.name,
            self.options,
            standin.triple(grid),
            standin.triple(block),
            arguments,
            shared_mem,
        )
        enqueue(launch, stream.ptr)


class RawModule:
    """A text with kernels."""

    def __init__(
        self,
        code=None,
        *,
        path=None,
        options=(),
        backend="nvrtc",
        translate_cucomplex=False,
        enable_cooperative_groups=False,
        name_expressions=None,
        jitify=None,
    ):
        if (code is None) == (path is None):
            raise TypeError("Exactly one of `code` and `path` keyword arguments must be given.")
        if path is not None or name_expressions is not None:
            raise NotImplementedError("the stand-in knows code and options only")
        self._keywords = {
            "translate_cucomplex": translate_cucomplex,
            "enable_cooperative_groups": enable_cooperative_groups,
            "jitify": jitify,
        }
        self.code = _of_type("code", code, str)
        self.options = _of_type("options", options, tuple)
        self.backend = _of_type("backend", backend, str)

    def get_function(self, name):
        """The kernel of that name."""
        kernel = RawKernel(self.code, name, self.options, self.backend, **self._keywords)
        kernel.compile()
        return kernel
