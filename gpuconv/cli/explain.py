"""What `gpuconv explain` shows: how a convolution of some size would be computed here, and why so."""

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gpuconv.explanation import explain


def show(image: str, taps: str, *, separable: bool, **options: Any) -> None:
    """Print the explanation for an image and weights of these sizes."""
    shape, filter_ = sizes("IMAGE", image), sizes("TAPS", taps)
    rng = np.random.default_rng(0)
    single = np.dtype(options.get("dtype", "float32")).itemsize < 8
    weights: Any = [rng.random(n).astype("f4" if single else "f8") for n in filter_]
    if not separable:
        weights = rng.random(filter_).astype("f4" if single else "f8")
    found = explain(shape, weights, kind="sepconvolve" if separable else "convolve", **options)
    console = Console()
    console.print(Text(found.task))
    console.print(_table(found.rows()))
    if found.rejected:
        console.print(Text("Not taken:"))
        console.print(_table(list(found.rejected)))


def sizes(name: str, text: str) -> tuple[int, ...]:
    """Whole numbers with an x between them.

    Raises
    ------
    ValueError
        If `text` is something else.

    Examples
    --------
    >>> sizes("IMAGE", "480x640")
    (480, 640)
    """
    parts = text.lower().split("x")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ValueError(f"{name} must be whole numbers above 0 with an x between them, as 480x640; got {text!r}")
    return tuple(map(int, parts))


def _table(rows: list[tuple[str, str]]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    for name, text in rows:
        table.add_row(Text(name), Text(text))
    return table
