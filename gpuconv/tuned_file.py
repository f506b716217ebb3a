"""The file in which `gpuconv tune` keeps what it measured: for each device and driver, the fastest candidates.

A file that is damaged, or of another version of gpuconv (whose kernels are others), is ignored with a warning: the
planner then goes by its model.
"""

import json
import logging
from pathlib import Path
from typing import Any

from gpuconv.cache_directory import directory
from gpuconv.files import replacing

Tuned = dict[str, str]  # launches.tuned.key() of a problem -> the candidate

logger = logging.getLogger("gpuconv")


def path() -> Path:
    """Return where the file is."""
    return directory() / "tuned.json"


def read(device: str) -> Tuned:
    """Return what was measured on a device; nothing where there is no file that can be trusted."""
    return _devices().get(device, {})


def write(device: str, tuned: Tuned) -> None:
    """Add what was measured on a device to the file; another process sees all of it or nothing.

    Raises
    ------
    FileError
        If the operating system refuses.
    """
    devices = _devices()
    devices[device] = devices.get(device, {}) | tuned
    path().parent.mkdir(parents=True, exist_ok=True)
    with replacing(path()) as temporary:
        temporary.write_text(json.dumps({"gpuconv": _version(), "devices": devices}, indent=1, sort_keys=True) + "\n")


def _devices() -> dict[str, Tuned]:
    try:
        content = path().read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        return _ignored(str(error))
    try:
        found = json.loads(content)
    except ValueError as error:
        return _ignored(f"it is no JSON ({error})")
    if not _well_formed(found):
        return _ignored("it is not laid out as this program writes it")
    if found["gpuconv"] != _version():
        return _ignored(f"it is of gpuconv {found['gpuconv']}, and this is {_version()}")
    return dict(found["devices"])


def _ignored(reason: str) -> dict[str, Tuned]:
    logger.warning("%s is ignored: %s; `gpuconv tune` writes it anew", path(), reason)
    return {}


def _well_formed(found: Any) -> bool:
    if not isinstance(found, dict) or found.keys() != {"gpuconv", "devices"} or not isinstance(found["devices"], dict):
        return False
    entries = [entry for entry in found["devices"].values() if isinstance(entry, dict)]
    texts = [text for entry in entries for pair in entry.items() for text in pair]
    return len(entries) == len(found["devices"]) and all(isinstance(text, str) for text in texts)


def _version() -> str:
    import gpuconv

    return gpuconv.__version__
