"""Pictures of the report: time against taps, float32 images of one size, with the copy as the limit."""

from pathlib import Path
from typing import Any

from gpuconv.files import replacing

from .measure import Row
from .report import TITLES

WORKS = ("filter", "separable", "rows")
COLOURS = {
    "gpuconv": "#c0392b",
    "ndimage.correlate": "#7d6608",
    "ndimage.correlate1d": "#7d6608",
    "signal.fftconvolve": "#7dcea0",
    "signal.oaconvolve": "#229954",
    "cucim.skimage.filters.gaussian": "#5dade2",
    "cv2.cuda.LinearFilter": "#1f618d",
    "cv2.cuda.SeparableLinearFilter": "#1f618d",
    "torch": "#af601a",
}


def draw(rows: list[Row], folder: Path) -> None:
    """Write taps.svg."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "taps", "svg.fonttype": "none"}):  # the same file for the same figures
        figure = Figure(figsize=(4.6 * len(WORKS), 4.6), layout="constrained")
        for axes, work in zip(figure.subplots(1, len(WORKS)), WORKS, strict=True):
            axes.set(title=TITLES[work], xlabel="taps K", ylabel="us", xscale="log", yscale="log")
            _panel(axes, _of_one_size([row for row in rows if row["work"] == work and row["dtype"] == "float32"]))
        named = {n: line for axes in figure.axes for line, n in zip(*axes.get_legend_handles_labels(), strict=True)}
        if named:
            figure.legend(list(named.values()), list(named), loc="outside lower center", ncols=5, fontsize=8)
        with replacing(folder / "taps.svg") as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _of_one_size(rows: list[Row]) -> list[Row]:
    """The rows of the shape that has the most of them; of several the largest."""
    shapes = sorted((tuple(row["shape"]) for row in rows), reverse=True)
    shape = max(shapes, key=shapes.count, default=())
    return sorted((row for row in rows if tuple(row["shape"]) == shape), key=lambda row: int(row["taps"]))


def _panel(axes: Any, rows: list[Row]) -> None:
    for name in sorted({name for row in rows for name in row["times"]}):
        found = [(row["taps"], row["times"][name]) for row in rows if name in row["times"]]
        taps, times = [k for k, _ in found], [t for _, t in found]
        style = {"color": COLOURS.get(name, "#839192"), "lw": 2.5 if name == "gpuconv" else 1.2}
        axes.plot(taps, [t["median"] for t in times], marker=".", label=name, **style)
        limits = [t["low"] for t in times], [t["high"] for t in times]
        axes.fill_between(taps, *limits, color=style["color"], alpha=0.15)
    if rows:
        axes.plot([r["taps"] for r in rows], [r["copy"]["median"] for r in rows], "k--", lw=1, label="copy")
        axes.set_title(f"{axes.get_title()}\n{' x '.join(map(str, rows[0]['shape']))}", fontsize=10)
    ticks = sorted({int(row["taps"]) for row in rows})
    apart = [tick for place, tick in enumerate(ticks) if place == 0 or tick >= 1.25 * ticks[place - 1]]
    axes.set_xticks(apart, [str(tick) for tick in apart])
    axes.set_xticks([], minor=True)
    axes.grid(alpha=0.3)
