"""The command `gpuconv`: every refusal is one line on stderr and exit code 2, never a traceback."""

import sys
from importlib.util import find_spec

from gpuconv.errors import BackendUnavailableError
from gpuconv.files import FileError

REFUSALS = (FileError, ValueError, TypeError, OverflowError, OSError, BackendUnavailableError)
EXTRA = ("typer", "rich", "pyvips", "matplotlib")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str, optional
        What follows the command's name; taken from `sys.argv` by default.

    Returns
    -------
    int
        The exit code: 0 done, 1 a check failed, 2 refused, 130 interrupted.
    """
    missing = [name for name in EXTRA if find_spec(name) is None]
    if missing:
        return _refuse(
            f"the command line needs {', '.join(missing)}; install with: python -m pip install 'gpuconv[cli]'"
        )
    return _run(arguments)


def _run(arguments: list[str] | None) -> int:
    from typer import TyperException

    try:
        from gpuconv.cli.app import app

        return app(arguments, standalone_mode=False, prog_name="gpuconv") or 0
    except TyperException as error:
        return _refuse(error.format_message())  # empty where the help was shown instead
    except REFUSALS as error:
        return _refuse(str(error))
    except MemoryError as error:
        return _refuse(f"there is not enough memory: {error}")


def _refuse(reason: str) -> int:
    if reason:
        print("gpuconv:", " ".join(reason.split()), file=sys.stderr)
    return 2
