"""The report: every figure as JSON, and Markdown tables; written beside the old one and put in its place."""

import importlib.metadata
import json
import platform
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.cpu.report import best_peer, ratio
from gpuconv.files import replacing

from .measure import Row

HERE = Path(__file__).parent
TITLES = {
    "filter": "Filters that are not separable, K x K",
    "separable": "Separable filters, K x K",
    "low_rank": "Filters of rank 2, K x K",
    "pixels": "Filters over pixels with their colours side by side, K x K",
    "gradient": "Magnitude of the Sobel gradient",
    "rows": "Along rows, K taps",
    "columns": "Along columns, K taps",
    "signal": "One signal, K taps",
    "depthwise": "Layers with a filter for each channel, K x K or K",
    "dense": "Layers with a filter for each pair of channels, K x K or K",
    "weights": "Gradients of such layers with respect to their weights, K x K",
}
PACKAGES = (
    *("gpuconv", "numpy", "cupy-cuda12x", "cupy-cuda13x", "cucim-cu12", "cucim-cu13", "torch"),
    *("nvidia-cudnn-cu12", "nvidia-cudnn-cu13", "opencv-python", "opencv-contrib-python"),
)
SMI = "driver_version,memory.total,power.limit,clocks.max.sm,clocks.max.memory"
COLUMNS = ("K", "arrays", "kernel", "us", "quartiles", "of a copy", "GB/s", "Gproducts/s", "fastest peer", "x faster")
LEGEND = """Times are medians of the device's own clock, in microseconds, all contenders of a cell in turns, with the L2
cache flushed before each run, after gpuconv's result was found within its error bound and each peer's near it. "Of a
copy" is the time of a device-to-device copy that moves as many bytes as image and result have, divided by gpuconv's:
1.00 is the limit of a filter that memory limits. "x faster" is the time of the fastest peer divided by gpuconv's.
gpuconv is planned (`gpuconv.plan`, `gpuconv.nn.plan`); the weights of layers are on the device, as everyone's."""
NOT_MEASURED = """**Not measured: this ran on the tests' stand-in for a GPU.** It shows that the program runs to its
end; its times are those of an emulation and mean nothing."""


@dataclass
class Report:
    """What was measured so far."""

    about: dict[str, str]  # device, driver and versions
    measured: bool = True  # on a device, not through the tests' stand-in
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what is wrong or missing
    failed: int = 0  # cells


def machine() -> dict[str, str]:
    """Device, driver and versions."""
    import cupy

    from gpuconv.backends import cupy as backend

    found = {"device": backend.describe(), "NVRTC": ".".join(map(str, cupy.cuda.nvrtc.getVersion()))}
    found |= _smi(backend.current_device())
    found |= {"python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _smi(device: int) -> dict[str, str]:
    """What nvidia-smi says of driver and clocks, where there is one."""
    command = ["nvidia-smi", f"--query-gpu={SMI}", "--format=csv,noheader", f"--id={device}"]
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    return dict(zip(SMI.split(","), map(str.strip, text.split(",")), strict=False))


def write(made: Report, folder: Path) -> None:
    """Write report.json, a row a line, and report.md; somebody who reads meanwhile sees the old ones whole."""
    head = {name: value for name, value in vars(made).items() if name != "rows"}
    lines = ",\n".join(map(json.dumps, made.rows))
    text = f'{json.dumps(head)[:-1]}, "rows": [\n{lines}\n]}}\n'
    for name, content in {"report.json": text, "report.md": markdown(made)}.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(content)


def read(folder: Path) -> Report:
    """The report that a folder holds."""
    return Report(**json.loads((folder / "report.json").read_text()))


def markdown(made: Report) -> str:
    """A table for every kind of work, and who is missing."""
    versions = ", ".join(f"{name} {version}" for name, version in made.about.items())
    lines = ["# gpuconv on a GPU, and its peers", "", f"Written by `python -m bench.gpu`: {versions}.", ""]
    lines += [LEGEND if made.measured else NOT_MEASURED]
    lines += ["", "## Wrong or missing", "", *(f"- {note}" for note in made.notes)] if made.notes else []
    for work, title in TITLES.items():
        found = sorted((row for row in made.rows if row["work"] == work), key=_place)
        if found:
            lines += ["", f"## {title}", "", "| " + " | ".join(COLUMNS) + " |", "|" + " --- |" * len(COLUMNS)]
            lines += ["| " + " | ".join(_cells(row)) + " |" for row in found]
    missing = {f"{name}: {reason}": None for row in made.rows for name, reason in row["left_out"].items()}
    lines += ["", "## Left out", "", *(f"- {text}" for text in missing)] if missing else []
    return "\n".join(lines) + "\n"


def _place(row: Row) -> tuple[Any, ...]:
    """Where a row stands in its table; they are measured in another order."""
    return row["dtype"], -len(row["shape"]), row["shape"], row["stride"], row["last"], row["taps"]


def line(row: Row) -> str:
    """One row as a line of text."""
    shown = ", ".join(f"{name} {t['median']:.1f}" for name, t in row["times"].items())
    times = f"us: {shown}, copy {row['copy']['median']:.1f}"
    return (
        f"{row['work']} {row['taps']} {_arrays(row)}, {row['kernel']}: error {row['error']:.2f} of the bound; {times}"
    )


def _arrays(row: Row) -> str:
    text = f"{' x '.join(map(str, row['shape']))} {row['dtype']}"
    text += f", stride {row['stride']}" * (row["stride"] > 1) + ", channels last" * row["last"]
    return text + f", {row['precision']}" * (row["precision"] != "standard")


def _cells(row: Row) -> list[str]:
    ours: dict[str, Any] = row["times"]["gpuconv"]
    peer, faster = best_peer(row), ratio(row, "gpuconv")
    seconds = ours["median"] * 1e-6
    return [
        *(str(row["taps"]), _arrays(row), f"`{row['kernel']}`"),
        *(f"{ours['median']:.1f}", f"{ours['low']:.1f} to {ours['high']:.1f}"),
        f"{row['copy']['median'] / ours['median']:.2f}",
        *(f"{row['moved'] / seconds / 1e9:.0f}", f"{row['products'] / seconds / 1e9:.0f}"),
        *((f"{peer[0]}, {peer[1]:.1f} us", f"**{faster:.2f}**") if peer and faster else ("", "")),
    ]
