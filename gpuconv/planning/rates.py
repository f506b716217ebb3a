"""The file of what was measured of this computer's CPU backends: what the model of costs goes by.

A file that is damaged, or of another machine or version, is ignored: the defaults serve.
"""

import functools
import json
import math
import os
import platform
from dataclasses import asdict, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from gpuconv.cache_directory import directory
from gpuconv.planning.facts import Rates


def path() -> Path:
    """Return where the file is."""
    return directory() / "rates.json"


@functools.cache
def known(backend: str) -> Rates | None:
    """Return what was measured for a backend on this machine, or None."""
    try:
        text = path().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None

    try:
        content = json.loads(text)
    except ValueError:
        return None
    rates = content.get("rates", {}) if isinstance(content, dict) and content.get("machine") == _machine() else {}
    found = rates.get(backend) if isinstance(rates, dict) else None
    return Rates(**found) if isinstance(found, dict) and _well_formed(found) else None


def _well_formed(found: dict[str, Any]) -> bool:
    if found.keys() != {field.name for field in fields(Rates)}:
        return False
    return all(isinstance(rate, float) and 0 < rate < 1 and math.isfinite(rate) for rate in found.values())


def write(found: dict[str, Rates]) -> None:
    """Another process sees all of it or nothing; a directory that cannot be written is no error."""
    from gpuconv.files import FileError, replacing

    rates = {name: asdict(each) for name, each in found.items()}
    try:
        path().parent.mkdir(parents=True, exist_ok=True)
        with replacing(path()) as temporary:
            temporary.write_text(json.dumps({"machine": _machine(), "rates": rates}, indent=1) + "\n")
    except (OSError, FileError):
        return


def transform_library() -> str:
    """Return the name of the faster library of transforms that is installed: the NumPy backend's rates are its."""
    return "ducc0" if find_spec("ducc0") else "numpy"


def _machine() -> str:
    """What the rates depend on."""
    import gpuconv

    versions = f"gpuconv {gpuconv.__version__}, numpy {np.__version__}, transforms of {transform_library()}"
    return f"{platform.node()}, {platform.machine()}, {os.cpu_count()} processors, {versions}"
