"""Cubins and their kernels: loaded as libraries, launched in sassrun."""

import ctypes
import struct
from dataclasses import dataclass
from typing import Any

from .calls import CALLS, SUCCESS, call, device, memory, put, sassrun

SHARED_BYTES = 1  # CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES


class Configuration(ctypes.Structure):
    """CUlaunchConfig."""

    _fields_ = (
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("shared_bytes", ctypes.c_uint32),
        ("stream", ctypes.c_void_p),
    )


@dataclass
class Launch:
    name: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    stream: int
    cubin: bytes
    stats: Any  # sassrun.Stats


launches: list[Launch] = []
libraries: dict[int, bytes] = {}
kernels: dict[int, tuple[bytes, str]] = {}

for name in ("cuLibraryUnload", "cuKernelSetAttribute"):
    CALLS[name] = lambda _=0: SUCCESS


@call
def cuLibraryLoadData(library, code, *_: int):
    libraries[len(libraries) + 1] = _read_elf(code)
    put(library, len(libraries))


@call
def cuLibraryGetKernel(kernel, library, name):
    kernels[len(kernels) + 1] = libraries[library], ctypes.string_at(name).decode()
    put(kernel, len(kernels))


@call
def cuKernelGetAttribute(value, attribute, kernel, _):
    cubin, name = kernels[kernel]
    static = sassrun.Cubin(cubin).static(name)
    put(value, static["shared_bytes"] if attribute & 0xFFFFFFFF == SHARED_BYTES else 0, ctypes.c_int)


@call
def cuLaunchKernelEx(configuration, kernel, parameters, _):
    cubin, name = kernels[kernel]
    launch = Configuration.from_address(configuration)
    layout = sassrun.Cubin(cubin).parameters(name)[1]
    pointers = (ctypes.c_void_p * len(layout)).from_address(parameters)
    arguments = [_argument(ctypes.string_at(at, size)) for at, (_, size) in zip(pointers, layout, strict=True)]
    grid, block = tuple(launch.grid), tuple(launch.block)
    arch = "sm_{}{}".format(*device.capability)
    stats = sassrun.run(cubin, name, grid, block, arguments, launch.shared_bytes, arch)
    launches.append(Launch(name, grid, block, launch.stream or 0, cubin, stats))


def _argument(raw: bytes) -> Any:
    """A kernel's argument as sassrun takes it: what holds an address of device memory is a pointer."""
    if len(raw) == 8:
        address = int.from_bytes(raw, "little")
        for base, block in memory.items():
            if base <= address < base + block.nbytes:
                return sassrun.At(block, address - base)
    return raw


def _read_elf(address: int) -> bytes:
    """The bytes of a cubin in memory; its header says where its tables end."""
    header = struct.unpack("<16sHHIQQQIHHHHHH", ctypes.string_at(address, 64))
    programs, sections, program_size, program_count, section_size, section_count = *header[5:7], *header[9:13]
    return ctypes.string_at(address, max(programs + program_size * program_count, sections + section_size * section_count))
