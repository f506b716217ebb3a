"""Verify and time; write the report.

python -m bench.gpu            # everything, until the budget of eight minutes is spent
python -m bench.gpu --quick    # a cell or two of each kernel family
python -m bench.gpu --draw     # the tables and pictures of a report.json, on any machine

The report is written anew after each cell, so that what was measured stays if the machine goes away.
"""

import argparse
import sys
import time
from pathlib import Path

from gpuconv import backends
from gpuconv.errors import loses_the_device

from . import plots, report
from .cells import cells, shrunk
from .measure import measure, warm_up
from .report import Report


def main(arguments: list[str] | None = None) -> int:
    """Run the cells; exit code 1 if gpuconv misses a bound or fails, 2 if nothing can be measured here."""
    chosen = _parser().parse_args(arguments)
    if chosen.draw:
        _finish(report.read(chosen.folder), chosen.folder)
        return 0
    reason = backends.reason_unavailable("cupy") or _refusal(chosen.folder)
    if reason:
        print(f"bench.gpu: {reason}", file=sys.stderr)
        return 2
    made = Report(report.machine(), not on_standin())
    try:
        _measure(made, chosen)
    except KeyboardInterrupt:
        made.notes.append("Ended by hand: what was to come is missing.")
    _finish(made, chosen.folder)
    print(f"{len(made.rows)} cells, all within their bounds" if not made.failed else f"{made.failed} cells are wrong")
    return 1 if made.failed else 0


def _measure(made: Report, chosen: argparse.Namespace) -> None:
    """Add a row for each cell until the budget is spent, or the device is lost."""
    stop = time.monotonic() + chosen.budget
    if made.measured:
        warm_up(1.0)
    wanted = [shrunk(cell, chosen.size) if chosen.size else cell for cell in cells(chosen.quick)]
    for done, cell in enumerate(wanted):
        if time.monotonic() > stop:
            made.notes.append(f"{len(wanted) - done} of {len(wanted)} cells were not begun: the budget was spent.")
            break
        try:
            made.rows.append(measure(cell, chosen.seconds, made.measured))
            print(report.line(made.rows[-1]), flush=True)
        except Exception as error:  # whatever goes wrong with one cell belongs in the report of all
            made.failed += 1
            made.notes.append(str(error) if isinstance(error, AssertionError) else f"{cell}: {_text(error)}")
            print(made.notes[-1], file=sys.stderr, flush=True)
            if loses_the_device(error):
                made.notes.append("The device cannot be used any more after this error: nothing else was measured.")
                break
        report.write(made, chosen.folder)


def _finish(made: Report, folder: Path) -> None:
    report.write(made, folder)
    try:
        plots.draw(made.rows, folder)
    except ImportError as error:
        print(f"no pictures ({error}): pip install matplotlib, then python -m bench.gpu --draw", file=sys.stderr)


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"


def on_standin() -> bool:
    """Whether the tests' stand-in takes the place of a GPU."""
    import cupy

    return hasattr(cupy.ndarray, "_wrap")


def _refusal(folder: Path) -> str | None:
    if on_standin() and folder.resolve() == report.HERE:
        return "the stand-in for a GPU has no times to report; name another --folder to see that the program runs"
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description="gpuconv and its peers on a GPU.")
    parser.add_argument("--quick", action="store_true", help="a cell or two of each kernel family")
    parser.add_argument("--seconds", type=float, default=0.5, help="about how long a cell is timed")
    parser.add_argument("--budget", type=float, default=480, help="seconds after which no further cell is begun")
    parser.add_argument("--size", type=int, help="shrink every axis to so many samples, to see that it runs")
    parser.add_argument("--folder", type=Path, default=report.HERE, help="where the report is written")
    parser.add_argument("--draw", action="store_true", help="only draw what the folder's report.json says")
    return parser


if __name__ == "__main__":
    sys.exit(main())
