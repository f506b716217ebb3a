"""Labels of xarray and pandas stay with the samples that the filter was centred on."""

import numpy as np
import pytest
from agreement import random
from scipy_agreement import cupy_or_skip

import gpuconv
from gpuconv import filters, ndimage, nn, signal

X, W = random((3, 10, 12), "f4"), random((3, 5), "f4", 1)


@pytest.fixture
def xarray():
    return pytest.importorskip("xarray", reason="xarray is not installed")


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas", reason="pandas is not installed")


@pytest.fixture
def stack(xarray):
    """Images over time, with coordinates of one axis, of two and of none."""
    coords = {
        "time": [10, 20, 30],
        "y": np.arange(10) * 0.5,
        "x": np.arange(12) * 2.0,
        "name": ("time", ["a", "b", "c"]),
        "height": (("y", "x"), random((10, 12), "f8")),
        "station": 7,
    }
    return xarray.DataArray(X, coords, ("time", "y", "x"), "depth", {"units": "m"})


def check(result, stack, values, **samples):
    """The labels are those of `samples`, by dimension; None has lost them."""
    kept = {dim: place for dim, place in samples.items() if place is not None}
    lost = samples.keys() - kept
    assert (result.dims, result.name, result.attrs) == (stack.dims, stack.name, stack.attrs)
    np.testing.assert_array_equal(result.values, values)
    expected = stack.isel(kept)
    expected = expected.drop_vars([name for name, coord in expected.coords.items() if lost & set(coord.dims)])
    assert result.coords.equals(expected.coords)
    assert set(result.indexes) == set(expected.indexes)


def test_same_keeps_all_coordinates(stack):
    for options in ({}, {"dilation": 2}, {"origin": 1}, {"boundary": "wrap"}):
        check(gpuconv.convolve(stack, W, **options), stack, gpuconv.convolve(X, W, **options))
    check(gpuconv.convolve(stack, W, axes=(2, 0)), stack, gpuconv.convolve(X, W, axes=(2, 0)))
    check(gpuconv.convolve(stack, W, channel_axis=0), stack, gpuconv.convolve(X, W, channel_axis=0))


def test_strides_keep_every_other_one(stack):
    result = gpuconv.convolve(stack, W, stride=(2, 3))
    check(result, stack, gpuconv.convolve(X, W, stride=(2, 3)), y=slice(None, None, 2), x=slice(None, None, 3))


@pytest.mark.parametrize("taps", [(3, 5), (4, 2), (1, 1)])
@pytest.mark.parametrize("function", [gpuconv.convolve, gpuconv.correlate])
def test_valid_keeps_what_same_would_give_these_values(stack, function, taps):
    """Found by value: where "same" has the samples of "valid", there are their labels."""
    weights = random(taps, "f4", 2)
    same, valid = function(stack, weights), function(stack, weights, size="valid")
    assert valid.shape == (3, 11 - taps[0], 13 - taps[1])
    assert valid.identical(same.sel(y=valid.y, x=valid.x))


def test_valid_with_stride_and_dilation(stack):
    options = {"size": "valid", "stride": 2, "dilation": (2, 1)}
    result = gpuconv.convolve(stack, W, **options)
    check(result, stack, gpuconv.convolve(X, W, **options), y=slice(2, 8, 2), x=slice(2, 10, 2))


def test_full_loses_them_along_filtered_axes(stack):
    check(gpuconv.convolve(stack, W, size="full"), stack, gpuconv.convolve(X, W, size="full"), y=None, x=None)
    flat = gpuconv.convolve(stack, np.ones((1, 3)), size="full")
    check(flat, stack, gpuconv.convolve(X, np.ones((1, 3)), size="full"), x=None)


def test_faces(stack):
    check(ndimage.gaussian_filter(stack, 1.0), stack, ndimage.gaussian_filter(X, 1.0))
    check(ndimage.sobel(stack, axis=0), stack, ndimage.sobel(X, axis=0))
    check(filters.sobel(stack), stack, filters.sobel(X))
    check(filters.unsharp_mask(stack), stack, filters.unsharp_mask(X))
    check(signal.savgol_filter(stack, 5, 2), stack, signal.savgol_filter(X, 5, 2))
    check(signal.upfirdn([1.0], stack), stack, signal.upfirdn([1.0], X), x=None)
    weights = W[None]
    for function in (signal.convolve, signal.fftconvolve):
        check(function(stack, weights, "same"), stack, function(X, weights, "same"))
    check(signal.correlate(stack, weights), stack, signal.correlate(X, weights), y=None, x=None)
    valid = signal.convolve(stack, weights, "valid")
    check(valid, stack, signal.convolve(X, weights, "valid"), y=slice(1, 9), x=slice(2, 10))


def test_the_smaller_input_gives_no_coordinates(stack):
    """Under "valid" it slides over the larger one: the results stand for samples of that."""
    small, large = stack[:, :4, :4], X[:, :7, :6]
    check(signal.convolve(small, large, "valid"), small, signal.convolve(small.values, large, "valid"), **lost(small))


def lost(array):
    return dict.fromkeys(array.dims)


def test_layers_keep_no_labels_of_channels(stack):
    weights = np.ones((10, 10, 3), "f4")
    check(nn.conv1d(stack, weights, padding=1), stack, nn.conv1d(X, weights, padding=1), y=None)
    check(nn.conv1d(stack, weights), stack, nn.conv1d(X, weights), y=None, x=slice(1, 11))
    layer = nn.conv_transpose1d(stack, weights, padding=1)
    check(layer, stack, nn.conv_transpose1d(X, weights, padding=1), **lost(stack))
    assert isinstance(nn.conv1d_weight(stack, (10, 10, 3), nn.conv1d(X, weights)), np.ndarray)


def test_weights_with_labels_are_numbers(xarray, stack):
    weights = xarray.DataArray(W, {"x": range(5)}, ("y", "x"))
    check(gpuconv.correlate(stack, weights), stack, gpuconv.correlate(X, W))
    assert isinstance(gpuconv.convolve(X, weights), np.ndarray)


def test_labels_of_arrays_on_a_device(xarray, monkeypatch):
    cupy = cupy_or_skip()
    monkeypatch.setattr(cupy.ndarray, "__array_namespace__", lambda array: cupy, raising=False)  # xarray asks for it
    stack = xarray.DataArray(cupy.asarray(X), {"x": range(12)}, ("time", "y", "x"))
    result = gpuconv.convolve(stack, W, size="valid")
    assert isinstance(result.data, cupy.ndarray)
    assert (result.dims, list(result.x.values)) == (stack.dims, list(range(2, 10)))
    np.testing.assert_array_equal(
        cupy.asnumpy(result.data), cupy.asnumpy(gpuconv.convolve(stack.data, W, size="valid"))
    )


def test_other_objects_are_refused(xarray, stack):
    with pytest.raises(TypeError, match=r"x must be an array; got Dataset \(pass a DataArray"):
        gpuconv.convolve(stack.to_dataset(), W)


def test_series(pandas):
    days = pandas.date_range("2024-01-31", periods=10, name="day")
    flow = pandas.Series(X[0, 0, :10], days, name="flow")
    for options, index in [({}, days), ({"size": "valid", "stride": 2}, days[1:9:2]), ({"stride": 4}, days[::4])]:
        result = gpuconv.convolve(flow, [1.0, 2.0, 1.0], **options)
        pandas.testing.assert_index_equal(result.index, index, exact=True)
        assert (result.name, result.dtype) == ("flow", np.float32)
        np.testing.assert_array_equal(result, gpuconv.convolve(X[0, 0, :10], [1.0, 2.0, 1.0], **options))
    full = gpuconv.convolve(flow, [1.0, 2.0], size="full")
    pandas.testing.assert_index_equal(full.index, pandas.RangeIndex(11))
    pandas.testing.assert_index_equal(signal.savgol_filter(flow, 5, 2).index, days)
    assert flow.iloc[0] == X[0, 0, 0]


def test_missing_values_of_a_series(pandas):
    flow = pandas.Series([1, None, 3, 4], dtype="Int64")
    np.testing.assert_array_equal(gpuconv.convolve(flow, [1.0, 1.0]), [1, np.nan, np.nan, 7])
    table = pandas.DataFrame({"flow": flow, "level": [1, 2, 3, 4]}).astype({"level": "Int64"})
    np.testing.assert_array_equal(gpuconv.convolve(table, [1.0, 1.0], axes=0)["flow"], [1, np.nan, np.nan, 7])
    with pytest.raises(TypeError, match="x must be boolean, integer"):
        gpuconv.convolve(pandas.Series(["a", "b"]), [1.0])


def test_missing_booleans_of_a_series(pandas):
    rain = pandas.Series([True, None, True], dtype="boolean")
    np.testing.assert_array_equal(gpuconv.convolve(rain, [1.0, 1.0], nan="omit"), [1, 1, 1])
    table = pandas.DataFrame({"rain": rain, "level": [1.0, 2.0, 3.0]})
    np.testing.assert_array_equal(gpuconv.convolve(table, [1.0, 1.0], axes=0)["rain"], [1, np.nan, np.nan])


def test_out_that_is_seen_as_a_copy_is_refused(xarray, pandas):
    table = pandas.DataFrame({"a": [1, 2, 3], "b": [1.0, 2.0, 3.0]})
    swapped = xarray.DataArray(np.zeros(3, ">f8"), dims="x")
    for x, out in [(table.to_numpy(), table), (np.ones(3), swapped)]:
        with pytest.raises(TypeError, match=f"out must be seen without a copy, which a {type(out).__name__} of its"):
            gpuconv.convolve(x, [1.0], axes=0, out=out)
    right = xarray.DataArray(np.zeros(3), dims="x")
    assert gpuconv.convolve(np.ones(3), [2.0], out=right) is right
    assert right.sum() == 6


def test_dimensions_in_another_order_are_refused(xarray):
    square = xarray.DataArray(np.ones((3, 3)), dims=("y", "x"))
    for name, other in [("mask", square.T > 0), ("mask", square[:, 0] > 0), ("out", square.T.copy())]:
        with pytest.raises(ValueError, match=f"{name} must have the dimensions of x in their order"):
            gpuconv.convolve(square, [1.0], **{name: other})
    assert gpuconv.convolve(square, [1.0], mask=square[0] > 0).sum() == 0
    assert gpuconv.convolve(square, [1.0], mask=(square > 0).rename(y="row", x="column")).sum() == 0


def test_frames(pandas):
    frame = pandas.DataFrame({"a": X[0, 0], "b": X[0, 1], "c": X[0, 2]}, index=range(100, 112))
    smooth = gpuconv.convolve(frame, [1.0, 2.0, 1.0], axes=0, size="valid")
    np.testing.assert_array_equal(smooth, gpuconv.convolve(X[0, :3].T, [1.0, 2.0, 1.0], axes=0, size="valid"))
    assert (list(smooth.columns), list(smooth.index)) == (["a", "b", "c"], list(range(101, 111)))
    both = gpuconv.convolve(frame, np.ones((3, 3)), size="valid")
    assert (list(both.columns), list(both.index)) == (["b"], list(range(101, 111)))
    assert list(ndimage.gaussian_filter1d(frame, 1.0, axis=0).columns) == ["a", "b", "c"]
    with pytest.raises(TypeError, match="x must be boolean, integer"):
        gpuconv.convolve(frame.assign(name="word"), [1.0])


def test_levels_of_an_index_stay(xarray, pandas):
    index = pandas.MultiIndex.from_product([["a", "b"], [1, 2, 3]], names=["letter", "digit"])
    series = pandas.Series(np.arange(6.0), index)
    result = gpuconv.convolve(series, [1.0, 1.0, 1.0], size="valid")
    assert list(result.index) == list(index[1:5])
    array = xarray.DataArray(series.values, xarray.Coordinates.from_pandas_multiindex(index, "place"), "place")
    assert list(gpuconv.convolve(array, [1.0, 1.0, 1.0], size="valid").indexes["place"]) == list(index[1:5])
