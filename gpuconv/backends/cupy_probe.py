"""What the CuPy backend finds on this machine: the library, its compiler, a driver, a device."""

import functools
from typing import Any

from gpuconv import tuned_file
from gpuconv.planning.facts import DeviceLimits

INSTALL = "pip install 'gpuconv[cuda13]' (or 'gpuconv[cuda12]', by the CUDA version that nvidia-smi shows)"
INSUFFICIENT_DRIVER, NO_DEVICE = 35, 100  # codes of cudaError


def unavailable() -> str | None:
    """Probe for CuPy, its compiler, a driver, a device and a little memory on it."""
    try:
        import cupy
    except ModuleNotFoundError:
        return f"CuPy is not installed: {INSTALL}"
    except ImportError as error:
        return f"CuPy is installed but cannot be imported ({error}): {INSTALL}"
    try:
        cupy.cuda.runtime.getDeviceCount()
        cupy.empty(1, "float32")
        cupy.cuda.nvrtc.getVersion()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return _explain(error)
    except MemoryError as error:
        return f"the CUDA device has no free memory ({error}): end a program that uses it"
    except (ImportError, RuntimeError, OSError) as error:
        return f"CUDA's run-time compiler NVRTC cannot be loaded ({error}): {INSTALL}"
    return None


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


def limits() -> DeviceLimits:
    """Limits of the current device."""
    import cupy

    return _limits(cupy.cuda.runtime.getDevice())


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
