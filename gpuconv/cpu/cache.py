"""Machine code on disk: one file per kernel in the user's cache directory, checked when it is read.

The folder is named after everything that machine code depends on: the sources of this package, the versions of llvmlite
and LLVM, and the processor. A directory that cannot be written is no error, nor is a damaged file: the kernel is
compiled again.
"""

import functools
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from gpuconv import cache_directory
from gpuconv.cpu.target import host

DIGEST = 32  # bytes of the checksum in front of the machine code


def read(name: str) -> bytes | None:
    """Return the machine code of a kernel, or None."""
    try:
        content = (folder() / name).read_bytes()
    except OSError:
        return None
    digest, code = content[:DIGEST], content[DIGEST:]
    return code if hashlib.sha256(code).digest() == digest else None


def write(name: str, code: bytes) -> None:
    """Keep the machine code of a kernel; another process sees all of it or nothing."""
    temporary = None
    try:
        folder().mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder(), prefix=name)
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        os.replace(temporary, folder() / name)
    except OSError:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def cache_info() -> tuple[Path, int, int]:
    """Return (directory, kernels in it, bytes), of all versions and processors."""
    files = [path for path in directory().glob("*/*") if path.is_file()]
    return directory(), len(files), sum(path.stat().st_size for path in files)


def clear_cache() -> None:
    """Remove all machine code from the disk; what is loaded stays."""
    shutil.rmtree(directory(), ignore_errors=True)


def directory() -> Path:
    """Return where machine code is kept."""
    return cache_directory.directory() / "cpu"


def folder() -> Path:
    """Return the folder of this version on this processor."""
    return directory() / _fingerprint()


@functools.cache
def _fingerprint() -> str:
    import llvmlite
    import llvmlite.binding as llvm

    return fingerprint(Path(__file__).parent, host(), llvmlite.__version__, llvm.llvm_version_info)


def fingerprint(sources: Path, *circumstances: object) -> str:
    """Return a name for all that machine code depends on."""
    digest = hashlib.sha256(repr(circumstances).encode())
    for source in sorted(sources.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:32]
