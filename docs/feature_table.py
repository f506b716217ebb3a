"""Writes the table of docs/features.md: python docs/feature_table.py.

The backends themselves are asked, for one call of each kind and every dtype, which algorithm or kernel would take it.
No GPU is needed: planning is pure.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gpuconv.arrays import adopt
from gpuconv.backends import NAMES
from gpuconv.backends.selection import plan_with
from gpuconv.dtypes import bfloat16
from gpuconv.engine import Call, prepare
from gpuconv.nn.forward import layer_call
from gpuconv.nn.weight_gradient import gradient_call
from gpuconv.options import Options
from gpuconv.planned import STATEMENTS
from gpuconv.planning.facts import DeviceLimits

PAGE = Path(__file__).parent / "features.md"
BEGIN, END = "<!-- begin: docs/feature_table.py -->\n", "<!-- end -->\n"
GPU = DeviceLimits("a GPU of compute capability 8.0", (8, 0), parameter_bytes=32764, multiprocessors=108)
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
DTYPES = ("float16", "bfloat16", "float32", "float64", *INTEGERS, "complex64", "complex128")
FAMILIES = {"integers": INTEGERS, "complex": DTYPES[-2:]}
IMAGE = (1024, 1024)


def dtype_of(name: str) -> Any:
    """The dtype of that name."""
    return bfloat16() if name == "bfloat16" else np.dtype(name)


def array(shape: tuple[int, ...], dtype: str, order: str = "") -> np.ndarray:
    """Values that are no outer product; in memory with the channels last if `order` says so."""
    values = np.random.default_rng(0).integers(1, 9, shape)
    values = values.astype(dtype_of(dtype))
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(values, 1, -1)), -1, 1) if order == "last" else values


def filter_of(
    shape: tuple[int, ...], taps: tuple[int, ...], kind: str = "convolve", weights: str = "", **options: Any
) -> Callable[[str], Call]:
    """A call of gpuconv.convolve or sepconvolve; weights are floats unless a dtype is named."""

    def call(dtype: str) -> Call:
        own = weights or (dtype if dtype in DTYPES[2:4] or "complex" in dtype else "float32")
        made: Any = [array((n,), own) for n in taps] if kind == "sepconvolve" else array(taps, own)
        return STATEMENTS[kind](adopt("x", np.zeros(shape, dtype_of(dtype))), made, Options(**options))

    return call


def layer_of(x: tuple[int, ...], w: tuple[int, ...], order: str = "", gradient: bool = False, **options: Any) -> Any:
    """A call of a layer of gpuconv.nn, or of its gradient with respect to the weights."""

    def call(dtype: str) -> Call:
        forward = layer_call(len(w) - 2, array(x, dtype, order), array(w, dtype), **options)
        if not gradient:
            return forward
        return gradient_call(len(w) - 2, array(x, dtype), w, array(forward.problem.out_shape, dtype), **options)

    return call


FILTERS = {
    "signal, 9 taps": filter_of((1 << 16,), (9,)),
    "signal, 4001 taps": filter_of((1 << 18,), (4001,)),
    "5 × 5": filter_of(IMAGE, (5, 5)),
    "5 × 5, channels last": filter_of((*IMAGE, 3), (5, 5), channel_axis=-1),
    "5 × 5, stride 2": filter_of(IMAGE, (5, 5), stride=2),
    "5 × 5, dilation 2": filter_of(IMAGE, (5, 5), dilation=2),
    "15 × 15": filter_of(IMAGE, (15, 15)),
    "63 × 63": filter_of(IMAGE, (63, 63)),
    "9 × 9, separable": filter_of(IMAGE, (9, 9), "sepconvolve"),
    "9 taps along one axis": filter_of(IMAGE, (9,), axes=0),
    "5 × 5, exact integers": filter_of(IMAGE, (5, 5), weights="int32"),
    '5 × 5, `overflow="raise"`': filter_of(IMAGE, (5, 5), weights="int32", out_dtype="int16", overflow="raise"),
    "3 × 3 × 3": filter_of((64, 64, 64), (3, 3, 3)),
}
X, W = (4, 32, 32, 32), (32, 32, 3, 3)
LAYERS = {
    "9 taps": layer_of((4, 32, 512), (32, 32, 9)),
    "3 × 3": layer_of(X, W, padding=1),
    '3 × 3, `padding_mode="reflect"`': layer_of(X, W, padding=1, padding_mode="reflect"),
    "3 × 3, channels last": layer_of(X, W, "last", padding=1),
    "3 × 3, dilation 2": layer_of(X, W, dilation=2),
    "5 × 5, stride 2": layer_of(X, (32, 32, 5, 5), stride=2),
    "1 × 1": layer_of(X, (32, 32, 1, 1)),
    "3 × 3, 4 groups": layer_of(X, (32, 8, 3, 3), groups=4),
    "3 × 3, depthwise": layer_of(X, (32, 1, 3, 3), groups=32),
    "3 × 3 × 3": layer_of((4, 32, 8, 32, 32), (32, 32, 3, 3, 3), padding=1),
    "3 × 3, gradient of the weights": layer_of(X, W, gradient=True, padding=1),
}


def answer(call: Call, name: str) -> tuple[bool, str]:
    """(whether a backend computes a call, with which algorithm; or why not)."""
    prepared = prepare(replace(call, backend="numpy"))
    problem, facts = prepared.plan.problem, replace(prepared.plan.facts, device=GPU, rates=None)
    plan = plan_with(name, problem, facts)
    return (False, plan) if isinstance(plan, str) else (True, plan.algorithm)


def cell(call: Callable[[str], Call], name: str, notes: list[str]) -> str:
    """The answer for most dtypes, then the exceptions; refusals as the numbers of their notes."""
    groups: dict[str, list[str]] = {}
    for dtype in DTYPES:
        try:
            computed, text = answer(call(dtype), name)
        except TypeError as refusal:  # of every backend
            computed, text = False, str(refusal)
        if not computed:
            text = text.partition("; got ")[0]
            notes += [text] * (text not in notes)
        groups.setdefault(f"`{text}`" if computed else f"no ({notes.index(text) + 1})", []).append(dtype)
    first, *others = sorted(groups.items(), key=lambda group: -len(group[1]))
    return "; ".join((first[0], *(f"{in_words(dtypes)}: {text}" for text, dtypes in others)))


def in_words(dtypes: Iterable[str]) -> str:
    """Dtypes, families of them by their name."""
    left, words = list(dtypes), []
    for family, members in FAMILIES.items():
        if set(members) <= set(left):
            left = [dtype for dtype in left if dtype not in members]
            words.append(family)
    return ", ".join((*left, *words))


def table() -> str:
    """Both tables, and the notes."""
    notes: list[str] = []
    parts = []
    for title, rows in (("Filter", FILTERS), ("Layer of `gpuconv.nn`", LAYERS)):
        lines = [[title, *(f"`{name}`" for name in NAMES)], ["---"] * 5]
        lines += [[row, *(cell(call, name, notes) for name in NAMES)] for row, call in rows.items()]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    numbered = "\n".join(f"{number}. {note}" for number, note in enumerate(notes, start=1))
    return "\n\n".join((*parts, numbered)) + "\n"


def page(text: str) -> str:
    """The page with the table of now."""
    return re.sub(f"(?s)(?<={BEGIN}).*(?={END})", lambda _: table(), text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
