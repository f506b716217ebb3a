"""Pictures of the report: time against taps, float32 images of one size, with the copy as the limit."""

from pathlib import Path
from typing import Any

from gpuconv.files import replacing

from .measure import Row
from .report import TITLES

WORKS = ("filter", "separable", "rows")


def draw(rows: list[Row], folder: Path) -> None:
    """Write taps.svg."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "taps", "svg.fonttype": "none"}):  # the same file for the same figures
        figure = Figure(figsize=(4.2 * len(WORKS), 4), layout="constrained")
        for axes, work in zip(figure.subplots(1, len(WORKS)), WORKS, strict=True):
            _panel(axes, _of_one_size([row for row in rows if row["work"] == work and row["dtype"] == "float32"]))
            axes.set(title=TITLES[work], xlabel="taps K", ylabel="us", xscale="log", yscale="log")
        with replacing(folder / "taps.svg") as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})


def _of_one_size(rows: list[Row]) -> list[Row]:
    """The rows of the shape that has the most of them."""
    shapes = [tuple(row["shape"]) for row in rows]
    shape = max(shapes, key=shapes.count, default=())
    return sorted((row for row in rows if tuple(row["shape"]) == shape), key=lambda row: int(row["taps"]))


def _panel(axes: Any, rows: list[Row]) -> None:
    names = dict.fromkeys(name for row in rows for name in row["times"])
    for name in names:
        found = [(row["taps"], row["times"][name]) for row in rows if name in row["times"]]
        taps, times = [k for k, _ in found], [t for _, t in found]
        width = 2.5 if name == "gpuconv" else 1.2
        (drawn,) = axes.plot(taps, [t["median"] for t in times], lw=width, marker=".", label=name)
        limits = [t["low"] for t in times], [t["high"] for t in times]
        axes.fill_between(taps, *limits, color=drawn.get_color(), alpha=0.15)
    if rows:
        axes.plot([r["taps"] for r in rows], [r["copy"]["median"] for r in rows], "k--", lw=1, label="copy")
        axes.set_xticks([row["taps"] for row in rows], [str(row["taps"]) for row in rows], minor=False)
        axes.set_xticks([], minor=True)
        axes.legend(fontsize=7)
    axes.grid(alpha=0.3)
