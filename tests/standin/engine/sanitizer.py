"""A launch in a child process, built with AddressSanitizer and UBSan, or with ThreadSanitizer."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .compiler import build
from .kernel import parse_order
from .memory import Value

if TYPE_CHECKING:
    from .launch import Launch

ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0:halt_on_error=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:history_size=4:report_signal_unsafe=0:exitcode=66",
}


@dataclass(frozen=True)
class Report:
    """What a sanitizer said: ok, its log, and the arrays after the launch (empty if it stopped)."""

    ok: bool
    log: str
    arrays: list[np.ndarray | None] = field(default_factory=list, repr=False)


def run(launch: Launch, kind: str, order: str) -> Report:
    """Run `launch` under the sanitizer `kind`."""
    with tempfile.TemporaryDirectory() as folder:
        words = command(launch, kind, order, Path(folder))
        result = _execute(words)
        made = Path(words[-1])
        data = made.read_bytes() if made.exists() else b""
    regions = _split(data, [region.size for region in launch.before.regions])
    log = "".join(line for line in result.stderr.splitlines(keepends=True) if "fully support makecontext" not in line)
    return Report(result.returncode == 0, log, launch.before.arrays(regions) if regions is not None else [])


def command(launch: Launch, kind: str, order: str, folder: Path) -> list[str]:
    """The words that run `launch`, for a debugger too: the program, the launch's file in `folder`, and the result's."""
    if kind not in ("address", "thread"):
        raise ValueError(f'kind is "address" or "thread"; got {kind!r}')
    program = build(launch.text, launch.name, launch.options, kind)
    given, made = folder / "launch", folder / "memory"
    given.write_bytes(_encode(launch, order))
    return [str(program), str(given), str(made)]


def _execute(words: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **ENVIRONMENT}

    def execute(*prefix: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, *words], capture_output=True, text=True, errors="replace", env=environment, check=False
        )

    result = execute()
    if "unexpected memory mapping" in result.stderr and shutil.which("setarch"):
        # More address randomisation than this libtsan knows.
        result = execute("setarch", "-R")
    return result


def _encode(launch: Launch, order: str) -> bytes:
    """The file that replay_main.cc reads."""
    before = launch.before
    numbers = [
        *launch.grid,
        *launch.block,
        launch.shared_mem,
        *parse_order(order),
        len(before.regions),
        len(before.places),
    ]
    parts = [struct.pack(f"<{len(numbers)}q", *numbers)]
    for region, alignment in zip(before.regions, before.alignments, strict=True):
        parts += [struct.pack("<2q", alignment, region.size), region.tobytes()]
    for place in before.places:
        if isinstance(place, Value):
            parts += [struct.pack("<2q", -1, place.array.nbytes), place.to_bytes()]
        else:
            parts.append(struct.pack("<2q", place.region, place.offset))
    return b"".join(parts)


def _split(data: bytes, sizes: list[int]) -> list[np.ndarray] | None:
    """The regions out of what the child wrote; None if it wrote nothing or was cut off."""
    if len(data) != sum(sizes) or not data:
        return None
    ends = np.cumsum(sizes)
    return [np.frombuffer(data[end - size : end], np.uint8).copy() for end, size in zip(ends, sizes, strict=True)]
