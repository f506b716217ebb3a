"""cupy.cuda.runtime: the devices, or the reason why there is none."""

from cupy._device import (
    TOTAL_MEMORY,
    CUDARuntimeError,
    capability,
    current_device,
    device_count,
    failure,
    free_memory,
    need_context,
    need_driver,
    need_ordinal,
    set_device,
    total_memory,
)

__all__ = [
    "CUDARuntimeError",
    "driverGetVersion",
    "getDevice",
    "getDeviceCount",
    "getDeviceProperties",
    "memGetInfo",
    "runtimeGetVersion",
    "setDevice",
]


def getDeviceCount():  # noqa: N802 (CuPy's name, as all here)
    need_driver()
    return device_count()


def getDevice():  # noqa: N802
    need_driver()
    return current_device()


def setDevice(device):  # noqa: N802
    set_device(device)


def driverGetVersion():  # noqa: N802
    return {"insufficient_driver": 0, "old_driver": 12000}.get(failure(), 13020)


def runtimeGetVersion():  # noqa: N802
    return 13020


def memGetInfo():  # noqa: N802
    need_context()
    return free_memory(), total_memory()


def getDeviceProperties(device):  # noqa: N802
    need_ordinal(device)
    major, minor = capability()
    return {
        "name": b"stand-in device",
        "totalGlobalMem": TOTAL_MEMORY,
        "sharedMemPerBlock": 48 * 1024,
        "sharedMemPerBlockOptin": 99 * 1024,
        "sharedMemPerMultiprocessor": 100 * 1024,
        "regsPerBlock": 65536,
        "warpSize": 32,
        "maxThreadsPerBlock": 1024,
        "maxThreadsDim": (1024, 1024, 64),
        "maxGridSize": (2**31 - 1, 65535, 65535),
        "major": major,
        "minor": minor,
        "multiProcessorCount": 30,
        "l2CacheSize": 64 * 2**10,
        "memoryBusWidth": 256,
    }
