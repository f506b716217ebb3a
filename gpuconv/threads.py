"""How many threads the CPU backend may use."""

import operator
import os

VARIABLES = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
_chosen: list[int] = []  # set_num_threads' number, if any


def set_num_threads(number: int) -> None:
    """Let the CPU backend use so many threads from now on, in the whole process.

    Small problems take one thread all the same. A thread that has helped looks out for the next call for 100
    microseconds before it sleeps (for as many as GPUCONV_SPIN says; 0: not at all), unless there are more threads than
    processors.

    Parameters
    ----------
    number : int
        At least 1; the caller's thread counts.

    Raises
    ------
    ValueError
        If the number is below 1.

    Examples
    --------
    >>> import gpuconv
    >>> before = gpuconv.get_num_threads()
    >>> gpuconv.set_num_threads(1)
    >>> gpuconv.get_num_threads()
    1
    >>> gpuconv.set_num_threads(before)
    """
    number = operator.index(number)
    if number < 1:
        raise ValueError(f"the number of threads must be at least 1; got {number}")
    _chosen[:] = [number]


def get_num_threads() -> int:
    """Return how many threads the CPU backend may use.

    Returns
    -------
    int
        The number given to `set_num_threads`, else the smallest of OMP_NUM_THREADS, NUMBA_NUM_THREADS and the
        processors that this process may run on.
    """
    if _chosen:
        return _chosen[0]
    limits = [processors(), *(int(first) for first in map(_first, VARIABLES) if first.isdecimal() and int(first) > 0)]
    return min(limits)


def _first(variable: str) -> str:
    """OMP_NUM_THREADS may be a list, one number per level of nesting."""
    return os.environ.get(variable, "").partition(",")[0].strip()


def processors() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
