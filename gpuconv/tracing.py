"""The computation as a textbook shows it: flip, slide, multiply, sum; with the engine's own numbers."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpuconv.backends.boundary import gather
from gpuconv.core import convolve
from gpuconv.options import Options, PerAxis
from gpuconv.problem import Ints, Problem
from gpuconv.statements import filter_call

PRINTED_STEPS = 16


@dataclass(frozen=True)
class Step:
    """One position of the filter.

    Attributes
    ----------
    position : tuple of int
        Index of the output.
    window : ndarray
        The samples under the flipped weights, of their shape.
    inside : ndarray of bool
        Where the window lies inside x; elsewhere `boundary` has put the sample.
    products : ndarray
        Window times flipped weights.
    total : number
        Their sum, as the engine computed it.
    """

    position: Ints
    window: np.ndarray
    inside: np.ndarray
    products: np.ndarray
    total: Any


@dataclass(frozen=True)
class Trace:
    """What `trace` returns: a sequence of Steps, one for every output; `print` draws it.

    Attributes
    ----------
    x, weights, flipped : ndarray
        The arguments, and the weights as they slide.
    result : ndarray
        What `convolve` returns.
    """

    x: np.ndarray
    weights: np.ndarray
    result: np.ndarray
    size: str
    boundary: str
    problem: Problem
    padded: np.ndarray
    inside: np.ndarray

    @property
    def flipped(self) -> np.ndarray:
        """The weights, last one first along every axis."""
        return np.flip(self.weights)

    def __len__(self) -> int:
        return self.result.size

    def __getitem__(self, index: int) -> Step:
        position = tuple(int(i) for i in np.unravel_index(range(len(self))[index], self.result.shape))
        steps = zip(position, self.problem.stride, self.problem.dilation, self.weights.shape, strict=True)
        window = tuple(slice(i * s, i * s + d * (k - 1) + 1, d) for i, s, d, k in steps)
        samples = self.padded[window]
        return Step(position, samples, self.inside[window], samples * self.flipped, self.result[position])

    def __iter__(self) -> Iterator[Step]:
        return (self[index] for index in range(len(self)))

    def __str__(self) -> str:
        return self.text(PRINTED_STEPS)

    def text(self, steps: int | None = None) -> str:
        """Draw the first `steps` positions (default: all)."""
        shown = len(self) if steps is None else min(steps, len(self))
        draw = _draw_1d if self.x.ndim == 1 else _draw_2d
        rest = len(self) - shown
        hidden = [f"... and {rest} more positions: trace.text() draws all, trace[i] is one of them"] if rest else []
        return "\n".join([*_heading(self), *draw(self, shown), *hidden, "", "y", *_grid(self.result)])


def trace(
    x: Any,
    weights: Any,
    *,
    size: str = "same",
    stride: PerAxis = 1,
    boundary: str = "zero",
    fill: complex = 0,
    dilation: PerAxis = 1,
    origin: PerAxis = 0,
    backend: str | None = None,
) -> Trace:
    """Show a 1D or 2D convolution step by step: the flipped weights, each window, the products and their sum.

    Parameters
    ----------
    x : array_like, shape (N,) or (H, W)
        Signal or image, on the host.
    weights : array_like, shape (K,) or (R, S)
        Taps, as many axes as x.
    size, stride, boundary, fill, dilation, origin, backend : optional
        As in `gpuconv.convolve`.

    Returns
    -------
    Trace
        A sequence with a `Step` for every output, in row-major order. `trace.result` is what `convolve` returns.

    Raises
    ------
    ValueError
        If x is not 1D or 2D, has not the rank of the weights, or as `convolve` raises it.

    Examples
    --------
    >>> import gpuconv
    >>> print(gpuconv.trace([3, 2, 1, 0], [1, 0, -1], size="full"))
    convolve: flip the weights, slide them along x, multiply, sum   (size='full', boundary='zero'; [ ] is padding)
    <BLANKLINE>
    weights   1   0  -1
    flipped  -1   0   1
    <BLANKLINE>
    x        [0] [0]  3   2   1   0  [0] [0]
    y[0]     -1   0   1                       [0]*-1 + [0]*0 + 3*1 = 3
    y[1]         -1   0   1                   [0]*-1 + 3*0 + 2*1 = 2
    y[2]             -1   0   1               3*-1 + 2*0 + 1*1 = -2
    y[3]                 -1   0   1           2*-1 + 1*0 + 0*1 = -2
    y[4]                     -1   0   1       1*-1 + 0*0 + [0]*1 = -1
    y[5]                         -1   0   1   0*-1 + [0]*0 + [0]*1 = 0
    <BLANKLINE>
    y
      3   2  -2  -2  -1   0
    """
    samples, taps = np.asarray(x), np.asarray(weights)
    if samples.ndim not in (1, 2) or samples.ndim != taps.ndim:
        raise ValueError(f"trace takes 1D or 2D arrays of one rank; got x {samples.shape} and weights {taps.shape}")
    options: dict[str, Any] = {"size": size, "stride": stride, "boundary": boundary, "fill": fill}
    options |= {"dilation": dilation, "origin": origin, "backend": backend}
    problem = filter_call(samples, taps, Options(**options), flipped=True).problem
    padded = _padded(problem, samples.astype(problem.compute_dtype))
    everywhere = np.ones(samples.shape, bool)
    inside = _padded(problem, everywhere, constant=True)
    result = convolve(samples, taps, **options)
    return Trace(samples, taps.astype(problem.compute_dtype), result, size, boundary, problem, padded, inside)


def _padded(problem: Problem, array: np.ndarray, *, constant: bool = False) -> np.ndarray:
    """Surround an array with what the boundary (or the constant 0) puts around it."""
    boundary, fill = ("constant", 0) if constant else (problem.boundary, problem.fill)
    for axis, (before, after) in enumerate(zip(problem.pad_before, problem.pad_after, strict=True)):
        window = (-before, array.shape[axis] + after)
        array = gather(array, axis, window, boundary, fill, array.dtype)  # type: ignore[arg-type]
    return array


def _heading(trace: Trace) -> list[str]:
    slide = "slide them along x" if trace.x.ndim == 1 else "slide them over x"
    options = [f"size={trace.size!r}", f"boundary={trace.boundary!r}"]
    options += [f"stride={trace.problem.stride}"] * (max(trace.problem.stride) > 1)
    options += [f"dilation={trace.problem.dilation}"] * (max(trace.problem.dilation) > 1)
    return [f"convolve: flip the weights, {slide}, multiply, sum   ({', '.join(options)}; [ ] is padding)", ""]


def _draw_1d(trace: Trace, shown: int) -> list[str]:
    cells = _cells(trace.padded, trace.inside)
    width = max(map(len, [*cells, *_cells(trace.flipped)])) + 1
    label = max(len(f"y[{shown - 1}]"), len("flipped")) + 1
    step, gap = trace.problem.stride[0], trace.problem.dilation[0]
    lines = [
        f"{name:<{label}}{_row(_cells(taps), width)}"
        for name, taps in (("weights", trace.weights), ("flipped", trace.flipped))
    ]
    lines += ["", f"{'x':<{label}}{_row(cells, width)}"]
    for index, one in enumerate(itertools.islice(trace, shown)):
        under = [""] * len(cells)
        under[index * step : index * step + gap * (len(trace.weights) - 1) + 1 : gap] = _cells(trace.flipped)
        lines.append(f"{f'y[{index}]':<{label}}{_row(under, width):<{width * len(cells)}}  {_sum(one, trace.flipped)}")
    return lines


def _draw_2d(trace: Trace, shown: int) -> list[str]:
    taps = _grid(trace.flipped)
    lines = ["x", *_grid(trace.x), "", "flipped weights", *taps, ""]
    so_far = np.full(trace.result.shape, ".", object)
    for one in itertools.islice(trace, shown):
        so_far[one.position] = _number(one.total)
        columns = [("window", _grid(one.window, one.inside)), ("* weights", taps), ("= products", _grid(one.products))]
        columns.append((f"sum = {_number(one.total)}", _grid(so_far)))
        lines += [f"y{list(one.position)}", *_side_by_side(columns), ""]
    return lines[:-1]


def _side_by_side(columns: list[tuple[str, list[str]]]) -> list[str]:
    height = max(len(rows) for _, rows in columns)
    padded = [[title, *rows, *[""] * (height - len(rows))] for title, rows in columns]
    widths = [max(map(len, column)) for column in padded]
    return [
        "  " + "   ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)).rstrip()
        for row in zip(*padded, strict=True)
    ]


def _grid(array: np.ndarray, inside: np.ndarray | None = None) -> list[str]:
    """Rows of numbers in columns of one width."""
    rows = np.atleast_2d(array)
    cells = _cells(rows.ravel(), None if inside is None else np.atleast_2d(inside).ravel())
    width = max(map(len, cells)) + 1
    count = rows.shape[1]
    return [_row(cells[first : first + count], width) for first in range(0, len(cells), count)]


def _row(cells: list[str], width: int) -> str:
    return "".join(f"{cell:>{width}}" for cell in cells).rstrip()


def _cells(values: np.ndarray, inside: np.ndarray | None = None) -> list[str]:
    """Numbers as text of their own width, those outside x in brackets; a blank stands where a bracket would."""
    if inside is None:
        return [f"{_number(value)} " for value in values.tolist()]
    return [f"{_number(v)} " if i else f"[{_number(v)}]" for v, i in zip(values.tolist(), inside.tolist(), strict=True)]


def _sum(step: Step, flipped: np.ndarray) -> str:
    cells = (cell.strip() for cell in _cells(step.window, step.inside))
    products = (f"{cell}*{_number(tap)}" for cell, tap in zip(cells, flipped.tolist(), strict=True))
    return f"{' + '.join(products)} = {_number(step.total)}"


def _number(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, complex | np.complexfloating):
        return f"({value:.4g})"
    return str(int(value)) if math.isfinite(value) and value == int(value) and abs(value) < 1e9 else f"{value:.4g}"
