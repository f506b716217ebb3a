"""What Numba finds on this machine: simulator, driver, device; and the sentence that mends what is missing."""

import importlib
import importlib.metadata
import importlib.util
import os
from typing import Any

from gpuconv.planning.facts import DeviceLimits

INSTALL = "pip install 'gpuconv[cuda13]'"
DRIVERS = "https://www.nvidia.com/drivers"


def numba_cuda() -> Any:
    """Numba's CUDA module, imported when it is first needed."""
    return importlib.import_module("numba.cuda")


def simulated() -> bool:
    """Whether Numba runs CUDA kernels in its simulator, on the CPU."""
    return bool(importlib.import_module("numba.core.config").ENABLE_CUDASIM)


def unavailable() -> str | None:
    """Probe for Numba, a driver and a device."""
    for module, name in (("numba", "Numba"), ("numba_cuda", "numba-cuda")):
        if importlib.util.find_spec(module) is None:
            return f"{name} is not installed: {INSTALL}"
    try:
        cuda = numba_cuda()
    except Exception as error:  # whatever stands in the way of an import, auto goes on
        return f"Numba does not load ({_first_line(error)}): {INSTALL}"
    return None if simulated() else _driver_missing(cuda) or _driver_too_old(cuda) or _device_unusable(cuda)


def describe() -> str:
    """Device and versions."""
    version = f"numba-cuda {importlib.metadata.version('numba-cuda')}"
    if simulated():
        return f"{version}, CUDA simulator on the CPU"
    cuda = numba_cuda()
    device = cuda.current_context().device
    major, minor = device.compute_capability
    driver = ".".join(map(str, cuda.cudadrv.driver.driver.get_version()))
    return f"{version} on {device.name} (compute capability {major}.{minor}), driver for CUDA {driver}"


def limits(number: int | None = None) -> DeviceLimits:
    """Limits of a device, the current one by default."""
    if simulated():
        return DeviceLimits(name="CUDA simulator")
    cuda = numba_cuda()
    device = cuda.current_context().device if number is None else cuda.gpus[number]
    return DeviceLimits(
        name=str(device.name),
        compute_capability=device.compute_capability,
        threads=device.MAX_THREADS_PER_BLOCK,
        multiprocessors=device.MULTIPROCESSOR_COUNT,
    )


def current_device() -> int:
    """Number of the current device."""
    return int(getattr(numba_cuda().get_current_device(), "id", 0))


def capability() -> tuple[int, int]:
    """Compute capability of the current device."""
    major, minor = numba_cuda().current_context().device.compute_capability
    return major, minor


def _driver_missing(cuda: Any) -> str | None:
    if cuda.is_available():
        return None
    error = cuda.cuda_error()
    if not error:
        return f"Numba finds no CUDA compiler (NVVM): {INSTALL}"
    if "NO_DEVICE" in error:
        return "the NVIDIA driver finds no CUDA device" + _hidden_devices()
    if "cannot be found" in error or "Driver library" in error:
        return f"no NVIDIA driver is installed: {DRIVERS}"
    return f"the NVIDIA driver does not start ({_first_line(error)}): {DRIVERS}"


def _hidden_devices() -> str:
    """The environment may hide devices; then it is what must be mended."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if visible is None else f": unset CUDA_VISIBLE_DEVICES, which is {visible!r}"


def _driver_too_old(cuda: Any) -> str | None:
    """The compiler's code needs a driver of its own CUDA version or a newer one."""
    driver, toolkit = cuda.cudadrv.driver.driver.get_version(), cuda.runtime.get_version()
    if driver[0] >= toolkit[0]:
        return None
    mend = "pip install 'gpuconv[cuda12]'" if driver[0] == 12 else f"a newer driver from {DRIVERS}"
    return f"the NVIDIA driver is for CUDA {driver[0]}.{driver[1]}, Numba's compiler for CUDA {toolkit[0]}: {mend}"


def _device_unusable(cuda: Any) -> str | None:
    """A tiny allocation shows whether the device can be used at all."""
    try:
        cuda.device_array(1, "uint8")
    except Exception as error:  # out of memory, exclusive to another process, ...
        return f"the CUDA device does not allocate memory ({_first_line(error)})"
    return None


def _first_line(error: object) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
