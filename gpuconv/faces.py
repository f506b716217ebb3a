"""What the faces of SciPy share."""

from dataclasses import replace
from typing import Any

from gpuconv.arrays import Adopted, adopt, flip
from gpuconv.statements import conjugate


def conjugated(name: str, x: Adopted) -> Adopted:
    """The conjugate of a complex array; all others as they are."""
    if x.view.dtype.kind != "c":
        return x
    return adopt(name, x.original.conj() if hasattr(x.original, "conj") else conjugate(x.view))


def backwards(x: Adopted) -> Adopted:
    """The array reversed along every axis."""
    axes = tuple(range(x.view.ndim))
    return replace(x, view=flip(x.view, axes)) if axes else x


def as_boolean(result: Any) -> Any:
    """True where the engine's uint8 is not zero."""
    flags = result != 0
    if isinstance(flags, bool):
        raise TypeError(f"a boolean result must be an array that compares element by element; got {type(result)}")
    return flags
