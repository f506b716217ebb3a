"""Threads of the NumPy backend, which lets go of the GIL inside its loops: each takes blocks until none is left.

The caller works too and waits only for blocks that somebody has begun, so a late or missing thread costs nothing.
"""

import functools
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from gpuconv.problem import DType, Ints
from gpuconv.threads import get_num_threads

KEPT = 4 << 20  # bytes of scratch memory that a thread keeps under one name, at most
LEAST = 2  # blocks a thread, or it is not woken

Block = TypeVar("Block")

_own = threading.local()


def each(function: Callable[[Block], None], blocks: Sequence[Block]) -> None:
    """Call a function with every block; floating-point warnings are off meanwhile."""
    waiting = deque(blocks)

    def work() -> None:
        with np.errstate(all="ignore"):
            while True:
                try:
                    block = waiting.popleft()
                except IndexError:
                    return
                function(block)

    helpers = min(get_num_threads(), len(blocks) // LEAST) - 1
    tasks = [task for _ in range(helpers) if (task := _submit(work)) is not None]
    try:
        work()
    finally:
        waiting.clear()  # after an error nobody goes on
        begun = [task for task in tasks if not task.cancel()]
    for task in begun:
        task.result()


def _submit(work: Callable[[], None]) -> Any:
    try:
        return _pool().submit(work)
    except RuntimeError:  # the system gives no more threads, or the interpreter is shutting down
        return None


@functools.cache
def _pool() -> Any:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="gpuconv-numpy")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # the child has no such threads


def scratch(name: str, shape: Ints, dtype: DType) -> np.ndarray:
    """Memory of this thread for one purpose, the same at every call: new pages cost as much as a transform."""
    size = math.prod(shape) * dtype.itemsize
    if size > KEPT:
        return np.empty(shape, dtype)
    memory = getattr(_own, name, None)
    if memory is None or memory.size < size:
        memory = np.empty(size, np.uint8)
        setattr(_own, name, memory)
    found: np.ndarray = memory[:size].view(dtype).reshape(shape)
    return found
