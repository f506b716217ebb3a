"""The report: every figure as JSON, and Markdown tables; written beside the old one and put in its place."""

import importlib.metadata
import json
import platform
from pathlib import Path
from typing import Any

from bench.cpu.report import best_peer, ratio
from gpuconv.files import replacing

from .measure import Row

HERE = Path(__file__).parent
TITLES = {
    "filter": "Filters that are not separable, K x K",
    "separable": "Separable filters, K x K",
    "gradient": "Magnitude of the Sobel gradient",
    "rows": "Along rows, K taps",
    "columns": "Along columns, K taps",
    "signal": "One signal, K taps",
    "depthwise": "Layers with a filter for each channel, K x K",
    "dense": "Layers with a filter for each pair of channels, K x K",
}
PACKAGES = ("gpuconv", "numpy", "cupy-cuda12x", "cupy-cuda13x", "cucim-cu12", "cucim-cu13", "torch", "opencv-python")
COLUMNS = ("K", "arrays", "kernel", "us", "quartiles", "of a copy", "GB/s", "Gproducts/s", "fastest peer", "x faster")
LEGEND = """Times are medians of the device's own clock, in microseconds, all contenders of a cell in turns, with the L2
cache flushed before each run, after gpuconv's result was found within its error bound and each peer's near it. "Of a
copy" is the time of a device-to-device copy that moves as many bytes as image and result have, divided by gpuconv's:
1.00 is the limit of a filter that memory limits. "x faster" is the time of the fastest peer divided by gpuconv's."""
NOT_MEASURED = """**Not measured: this ran on the tests' stand-in for a GPU.** It shows that the program runs to its
end; its times are those of an emulation and mean nothing."""


def machine() -> dict[str, str]:
    """Device, driver and versions."""
    from gpuconv.backends import cupy

    found = {"device": cupy.describe(), "python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def write(rows: list[Row], about: dict[str, str], measured: bool, folder: Path) -> None:
    """Write report.json, a row a line, and report.md."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    head = f'"measured": {json.dumps(measured)}, "machine": {json.dumps(about)}'
    texts = {"report.json": f'{{{head}, "rows": [\n{lines}\n]}}\n', "report.md": markdown(rows, about, measured)}
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text)


def markdown(rows: list[Row], about: dict[str, str], measured: bool) -> str:
    """A table for every kind of work, and who is missing."""
    versions = ", ".join(f"{name} {version}" for name, version in about.items())
    lines = ["# gpuconv on a GPU, and its peers", "", f"Written by `python -m bench.gpu`: {versions}.", ""]
    lines += [LEGEND if measured else NOT_MEASURED]
    for work, title in TITLES.items():
        found = [row for row in rows if row["work"] == work]
        if found:
            lines += ["", f"## {title}", "", "| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
            lines += ["| " + " | ".join(_cells(row)) + " |" for row in found]
    missing = {f"{name}: {reason}": None for row in rows for name, reason in row["left_out"].items()}
    lines += ["", "## Left out", "", *(f"- {text}" for text in missing)] if missing else []
    return "\n".join(lines) + "\n"


def line(row: Row) -> str:
    """One row as a line of text."""
    shown = ", ".join(f"{name} {t['median']:.1f}" for name, t in row["times"].items())
    shape = "x".join(map(str, row["shape"]))
    what = f"{row['work']} {row['taps']} {shape} {row['dtype']}, {row['kernel']}"
    return f"{what}: error {row['error']:.2f} of the bound; us: {shown}, copy {row['copy']['median']:.1f}"


def _cells(row: Row) -> list[str]:
    ours: dict[str, Any] = row["times"]["gpuconv"]
    peer, faster = best_peer(row), ratio(row, "gpuconv")
    seconds = ours["median"] * 1e-6
    return [
        *(str(row["taps"]), f"{' x '.join(map(str, row['shape']))} {row['dtype']}", f"`{row['kernel']}`"),
        *(f"{ours['median']:.1f}", f"{ours['low']:.1f} to {ours['high']:.1f}"),
        f"{row['copy']['median'] / ours['median']:.2f}",
        *(f"{row['moved'] / seconds / 1e9:.0f}", f"{row['products'] / seconds / 1e9:.0f}"),
        *((f"{peer[0]}, {peer[1]:.1f} us", f"**{faster:.2f}**") if peer and faster else ("", "")),
    ]
