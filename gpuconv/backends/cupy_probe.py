"""What the CuPy backend finds on this machine: the library, its compiler, a driver, a device."""

import functools
from typing import Any

from gpuconv import tuned_file
from gpuconv.planning.facts import DeviceLimits

INSTALL = "pip install 'gpuconv[cuda13]' (or 'gpuconv[cuda12]', by the CUDA version that nvidia-smi shows)"
OPTIONS = ("-std=c++17",)  # of the compiler
INSUFFICIENT_DRIVER, NO_DEVICE = 35, 100  # codes of cudaError
SMALLEST = 'extern "C" __global__ void nothing() {}'


def unavailable() -> str | None:
    """Probe for CuPy, a driver, a device, a little memory on it, and a compiler whose kernels it loads."""
    try:
        import cupy
    except ModuleNotFoundError:
        return f"CuPy is not installed: {INSTALL}"
    except ImportError as error:
        return f"CuPy is installed but cannot be imported ({error}): {INSTALL}"
    if not hasattr(cupy.cuda.Stream, "from_external"):
        return f"CuPy 14 or newer is needed; {cupy.__version__} is installed: {INSTALL}"
    try:
        cupy.cuda.runtime.getDeviceCount()
        cupy.empty(1, "float32")
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return _explain(error)
    except MemoryError as error:
        return f"the CUDA device has no free memory ({error}): end a program that uses it"
    return _compiler_unusable()


def _compiler_unusable() -> str | None:
    """Why no kernel can be compiled and loaded, or None."""
    import cupy

    try:
        version = ".".join(map(str, cupy.cuda.nvrtc.getVersion()))
        cupy.RawKernel(SMALLEST, "nothing", OPTIONS).compile()
    except cupy.cuda.compiler.CompileException as error:
        return f"NVRTC {version} does not compile for {_capability()} ({error}): {INSTALL}"
    except cupy.cuda.driver.CUDADriverError as error:
        return (
            f"what NVRTC {version} compiles does not load on {_capability()} ({error}): {INSTALL}, "
            "or set CUPY_COMPILE_WITH_PTX=1 if the GPU is newer than that"
        )
    except (ImportError, RuntimeError, OSError) as error:
        return f"CUDA's run-time compiler NVRTC does not work ({error}): {INSTALL}"
    return None


def _capability() -> str:
    import cupy

    digits = cupy.cuda.Device().compute_capability
    return f"compute capability {digits[:-1]}.{digits[-1]}"


def describe() -> str:
    """Device and versions."""
    import cupy

    limits_ = limits()
    capability = ".".join(map(str, limits_.compute_capability))
    versions = f"driver for CUDA {_dotted(cupy.cuda.runtime.driverGetVersion())}, CuPy {cupy.__version__}"
    return f"{limits_.name}, compute capability {capability}, {versions}"


def current_device() -> int:
    """Number of the current device."""
    import cupy

    return int(cupy.cuda.runtime.getDevice())


def limits(device: int | None = None) -> DeviceLimits:
    """Limits of a device, the current one by default."""
    import cupy

    return _limits(cupy.cuda.runtime.getDevice() if device is None else device)


def device_key() -> str:
    """Return what a measurement on the current device holds for: its name and the driver."""
    return _key(limits().name)


def forget() -> None:
    """Read limits and measurements anew when they are needed next."""
    _limits.cache_clear()


@functools.cache
def _limits(device: int) -> DeviceLimits:
    import cupy

    properties = cupy.cuda.runtime.getDeviceProperties(device)
    name = properties["name"].decode()
    capability = (properties["major"], properties["minor"])
    return DeviceLimits(
        name=name,
        compute_capability=capability,
        shared_bytes=properties["sharedMemPerBlock"],
        threads=properties["maxThreadsPerBlock"],
        parameter_bytes=_parameter_bytes(capability),
        multiprocessors=properties["multiProcessorCount"],
        optin_shared_bytes=properties["sharedMemPerBlockOptin"],
        multiprocessor_shared_bytes=properties["sharedMemPerMultiprocessor"],
        **_rates(cupy.cuda.Device(device).attributes),
        tuned=tuple(sorted(tuned_file.read(_key(name)).items())),
    )


def _key(name: str) -> str:
    import cupy

    return f"{name}, driver for CUDA {_dotted(cupy.cuda.runtime.driverGetVersion())}"


def _rates(attributes: dict[str, int]) -> dict[str, float]:
    """Clock and bandwidth where the driver tells them (in kHz, and bits of a bus that is used twice a cycle)."""
    clock, memory, bits = (attributes.get(n, 0) for n in ("ClockRate", "MemoryClockRate", "GlobalMemoryBusWidth"))
    found = {"clock": clock * 1e3, "bandwidth": memory * 1e3 * 2 * bits / 8}
    return {name: rate for name, rate in found.items() if rate > 0}


def _parameter_bytes(capability: tuple[int, int]) -> int:
    """Arguments of a launch (CUDA C++ Programming Guide, __global__ function parameters)."""
    import cupy

    versions = cupy.cuda.runtime.driverGetVersion(), cupy.cuda.nvrtc.getVersion()
    return 32764 if versions[0] >= 12010 and versions[1] >= (12, 1) and capability >= (7, 0) else 4096


def _explain(error: Any) -> str:
    """The sentence for an error of the CUDA runtime at start."""
    import cupy

    driver = cupy.cuda.runtime.driverGetVersion()
    if error.status == INSUFFICIENT_DRIVER and driver == 0:
        return "CuPy is installed but there is no NVIDIA driver: install it, then nvidia-smi lists the GPU"
    if error.status == INSUFFICIENT_DRIVER:
        return (
            f"the NVIDIA driver is too old for this CuPy (CUDA {_dotted(driver)}, needed is "
            f"{_dotted(cupy.cuda.runtime.runtimeGetVersion())}): update it, or pip install 'gpuconv[cuda12]'"
        )
    if error.status == NO_DEVICE:
        return "there is no CUDA device: nvidia-smi must list a GPU, and CUDA_VISIBLE_DEVICES must not hide it"
    return f"the CUDA device does not work ({error}): nvidia-smi shows which program uses it"


def _dotted(version: int) -> str:
    """13020 as 13.2."""
    return f"{version // 1000}.{version % 1000 // 10}"
