"""Series and DataFrames of pandas, as arrays of one and two axes: index and columns stay where they keep samples."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv.arrays import from_host
from gpuconv.arrays.adopted import Adopted, Places
from gpuconv.arrays.labels import kept
from gpuconv.problem import DType, Ints


def see(name: str, x: Any) -> Adopted:
    """See the values; a missing one is nan."""
    data = from_host.see(name, _values(x))
    if not isinstance(x, (sys.modules["pandas"].Series, sys.modules["pandas"].DataFrame)):
        return data
    return replace(data, library="pandas", original=x, data=data)


def empty(x: Adopted, shape: Ints, dtype: DType) -> Adopted:
    """Return a NumPy array."""
    return from_host.empty(x, shape, dtype)


def deliver(x: Adopted, result: Adopted, places: Places | None) -> Any:
    """Return a Series or DataFrame; one without labels along an axis counts its samples."""
    pandas, table = sys.modules["pandas"], x.original
    if len(result.view.shape) != table.ndim:
        return result.original
    places = kept(x, result.view.shape, places)
    labels = [None if place is None else axis[place] for axis, place in zip(table.axes, places, strict=True)]
    if isinstance(table, pandas.Series):
        return pandas.Series(result.original, index=labels[0], name=table.name, copy=False)
    return pandas.DataFrame(result.original, index=labels[0], columns=labels[1], copy=False)


def _values(x: Any) -> np.ndarray:
    """As NumPy has them; it makes objects of nullable booleans, and of a frame's nullable columns."""
    values = np.asarray(x)
    if values.dtype != object or 0 in values.shape:
        return values
    if values.ndim > 1:
        return np.stack([_values(x.iloc[:, column]) for column in range(values.shape[1])], axis=1)
    if getattr(getattr(x, "dtype", None), "kind", None) != "b":
        return values
    found: np.ndarray = x.to_numpy("float64", na_value=np.nan)
    return found
