"""Where gpuconv keeps files from one process to the next."""

import os
import sys
from pathlib import Path

VARIABLE = "GPUCONV_CACHE_DIR"


def directory() -> Path:
    """Return where files are kept: GPUCONV_CACHE_DIR, else the platform's cache directory of the user."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "gpuconv"
