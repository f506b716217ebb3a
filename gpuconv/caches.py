"""What gpuconv keeps on this computer from one process to the next: where, how much, and how to be rid of it."""

from dataclasses import dataclass
from pathlib import Path

from gpuconv import tuned_file
from gpuconv.planning import rates


@dataclass(frozen=True)
class Cache:
    """One kind of files that are kept."""

    name: str  # "machine code" or "calibration" of the CPU backends, or "tuning" of CUDA kernels
    path: Path
    files: int
    bytes: int


def cache_info() -> tuple[Cache, ...]:
    """Return what is kept on disk between processes, and where.

    The directory is GPUCONV_CACHE_DIR, or `gpuconv` in the user's cache directory. CuPy keeps the binaries of CUDA
    kernels in a cache of its own (CUPY_CACHE_DIR), which other programs share; it is not counted.

    Returns
    -------
    tuple of Cache
        One for each kind of files, with `name`, `path`, the number of `files`, and their `bytes`.

    Examples
    --------
    >>> import gpuconv
    >>> [cache.name for cache in gpuconv.cache_info()]
    ['machine code', 'calibration', 'tuning']
    """
    from gpuconv.cpu import cache

    sizes = {(name, path): path.stat().st_size if path.is_file() else None for name, path in _single_files().items()}
    single = (Cache(name, path, int(size is not None), size or 0) for (name, path), size in sizes.items())
    return Cache("machine code", *cache.cache_info()), *single


def clear_cache() -> None:
    """Remove what `cache_info` counts; what is loaded in this process stays in use.

    Examples
    --------
    >>> import gpuconv
    >>> gpuconv.clear_cache()  # doctest: +SKIP
    """
    from gpuconv.cpu import cache

    cache.clear_cache()
    for path in _single_files().values():
        path.unlink(missing_ok=True)


def _single_files() -> dict[str, Path]:
    return {"calibration": rates.path(), "tuning": tuned_file.path()}
