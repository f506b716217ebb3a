"""The report: every figure as JSON, and Markdown tables of ratios to the best peer of each cell."""

import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

from .volumes import SHAPES

HERE = Path(__file__).parent
Row = dict[str, Any]
Key = tuple[str, str, int, int, int]
OURS, PURE, AUTO = "gpuconv cpu", "gpuconv numpy", "gpuconv"
SCIPY = ("signal.", "ndimage.", "np.")
NAMES = {"f4": "float32", "f8": "float64", "u1": "uint8", "u2": "uint16"}
TITLES = {
    "direct": "Filters that are not separable, K x K",
    "log": "Laplacian of a Gaussian, K x K: a sum of two outer products",
    "separable": "Separable filters, K x K",
    "signal": "One signal of 1,000,000 samples, K taps",
    "rows": "1000 signals of 1000 samples, K taps",
}
VOLUME_TITLES = {
    "volume": "Filters of volumes that are not separable, K x K x K",
    "separable volume": "Separable filters of volumes, K x K x K",
}
PURE_TITLES = {
    "direct": "The numpy backend and the best of SciPy: filters that are not separable, K x K",
    "signal": "The numpy backend and the best of SciPy: one signal of 1,000,000 samples, K taps",
}
LAYER_TITLES = {
    "layers": "Layers in float32, channels first or last in memory",
    "gradients": "Gradients of these layers with respect to their weights",
}
PACKAGES = ("numpy", "llvmlite", "scipy", "opencv-python-headless", "torch")
LEGEND = """Each figure is the time of the fastest peer divided by gpuconv's, so 2.0 is twice as fast; under it stand
that peer and gpuconv's median time. Everyone is called as a user would call it, with no output to write to. The median
is that of the samples in which no thread of the process had to wait for a processor; all contenders of a cell ran in
turns, in bursts of 3 ms, in one process, after gpuconv's result was found within its error bound. With two threads
there are 20 ms between the turns, in which the threads of the last one stop spinning; the first call of a turn, which
has to wake them, is then given apart."""


def key(row: Row) -> Key:
    """What a row is about."""
    return row["work"], row["dtype"], row["size"], row["taps"], row["threads"]


def read(folder: Path = HERE) -> dict[Key, Row]:
    """Return the rows of the report on disk."""
    path = folder / "report.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    return {key(row): row for row in rows}


def write(results: dict[Key, Row], folder: Path = HERE) -> None:
    """Write report.json, a row a line, and report.md."""
    rows = ",\n".join(json.dumps(results[k]) for k in sorted(results))
    (folder / "report.json").write_text(f'{{"machine": {json.dumps(machine())}, "rows": [\n{rows}\n]}}\n')
    (folder / "report.md").write_text(markdown(results))


def machine() -> dict[str, str]:
    """Processor, system and versions."""
    from gpuconv.backends import cpu

    versions = {"python": platform.python_version(), "system": platform.platform(), "cpu": cpu.describe()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def best_peer(row: Row, prefix: str | tuple[str, ...] = "") -> tuple[str, float] | None:
    """Return (name, median) of the fastest contender that is not gpuconv; only those with one of the prefixes."""
    peers = {n: t["median"] for n, t in row["times"].items() if not n.startswith("gpuconv") and n.startswith(prefix)}
    return min(peers.items(), key=lambda item: item[1]) if peers else None


def ratio(row: Row, ours: str = OURS, prefix: str | tuple[str, ...] = "") -> float | None:
    """Return the time of the best peer divided by ours."""
    peer = best_peer(row, prefix)
    return peer[1] / row["times"][ours]["median"] if peer and ours in row["times"] else None


def line(row: Row) -> str:
    """One row as a line of text."""
    times = sorted(row["times"].items(), key=lambda item: item[1]["median"])
    shown = ", ".join(f"{name} {t['median']:.0f}" for name, t in times)
    value = ratio(row, AUTO if AUTO in row["times"] else OURS)
    return f"{' '.join(map(str, key(row)))}: {value or 0:.2f}x; error {row['error']:.2f} of the bound; us: {shown}"


def markdown(results: dict[Key, Row]) -> str:
    """A table for every kind of work, dtype and number of threads."""
    about = ", ".join(f"{name} {version}" for name, version in machine().items())
    lines = ["# gpuconv on the CPU, and its peers", "", f"Written by `python -m bench.cpu`: {about}.", "", LEGEND]
    for work, title in TITLES.items():
        for threads in sorted({k[4] for k in results if k[0] == work}):
            plural = "thread" if threads == 1 else "threads"
            lines += ["", f"## {title}, {threads} {plural}"]
            lines += _table(results, work, threads)
    for work, title in VOLUME_TITLES.items():
        for threads in sorted({k[4] for k in results if k[0] == work}):
            lines += ["", f"## {title}, {threads} thread{'s' * (threads > 1)}", *_table(results, work, threads, AUTO)]
    for work, title in PURE_TITLES.items():
        lines += ["", f"## {title}, 1 thread", *_table(results, work, 1, PURE, SCIPY)]
    for work, title in LAYER_TITLES.items():
        lines += _layers(results, work, title)
    return "\n".join(lines) + "\n"


def _layers(results: dict[Key, Row], work: str, title: str) -> list[str]:
    """Layers in float32: a row for each layer and layout, a column for each batch and number of threads."""
    found = {k: row for k, row in results.items() if k[0].startswith(f"{work}: ")}
    columns = sorted({(k[2], k[4]) for k in found})
    if not found:
        return []
    heads = [f"batch {batch}, {threads} thread{'s' * (threads > 1)}" for batch, threads in columns]
    lines = ["", f"## {title}", "", "| | " + " | ".join(heads) + " |", "|" + " --- |" * (len(columns) + 1)]
    for name, dtype, taps in dict.fromkeys((k[0], k[1], k[3]) for k in found):
        rows = [found.get((name, dtype, batch, taps, threads)) for batch, threads in columns]
        cells = [_cell(row) + _alone(row) for row in rows]
        lines.append(f"| {name.removeprefix(f'{work}: ')} | " + " | ".join(cells) + " |")
    return lines


def _alone(row: Row | None) -> str:
    """The ratio of first calls, where threads have to be woken for them."""
    times = row["times"] if row and row["threads"] > 1 else {}
    if not times or any("first" not in t for t in times.values()):
        return ""
    return f"<br>first call {min(t['first'] for n, t in times.items() if n != OURS) / times[OURS]['first']:.2f}"


def _table(
    results: dict[Key, Row], work: str, threads: int, ours: str = OURS, prefix: str | tuple[str, ...] = ""
) -> list[str]:
    rows = {k: row for k, row in results.items() if k[0] == work and k[4] == threads}
    sizes, taps = sorted({k[2] for k in rows}), sorted({k[3] for k in rows})
    lines = ["", "| | " + " | ".join(f"K = {k}" for k in taps) + " |", "|" + " --- |" * (len(taps) + 1)]
    for dtype in NAMES:
        for size in sizes:
            cells = [_cell(rows.get((work, dtype, size, k, threads)), ours, prefix) for k in taps]
            if any(cells):
                shape = f"{size} x {size}" if work in ("direct", "log", "separable") else ""
                if work in VOLUME_TITLES:
                    shape = " x ".join(map(str, SHAPES[size]))
                lines.append(f"| {NAMES[dtype]} {shape} | " + " | ".join(cells) + " |")
    return lines


def _cell(row: Row | None, ours: str = OURS, prefix: str | tuple[str, ...] = "") -> str:
    if row is None or ours not in row["times"]:
        return ""
    peer, value = best_peer(row, prefix), ratio(row, ours, prefix)
    time = row["times"][ours]["median"]
    shown = f"{time / 1000:.2f} ms" if time < 10_000 else f"{time / 1000:.0f} ms"
    return f"**{value:.2f}**<br>{peer[0]}, {shown}" if peer else shown
