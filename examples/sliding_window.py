"""Draw the worked example: flip [1, 0, -1], slide it along [3, 2, 1, 0], multiply, sum.

    python examples/sliding_window.py [OUTPUT]

Needs matplotlib (`pip install 'gpuconv[cli]'`). Every number in the picture comes from `gpuconv.trace`.
"""

import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

import gpuconv

SIGNAL, TAPS, PADDING, SUM = "#4878a8", "#d1862e", "#d9d9d9", "#3f8f5b"


def cell(axes: Axes, column: float, row: float, text: object, colour: str) -> None:
    """One number in a coloured square."""
    axes.add_patch(plt.Rectangle((column + 0.05, -row + 0.05), 0.9, 0.9, color=colour))
    ink = "black" if colour == PADDING else "white"
    axes.text(column + 0.5, -row + 0.5, f"{text}", ha="center", va="center", color=ink, fontsize=11, weight="bold")


def draw(trace: gpuconv.Trace) -> plt.Figure:
    """One row per output: the signal with its padding, the flipped weights under it, their sum on the right."""
    count = len(trace.padded)
    figure, axes = plt.subplots(figsize=(9, 8.2), layout="constrained")
    for index, step in enumerate(trace):
        top = 2.6 * index
        for column, (value, inside) in enumerate(zip(trace.padded, trace.inside, strict=True)):
            cell(axes, column, top, value, SIGNAL if inside else PADDING)
        for column, tap in enumerate(trace.flipped):
            cell(axes, index + column, top + 1, tap, TAPS)
        products = " + ".join(f"{x}·{w}".replace("-", "−") for x, w in zip(step.window, trace.flipped, strict=True))
        axes.text(count + 0.4, -top, f"{products}  =", va="center", fontsize=12)
        cell(axes, count + 4.6, top + 0.5, step.total, SUM)
        axes.text(-0.4, -top, f"y[{index}]", ha="right", va="center", fontsize=12)
    axes.set(xlim=(-1.5, count + 6), ylim=(-2.6 * len(trace) + 1.2, 1.6), aspect="equal")
    axes.axis("off")
    axes.set_title(
        f"{trace.x.tolist()} convolved with {trace.weights.tolist()}: flip, slide, multiply, sum", fontsize=14
    )
    return figure


if __name__ == "__main__":
    output = sys.argv[1] if len(sys.argv) > 1 else "sliding_window.png"
    draw(gpuconv.trace([3, 2, 1, 0], [1, 0, -1], size="full")).savefig(output, dpi=110)
    print(f"wrote {output}")
