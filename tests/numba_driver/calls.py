"""The driver's calls, as many as Numba makes. Arguments are registers of 64 bits; a result is CUDA's error code."""

import ctypes
import functools
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "sassrun"))
import sassrun

SUCCESS, INVALID_VALUE, LAUNCH_FAILED = 0, 1, 719
CONTEXT = 0x1000

CALLS: dict[str, Callable[..., int]] = {}
findings: list[str] = []


@dataclass
class Device:
    capability: tuple[int, int] = (8, 6)
    context: int = 0  # the current one


device = Device()
memory: dict[int, np.ndarray] = {}


def call(function: Callable[..., None]) -> Callable[..., None]:
    """Offer a function as a driver call; an exception becomes an error code and a finding."""

    @functools.wraps(function)
    def guarded(*arguments: int) -> int:
        try:
            function(*arguments)
        except sassrun.SassError as error:
            findings.append(str(error))
            print("stand-in driver:", error, file=sys.stderr)
            return LAUNCH_FAILED
        except Exception:
            findings.append(traceback.format_exc())
            print("stand-in driver:", findings[-1], file=sys.stderr)
            return INVALID_VALUE
        return SUCCESS

    CALLS[function.__name__] = guarded
    return function


def put(address: int, value: int, type_: Any = ctypes.c_uint64) -> None:
    """Write a result where the caller wants it."""
    type_.from_address(address).value = value


def within(address: int, size: int) -> bool:
    """Whether bytes lie in one piece of device memory."""
    return any(base <= address and address + size <= base + block.nbytes for base, block in memory.items())


def check(address: int, size: int) -> None:
    if not within(address, size):
        raise ValueError(f"{size} bytes at {address:#x} are not device memory")


for name in ("cuInit", "cuCtxSynchronize", "cuStreamSynchronize", "cuStreamDestroy", "cuDeviceGetUuid"):
    CALLS[name] = lambda _=0: SUCCESS


@call
def cuDriverGetVersion(version):
    put(version, 13000, ctypes.c_int)


@call
def cuDeviceGetCount(count):
    put(count, 1, ctypes.c_int)


@call
def cuDeviceGet(found, ordinal):
    put(found, ordinal & 0xFFFFFFFF, ctypes.c_int)


@call
def cuDeviceGetName(text, length, _):
    ctypes.memmove(text, b"stand-in\0", 9)


@call
def cuDeviceGetAttribute(value, attribute, _):
    """By number: threads a block, shared bytes, multiprocessors, compute capability."""
    major, minor = device.capability
    known = {1: 1024, 8: 48 * 1024, 16: 4, 75: major, 76: minor}
    put(value, known.get(attribute & 0xFFFFFFFF, 0), ctypes.c_int)


@call
def cuDevicePrimaryCtxRetain(context, _):
    put(context, CONTEXT)


@call
def cuCtxGetCurrent(context):
    put(context, device.context)


@call
def cuCtxGetDevice(found):
    put(found, 0, ctypes.c_int)


@call
def cuCtxPushCurrent(context):
    device.context = context


@call
def cuCtxSetCurrent(context):
    device.context = context


@call
def cuCtxPopCurrent(context):
    put(context, device.context)
    device.context = 0


@call
def cuMemGetInfo(free, total):
    put(free, 1 << 33)
    put(total, 1 << 33)


@call
def cuMemAlloc(pointer, size):
    block = np.full(size, 0xFF, np.uint8)
    memory[block.ctypes.data] = block
    put(pointer, block.ctypes.data)


@call
def cuMemFree(pointer):
    del memory[pointer]


@call
def cuMemcpyHtoD(target, source, size):
    check(target, size)
    ctypes.memmove(target, source, size)


@call
def cuMemcpyDtoH(target, source, size):
    check(source, size)
    ctypes.memmove(target, source, size)


@call
def cuMemcpyHtoDAsync(target, source, size, _):
    cuMemcpyHtoD(target, source, size)


@call
def cuMemcpyDtoHAsync(target, source, size, _):
    cuMemcpyDtoH(target, source, size)
