"""Cubins and their kernels: loaded as libraries, launched in sassrun."""
# ruff: noqa: N802 - CUDA's names

import ctypes
import struct
from dataclasses import dataclass
from typing import Any

from .calls import CALLS, SUCCESS, block_at, call, current_device, devices, int32, put, sassrun

SHARED_BYTES = 1  # CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES


class Configuration(ctypes.Structure):
    """CUlaunchConfig."""

    _fields_ = (
        ("grid", ctypes.c_uint32 * 3),
        ("block", ctypes.c_uint32 * 3),
        ("shared_bytes", ctypes.c_uint32),
        ("stream", ctypes.c_void_p),
    )


@dataclass(frozen=True)
class Launch:
    name: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    stream: int
    arch: str
    cubin: bytes
    stats: Any  # sassrun.Stats


launches: list[Launch] = []
libraries: dict[int, bytes] = {}
kernels: dict[int, tuple[bytes, str]] = {}

CALLS["cuLibraryUnload"] = lambda library: SUCCESS


@call
def cuLibraryLoadData(library, code, options, values, count, more_options, more_values, more_count):
    libraries[len(libraries) + 1] = _read_elf(code)
    put(library, len(libraries))


@call
def cuLibraryGetKernel(kernel, library, name):
    kernels[len(kernels) + 1] = libraries[library], ctypes.string_at(name).decode()
    put(kernel, len(kernels))


@call
def cuKernelGetAttribute(value, attribute, kernel, device):
    cubin, name = kernels[kernel]
    shared = sassrun.Cubin(cubin).static(name)["shared_bytes"]
    put(value, shared if int32(attribute) == SHARED_BYTES else 0, ctypes.c_int)


@call
def cuLaunchKernelEx(configuration, kernel, parameters, extra):
    cubin, name = kernels[kernel]
    launch = Configuration.from_address(configuration)
    layout = sassrun.Cubin(cubin).parameters(name)[1]
    pointers = (ctypes.c_void_p * len(layout)).from_address(parameters)
    arguments = [_argument(ctypes.string_at(at, size)) for at, (_, size) in zip(pointers, layout, strict=True)]
    grid, block, arch = tuple(launch.grid), tuple(launch.block), devices[current_device()]
    stats = sassrun.run(cubin, name, grid, block, arguments, launch.shared_bytes, arch)
    launches.append(Launch(name, grid, block, launch.stream or 0, arch, cubin, stats))


def _argument(raw: bytes) -> Any:
    """A kernel's argument as sassrun takes it: what holds an address of device memory is a pointer."""
    address = int.from_bytes(raw, "little")
    found = block_at(address) if len(raw) == 8 else None
    if found is None:
        return raw
    base, block = found
    if block.device != current_device():
        raise ValueError(f"memory of device {block.device} is used on device {current_device()}")
    return sassrun.At(block.data, address - base)


def _read_elf(address: int) -> bytes:
    """The bytes of a cubin in memory; its header says where its tables end."""
    header = struct.unpack("<16sHHIQQQIHHHHHH", ctypes.string_at(address, 64))
    segments, sections, segment_bytes, segment_count, section_bytes, section_count = *header[5:7], *header[9:13]
    end = max(segments + segment_bytes * segment_count, sections + section_bytes * section_count)
    return ctypes.string_at(address, end)
