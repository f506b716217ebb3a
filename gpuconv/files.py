"""Files that a user names: checked in one sentence, written whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FileError(Exception):
    """A file that cannot be read or written; the message is one sentence."""


def check_input(path: Path) -> None:
    """Raise FileError unless `path` is a file that can be read and is not empty."""
    try:
        if not path.exists():
            raise FileError(f"the input must exist; there is no file {name_of(path)}")
        if not path.is_file():
            raise FileError(f"the input must be a file; {name_of(path)} is a {_kind(path)}")
        with path.open("rb") as file:
            if not file.read(1):
                raise FileError(f"the input must not be empty; {name_of(path)} is")
    except OSError as error:
        raise FileError(f"cannot read {name_of(path)}: {error.strerror}") from None


def check_output(path: Path) -> None:
    """Raise FileError unless a file can be written at `path`, as far as can be known beforehand."""
    try:
        if path.exists() and not path.is_file():
            raise FileError(f"the output must be a file; {name_of(path)} is a {_kind(path)}")
        if not path.parent.is_dir():
            raise FileError(f"the output's folder must exist; there is no folder {name_of(path.parent)}")
        if not os.access(path.parent, os.W_OK):
            raise FileError(f"the output's folder must be writable; {name_of(path.parent)} is not")
        if path.exists() and not os.access(path, os.W_OK):
            raise FileError(f"the output must be writable; {name_of(path)} is not")
    except OSError as error:
        raise FileError(f"cannot write {name_of(path)}: {error.strerror}") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a new file beside `path`: it takes that place if the block succeeds, and vanishes otherwise.

    Raises
    ------
    FileError
        If the operating system refuses.
    """
    import secrets  # which is long to load, for few processes

    try:
        path = path.resolve()  # a link stays, and the file that it names is replaced
        temporary = path.with_name(f".gpuconv-{secrets.token_hex(8)}.tmp")
        temporary.touch(exist_ok=False)
        try:
            yield temporary
            if path.exists():
                shutil.copymode(path, temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"cannot write {name_of(path)}: {error.strerror}") from None


def name_of(path: Path) -> str:
    """Return a path as text that can be printed, whatever bytes it is made of."""
    return os.fsencode(path).decode(errors="replace")


def _kind(path: Path) -> str:
    return "folder" if path.is_dir() else "device"
