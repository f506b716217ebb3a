"""A kernel as a function of this process: checked arguments in, the grid run on the CPU."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from .compiler import build
from .errors import LaunchError
from .memory import Argument, Pointer

ORDERS = {"forward": 0, "reverse": 1, "random": 2}
KINDS = ("an integer", "a floating-point number", "a struct", "a pointer", "a pointer to const")
GRID_LIMITS, BLOCK_LIMITS, SHARED_LIMIT = (2**31 - 1, 65535, 65535), (1024, 1024, 64), 227 * 1024
_order: list[str] = []


@contextmanager
def thread_order(order: str) -> Iterator[None]:
    """Run the threads of a block "forward", "reverse" or "random:SEED" between barriers."""
    parse_order(order)
    _order.append(order)
    try:
        yield
    finally:
        _order.pop()


def current_order() -> str:
    """The innermost thread_order(), else GPUCONV_STANDIN_ORDER, else forward."""
    return _order[-1] if _order else os.environ.get("GPUCONV_STANDIN_ORDER", "forward")


def parse_order(order: str) -> tuple[int, int]:
    """The engine's numbers for an order: which, and the seed."""
    which, _, seed = order.partition(":")
    if which not in ORDERS:
        raise ValueError(f"the thread order is one of {', '.join(ORDERS)}; got {order!r}")
    return ORDERS[which], int(seed or 1)


class Parameter(ctypes.Structure):
    """One kernel parameter, as cuda_entry.h describes it."""

    _fields_ = [(name, ctypes.c_int) for name in ("bytes", "kind", "element_bytes", "element_kind")]

    @property
    def is_pointer(self) -> bool:
        return self.kind >= 3

    @property
    def is_const_pointer(self) -> bool:
        return self.kind == 4

    def __str__(self) -> str:
        return f"{KINDS[self.kind]} of {self.bytes} bytes"


class Kernel:
    """The kernel `name` of a text."""

    def __init__(self, text: str, name: str, options: tuple[str, ...] = ()):
        self.name = name
        library = ctypes.CDLL(str(build(text, name, options)))
        library.cuda_parameters.restype = ctypes.POINTER(Parameter)
        library.cuda_launch.restype = ctypes.c_char_p
        library.cuda_launch.argtypes = [ctypes.c_void_p] * 2 + [
            ctypes.c_long,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_void_p,
        ]
        library.cuda_static_shared_bytes.restype = ctypes.c_long
        self._library = library
        self.parameters = library.cuda_parameters()[: ctypes.c_int.in_dll(library, "cuda_parameter_count").value]
        self.launch_bound = ctypes.c_int.in_dll(library, "cuda_launch_bound").value
        self.static_shared_bytes = int(library.cuda_static_shared_bytes())

    def run(
        self,
        grid: Sequence[int],
        block: Sequence[int],
        arguments: Sequence[Argument],
        shared_mem: int = 0,
        order: str | None = None,
    ) -> None:
        """Run every block; arrays are updated in place.  Raises LaunchError."""
        self.check(grid, block, arguments, shared_mem)
        which, seed = parse_order(order or current_order())
        storage = [_storage(argument.to_bytes()) for argument in arguments]
        pointers = (ctypes.c_void_p * len(storage))(*(array.ctypes.data for array in storage))
        dimensions = (ctypes.c_int * 3)(*grid), (ctypes.c_int * 3)(*block)
        error = self._library.cuda_launch(*dimensions, shared_mem, which, seed, pointers)
        if error:
            raise LaunchError(f"{self.name}: {error.decode()}")

    def check(self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Argument], shared_mem: int) -> None:
        """Raise LaunchError where a GPU would refuse the launch or misread an argument."""
        for what, sizes, limits in (("grid", grid, GRID_LIMITS), ("block", block, BLOCK_LIMITS)):
            if not all(1 <= n <= limit for n, limit in zip(sizes, limits, strict=True)):
                raise LaunchError(f"{self.name}: a {what} is at most {limits}; got {tuple(sizes)}")
        if np.prod(block) > self.launch_bound:
            raise LaunchError(f"{self.name}: a block has at most {self.launch_bound} threads; got {tuple(block)}")
        shared = self.static_shared_bytes + shared_mem
        if shared_mem < 0 or shared > SHARED_LIMIT:
            raise LaunchError(f"{self.name}: shared memory is at most {SHARED_LIMIT} bytes; got {shared}")
        if len(arguments) != len(self.parameters):
            raise LaunchError(f"{self.name} takes {len(self.parameters)} arguments; got {len(arguments)}")
        for index, (parameter, argument) in enumerate(zip(self.parameters, arguments, strict=True)):
            problem = _mismatch(parameter, argument)
            if problem:
                raise LaunchError(f"{self.name}: argument {index} is {parameter}; got {problem}")


@functools.cache
def kernel(text: str, name: str, options: tuple[str, ...] = ()) -> Kernel:
    """The compiled kernel, loaded once."""
    return Kernel(text, name, options)


def _storage(data: bytes) -> np.ndarray:
    """`data` at an address aligned for any argument."""
    storage = np.empty(len(data) + 256, np.uint8)
    start = -storage.ctypes.data % 256
    storage[start : start + len(data)] = np.frombuffer(data, np.uint8)
    return storage[start : start + len(data)]


def _mismatch(parameter: Parameter, argument: Argument) -> str | None:
    """What is wrong with an argument, or None.  A driver would copy the parameter's bytes from it, whatever it is."""
    dtype = argument.array.dtype
    if isinstance(argument, Pointer):
        if not parameter.is_pointer:
            return f"an array of {dtype}"
        itemsize = dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
        wrong_size = parameter.element_bytes not in (0, itemsize)
        wrong_kind = parameter.element_bytes >= 4 and (dtype.kind in "fc") != (parameter.element_kind == 1)
        return (
            f"an array of {dtype} for elements of {parameter.element_bytes} bytes" if wrong_size or wrong_kind else None
        )
    size = argument.array.nbytes
    if size != parameter.bytes:
        return f"{size} bytes ({dtype})"
    if parameter.is_pointer:
        return None if argument.to_bytes() == bytes(8) else f"the number {argument.array}"
    if dtype.kind in "biuf" and parameter.kind in (0, 1) and size >= 4 and (dtype.kind == "f") != (parameter.kind == 1):
        return f"a {dtype}"
    return None
