"""DataArrays of xarray: their dimensions, name and attributes stay, and the coordinates of axes that keep samples."""

import sys
from dataclasses import replace
from typing import Any

from gpuconv.arrays.adopted import Adopted, Places, adopt
from gpuconv.arrays.labels import kept
from gpuconv.problem import DType, Ints


def see(name: str, x: Any) -> Adopted:
    """See the data of a DataArray; those of dask are computed."""
    if not isinstance(x, sys.modules["xarray"].DataArray):
        raise TypeError(f"{name} must be an array; got {type(x).__name__} (pass a DataArray, such as dataset['name'])")
    data = adopt(name, x.data)
    return replace(data, library="xarray", original=x, data=data)


def empty(x: Adopted, shape: Ints, dtype: DType) -> Adopted:
    """Return an array of the library that the labels are put on."""
    assert x.data is not None
    return x.data.empty(shape, dtype)


def deliver(x: Adopted, result: Adopted, places: Places | None) -> Any:
    """Return a DataArray, or the result as it is if it has not the same axes."""
    xarray = sys.modules["xarray"]
    assert x.data is not None
    array, data = x.original, x.data.deliver(result)
    if len(result.view.shape) != array.ndim:
        return data
    places = kept(x, result.view.shape, places)
    samples = dict(zip(array.dims, places, strict=True))
    lost = {dim for dim, place in samples.items() if place is None}
    left = array.drop_vars([name for name, coord in array.coords.items() if lost & set(coord.dims)])
    left = left.isel({dim: place for dim, place in samples.items() if place is not None})
    return xarray.DataArray(data, coords=left.coords, dims=array.dims, name=array.name, attrs=array.attrs)
