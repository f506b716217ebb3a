"""Compiling beforehand what usual calls need, so that none of them waits for a compiler."""

from collections.abc import Callable
from functools import partial

from gpuconv import backends
from gpuconv.errors import BackendUnavailableError, check_choice

Progress = Callable[[str, int, int], None]


def warmup(backend: str | None = None, progress: Progress | None = None) -> dict[str, int]:
    """Compile the kernels that most calls take, and keep them on disk; measure how fast this CPU is.

    The cpu backend's machine code goes to gpuconv's cache (see `cache_info`), the binaries of CUDA kernels to CuPy's;
    later processes find them there. Other specialisations are compiled when they are first needed.

    Parameters
    ----------
    backend : {"cupy", "cpu"}, optional
        Which backend's; by default of both, where they are available.
    progress : callable, optional
        Called with (backend, kernels done, kernels in all) before the first kernel and after each.

    Returns
    -------
    dict of str to int
        For each backend, how many kernels are ready now.

    Raises
    ------
    ValueError
        If the backend has nothing to compile.
    BackendUnavailableError
        If the backend asked for cannot run on this machine.
    RuntimeError
        If a kernel does not compile: the message names the specialisation, and the file and line.

    Examples
    --------
    >>> import gpuconv
    >>> gpuconv.warmup()  # doctest: +SKIP
    {'cupy': 93, 'cpu': 349}
    """
    if backend is None:
        names = [name for name in COMPILED if backends.reason_unavailable(name) is None]
    else:
        check_choice("backend", backend, tuple(COMPILED))
        names = [backend]
        if reason := backends.reason_unavailable(backend):
            raise BackendUnavailableError(f"backend {backend!r} is not available: {reason}")
    counts = {name: COMPILED[name](partial(progress, name) if progress else _quiet) for name in names}
    if backend in (None, "cpu"):
        from gpuconv.calibration import calibrate

        calibrate()
    return counts


def _cuda(progress: Callable[[int, int], None]) -> int:
    from gpuconv.backends.cupy import compiled, limits
    from gpuconv.launches.cuda_defaults import default_specializations

    wanted = default_specializations()
    progress(0, len(wanted))
    for done, specialization in enumerate(wanted, 1):
        compiled(specialization, limits().compute_capability)
        progress(done, len(wanted))
    return len(wanted)


def _cpu(progress: Callable[[int, int], None]) -> int:
    from gpuconv.cpu import warm

    count = 0

    def counted(done: int, total: int) -> None:
        nonlocal count
        count = total
        progress(done, total)

    warm.warmup(counted)
    return count


def _quiet(done: int, total: int) -> None:
    """Show nothing."""


COMPILED = {"cupy": _cuda, "cpu": _cpu}
