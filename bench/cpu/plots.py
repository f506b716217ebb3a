"""Pictures of the report: time against taps, and against the size of the image."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .report import HERE, Key, Row

WORKS = {"direct": "K x K taps", "separable": "separable K x K", "signal": "1,000,000 samples"}
COLOURS = {
    "gpuconv cpu": "#c0392b",
    "gpuconv numpy": "#e8a598",
    "cv2.filter2D": "#1f618d",
    "cv2.sepFilter2D": "#1f618d",
    "cv2.GaussianBlur": "#5dade2",
    "ndimage.correlate": "#7d6608",
    "ndimage.correlate1d": "#7d6608",
    "signal.oaconvolve": "#229954",
    "signal.fftconvolve": "#7dcea0",
    "torch": "#af601a",
    "np.convolve": "#839192",
}


def draw(results: dict[Key, Row], folder: Path = HERE) -> None:
    """Write taps.svg and sizes.svg; float32, one thread."""
    rows = [row for key, row in results.items() if row["dtype"] == "f4" and row["threads"] == 1]
    by_taps = {w: [r for r in rows if r["work"] == w and r["size"] in (1024, 1_000_000)] for w in WORKS}
    _figure(folder / "taps.svg", by_taps, "taps K", lambda row: row["taps"])
    by_size = {w: [r for r in rows if r["work"] == w and r["taps"] == 7] for w in ("direct", "separable")}
    _figure(folder / "sizes.svg", by_size, "width and height of the image", lambda row: row["size"])


def _figure(path: Path, panels: dict[str, list[Row]], label: str, position: Callable[[Row], int]) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none"}):  # the same file for the same figures
        figure = Figure(figsize=(4.2 * len(panels), 4.4), layout="constrained")
        for axes, (work, rows) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
            axes.set(title=WORKS[work], xlabel=label, ylabel="ms", xscale="log", yscale="log")
            _panel(axes, rows, position)
        named = {
            name: line for axes in figure.axes for line, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=6, fontsize=8)
        figure.savefig(path, metadata={"Date": None})


def _panel(axes: Any, rows: list[Row], position: Callable[[Row], int]) -> None:
    for contender, colour in COLOURS.items():
        found = sorted((position(r), r["times"][contender]) for r in rows if contender in r["times"])
        if found:
            x, times = [p for p, _ in found], [t for _, t in found]
            width = 2.5 if contender == "gpuconv cpu" else 1.2
            axes.plot(x, [t["median"] / 1000 for t in times], color=colour, lw=width, marker=".", label=contender)
            axes.fill_between(
                x, [t["low"] / 1000 for t in times], [t["high"] / 1000 for t in times], color=colour, alpha=0.15
            )
    ticks = sorted(set(map(position, rows)))
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.3)
