"""Verify and time; write the report.

python -m bench.gpu            # everything, some ten minutes
python -m bench.gpu --quick    # a cell or two of each kernel family
"""

import argparse
import sys
from pathlib import Path

from gpuconv import backends

from . import plots, report
from .cells import cells, shrunk
from .measure import Row, measure


def main(arguments: list[str] | None = None) -> int:
    """Run the cells; exit code 1 if gpuconv misses a bound, 2 if nothing can be measured here."""
    chosen = _parser().parse_args(arguments)
    reason = backends.reason_unavailable("cupy") or _refusal(chosen.folder)
    if reason:
        print(f"bench.gpu: {reason}", file=sys.stderr)
        return 2
    about = report.machine()
    rows: list[Row] = []
    wrong: list[str] = []
    for cell in cells(chosen.quick):
        try:
            row = measure(shrunk(cell, chosen.size) if chosen.size else cell, chosen.seconds, not on_standin())
        except AssertionError as error:
            wrong.append(str(error))
            print(error, file=sys.stderr)
            continue
        rows.append(row)
        print(report.line(row), flush=True)
        report.write(rows, about, not on_standin(), chosen.folder)
    plots.draw(rows, chosen.folder)
    print(f"{len(rows)} cells, {len(wrong)} of them wrong" if wrong else f"{len(rows)} cells, all within their bounds")
    return 1 if wrong else 0


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
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long a cell is timed")
    parser.add_argument("--size", type=int, help="shrink every axis to so many samples, to see that it runs")
    parser.add_argument("--folder", type=Path, default=report.HERE, help="where the report is written")
    return parser


if __name__ == "__main__":
    sys.exit(main())
