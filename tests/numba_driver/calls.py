"""The driver's calls, as many as Numba makes: devices, contexts and memory.

Arguments arrive as registers of 64 bits; what a call returns is CUDA's error code.
"""
# ruff: noqa: N802 - CUDA's names

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

SUCCESS, INVALID_VALUE, NO_DEVICE, LAUNCH_FAILED = 0, 1, 100, 719
CONTEXTS = 0x1000  # the context of device n is n more

CALLS: dict[str, Callable[..., int]] = {}
findings: list[str] = []
devices: list[str] = []  # their architectures
current: list[int] = []  # stack of contexts
_texts: list[Any] = []


@dataclass(frozen=True)
class Block:
    """One allocation."""

    data: np.ndarray
    device: int


memory: dict[int, Block] = {}


def call(function: Callable[..., None]) -> Callable[..., None]:
    """Offer a function as a driver call; an exception becomes an error code and a finding."""

    @functools.wraps(function)
    def guarded(*arguments: int) -> int:
        try:
            function(*arguments)
        except Exception as error:
            is_finding = isinstance(error, sassrun.SassError)
            findings.append(str(error) if is_finding else traceback.format_exc())
            print("stand-in driver:", findings[-1], file=sys.stderr)
            return LAUNCH_FAILED if is_finding else INVALID_VALUE
        return SUCCESS

    CALLS[function.__name__] = guarded
    return function


def put(address: int, value: int, type_: Any = ctypes.c_uint64) -> None:
    """Write a result where the caller wants it."""
    type_.from_address(address).value = value


def int32(register: int) -> int:
    return register & 0xFFFFFFFF


def current_device() -> int:
    return current[-1] - CONTEXTS


def block_at(address: int, size: int = 1) -> tuple[int, Block] | None:
    """The allocation that holds some bytes, and its address."""
    for base, block in memory.items():
        if base <= address and address + size <= base + block.data.nbytes:
            return base, block
    return None


def _check(address: int, size: int) -> None:
    if block_at(address, size) is None:
        raise ValueError(f"{size} bytes at {address:#x} are not device memory")


for name in ("cuCtxSynchronize", "cuStreamSynchronize", "cuStreamDestroy", "cuDeviceGetUuid"):
    CALLS[name] = lambda _=0: SUCCESS
CALLS["cuInit"] = lambda flags: SUCCESS if devices else NO_DEVICE


@call
def cuGetErrorName(error, text):
    put(text, _text_address(f"CUDA error {int32(error)}"))


@call
def cuGetErrorString(error, text):
    put(text, _text_address(findings[-1] if findings else ""))


@functools.cache
def _text_address(text: str) -> int:
    """Address of a text that stays."""
    _texts.append(ctypes.create_string_buffer(text.encode()))
    return ctypes.addressof(_texts[-1])


@call
def cuDriverGetVersion(version):
    put(version, 13000, ctypes.c_int)


@call
def cuDeviceGetCount(count):
    put(count, len(devices), ctypes.c_int)


@call
def cuDeviceGet(device, ordinal):
    put(device, int32(ordinal), ctypes.c_int)


@call
def cuDeviceGetName(text, length, device):
    name = f"stand-in {devices[int32(device)]}\0".encode()
    ctypes.memmove(text, name, len(name))


@call
def cuDeviceGetAttribute(value, attribute, device):
    """By number: threads a block, shared bytes, multiprocessors, compute capability."""
    major, minor = divmod(int(devices[int32(device)].removeprefix("sm_")), 10)
    known = {1: 1024, 8: 48 * 1024, 16: 4, 75: major, 76: minor}
    put(value, known.get(int32(attribute), 0), ctypes.c_int)


@call
def cuDevicePrimaryCtxRetain(context, device):
    put(context, CONTEXTS + int32(device))


@call
def cuCtxGetCurrent(context):
    put(context, current[-1] if current else 0)


@call
def cuCtxGetDevice(device):
    put(device, current_device(), ctypes.c_int)


@call
def cuCtxPushCurrent(context):
    current.append(context)


@call
def cuCtxSetCurrent(context):
    current[-1:] = [context]


@call
def cuCtxPopCurrent(context):
    put(context, current.pop())


@call
def cuMemGetInfo(free, total):
    put(free, 1 << 33)
    put(total, 1 << 33)


@call
def cuMemAlloc(pointer, size):
    data = np.full(size, 0xFF, np.uint8)
    memory[data.ctypes.data] = Block(data, current_device())
    put(pointer, data.ctypes.data)


@call
def cuMemFree(pointer):
    del memory[pointer]


@call
def cuMemcpyHtoD(target, source, size):
    _check(target, size)
    ctypes.memmove(target, source, size)


@call
def cuMemcpyDtoH(target, source, size):
    _check(source, size)
    ctypes.memmove(target, source, size)


@call
def cuMemcpyHtoDAsync(target, source, size, stream):
    cuMemcpyHtoD(target, source, size)


@call
def cuMemcpyDtoHAsync(target, source, size, stream):
    cuMemcpyDtoH(target, source, size)
