"""Verify and time; write the report. Cells that are not run keep what the report says of them.

env -u OPENBLAS_CORETYPE python -m bench.cpu
python -m bench.cpu --work separable --sizes 1024 --taps 7 --threads 1 --seconds 0.3
"""

import argparse
import sys
from pathlib import Path

from . import layers, plots, report, volumes
from .cells import SIZES, TAPS, Cell, cells, contenders, set_threads
from .timing import interleaved
from .verify import verified

WORKS = ("direct", "log", "separable", "signal", "rows", *volumes.WORKS, *layers.WORKS)


def main() -> int:
    """Run the cells that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench.cpu", description="gpuconv and its peers on the CPU.")
    parser.add_argument("--work", nargs="+", choices=WORKS, default=WORKS)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--taps", nargs="+", type=int, default=TAPS)
    parser.add_argument("--threads", nargs="+", type=int, default=(1, 2))
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long a cell may take")
    parser.add_argument("--folder", type=Path, default=report.HERE, help="where the report is read and written")
    parser.add_argument("--report", action="store_true", help="only write the tables and pictures again")
    arguments = parser.parse_args()
    results = report.read(arguments.folder)
    for cell in () if arguments.report else cells(tuple(arguments.work), tuple(arguments.sizes), tuple(arguments.taps)):
        for row in measure(cell, tuple(arguments.threads), arguments.seconds):
            results[report.key(row)] = row
            print(report.line(row), flush=True)
        report.write(results, arguments.folder)
    works = () if arguments.report else tuple(arguments.work)
    for rows in (volumes.measure, layers.measure):
        for row in rows(works, tuple(arguments.threads), arguments.seconds):
            results[report.key(row)] = row
            print(report.line(row), flush=True)
    report.write(results, arguments.folder)
    plots.draw(results, arguments.folder)
    return 0


def measure(cell: Cell, threads: tuple[int, ...], seconds: float) -> list[report.Row]:
    """Verify one cell, then time it with each number of threads."""
    x, w = cell.arrays()
    runs, error = verified(cell, x, w, contenders(cell, x, w))
    rows = []
    for number in threads:
        set_threads(number)
        times = interleaved(runs, seconds, number)
        about = {"work": cell.work, "dtype": cell.dtype, "size": cell.size, "taps": cell.taps, "threads": number}
        rows.append({**about, "error": round(error, 4), "times": times})
    return rows


if __name__ == "__main__":
    sys.exit(main())
