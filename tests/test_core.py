"""convolve, correlate and sepconvolve against the oracle, and what they refuse."""

import itertools

import numpy as np
import pytest
from agreement import check_convolve, check_correlate, check_sepconvolve, random

import gpuconv

BOUNDARIES = ["zero", "edge", "symmetric", "mirror", "wrap"]
SIZES = ["full", "same", "valid"]


def test_worked_example(backend):
    result = gpuconv.convolve([3, 2, 1, 0], [1, 0, -1], size="full", backend=backend)
    np.testing.assert_array_equal(result, [3, 2, -2, -2, -1, 0])


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("size", SIZES)
def test_2d(backend, size, boundary):
    check_convolve(random((19, 37), "f4"), random((3, 5), "f4", 1), size=size, boundary=boundary, backend=backend)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("size", SIZES)
def test_1d(backend, size, boundary):
    check_convolve(random((3, 301), "f4"), random(7, "f4", 1), size=size, boundary=boundary, backend=backend)


@pytest.mark.parametrize(
    ("shape", "taps"), [((1, 1), (3, 3)), ((2, 3), (9, 11)), ((16, 33), (4, 2)), ((31, 17), (1, 6))]
)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_even_and_large_filters(backend, shape, taps, boundary):
    check_convolve(random(shape, "f4"), random(taps, "f4", 1), boundary=boundary, backend=backend)
    check_correlate(random(shape, "f4"), random(taps, "f4", 1), size="full", boundary=boundary, backend=backend)


@pytest.mark.parametrize(("stride", "dilation"), [(2, 1), (1, 2), ((3, 1), (1, 3)), (4, (2, 3)), (50, 1)])
@pytest.mark.parametrize("size", SIZES)
def test_stride_and_dilation(backend, size, stride, dilation):
    x, w = random((24, 29), "f4"), random((3, 4), "f4", 1)
    result = check_correlate(x, w, size=size, stride=stride, dilation=dilation, boundary="mirror", backend=backend)
    assert result.shape == gpuconv.output_size(x.shape, w.shape, size=size, stride=stride, dilation=dilation)


GRID = list(itertools.product((1, 2, 3), SIZES, BOUNDARIES, ((3, 1), (4, 2), (2, 3))))


@pytest.mark.parametrize(("rank", "size", "boundary", "taps_and_stride"), GRID)
def test_every_rank(rank, size, boundary, taps_and_stride):
    taps, stride = taps_and_stride
    x, w = random((2, *(9, 6, 8)[:rank]), "f8"), random((taps,) * rank, "f8", 1)
    check_convolve(x, w, size=size, boundary=boundary, stride=stride, backend="numpy")


@pytest.mark.parametrize("origin", [(0, 0), (1, -1), (-1, 1), (-1, -2), (1, 1)])
def test_origin_is_that_of_ndimage(backend, origin):
    from scipy import ndimage

    x, w = random((20, 30), "i4"), random((3, 4), "i2", 1)
    result = check_correlate(x, w, origin=origin, boundary="symmetric", backend=backend)
    np.testing.assert_array_equal(result, ndimage.correlate(x.astype("i8"), w, origin=origin))
    odd = w[:, :3]
    if max(map(abs, origin)) < 2:
        result = check_convolve(x, odd, origin=origin, boundary="symmetric", backend=backend)
        np.testing.assert_array_equal(result, ndimage.convolve(x.astype("i8"), odd, origin=origin))


def test_constant_boundary(backend):
    x = random((6, 7), "u1")
    check_convolve(x, random((3, 3), "f4", 1), boundary="constant", fill=0.5, backend=backend)
    check_convolve(x, random((3, 3), "i2", 1), boundary="constant", fill=-1000, backend=backend)
    result = gpuconv.convolve(x, np.ones((3, 3), "f4"), boundary="constant", fill=np.nan, backend=backend)
    assert np.isnan(result[0]).all()
    assert not np.isnan(result[1:-1, 1:-1]).any()


def test_batch_and_axes(backend):
    x, w = random((4, 3, 12, 15), "f4"), random((3, 3), "f4", 1)
    whole = gpuconv.convolve(x, w, backend=backend)
    np.testing.assert_array_equal(whole[2, 1], gpuconv.convolve(x[2, 1], w, backend=backend))
    moved = gpuconv.convolve(np.moveaxis(x, (2, 3), (0, 2)), w, axes=(0, 2), backend=backend)
    np.testing.assert_array_equal(np.moveaxis(moved, (0, 2), (2, 3)), whole)
    swapped = gpuconv.convolve(x, w.T, axes=(3, 2), backend=backend)
    np.testing.assert_allclose(swapped, whole, rtol=0, atol=20 * np.finfo("f4").eps * np.abs(w).sum() * np.abs(x).max())
    along_first = gpuconv.convolve(x, w[0], axes=0, backend=backend)
    np.testing.assert_array_equal(along_first[:, 1, 5, 6], gpuconv.convolve(x[:, 1, 5, 6], w[0], backend=backend))


@pytest.mark.parametrize("channel_axis", [-1, 0, 1])
def test_channels(backend, channel_axis):
    image, w = random((14, 18, 3), "u1"), random((3, 5), "f4", 1)
    moved = np.moveaxis(image, -1, channel_axis)
    result = gpuconv.convolve(moved, w, channel_axis=channel_axis, boundary="symmetric", backend=backend)
    assert result.shape == moved.shape
    expected = np.stack(
        [gpuconv.convolve(image[..., c], w, boundary="symmetric", backend=backend) for c in range(3)], -1
    )
    np.testing.assert_array_equal(np.moveaxis(result, channel_axis, -1), expected)


def _layouts(x):
    wide = np.zeros((x.shape[0], 2 * x.shape[1]), x.dtype)
    wide[:, ::2] = x
    read_only = x.copy()
    read_only.flags.writeable = False
    return {
        "fortran": np.asfortranarray(x),
        "strided": wide[:, ::2],
        "negative": np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
        "read-only": read_only,
        "byte order": x.astype(x.dtype.newbyteorder()),
        "list": x.tolist(),
    }


@pytest.mark.parametrize("layout", ["fortran", "strided", "negative", "read-only", "byte order", "list"])
def test_layouts(backend, layout):
    x, w = random((21, 35), "f8"), random((4, 3), "f8", 1)
    expected = gpuconv.convolve(x, w, boundary="wrap", backend=backend)
    result = gpuconv.convolve(_layouts(x)[layout], _layouts(w)[layout], boundary="wrap", backend=backend)
    np.testing.assert_array_equal(result, expected)


def test_out(backend):
    x, w = random((9, 10), "f4"), random((3, 3), "f4", 1)
    expected = gpuconv.convolve(x, w, boundary="mirror", backend=backend)
    out = np.empty_like(x)
    assert gpuconv.convolve(x, w, boundary="mirror", out=out, backend=backend) is out
    np.testing.assert_array_equal(out, expected)
    strided = np.zeros((18, 20), "f4")
    gpuconv.convolve(x, w, boundary="mirror", out=strided[::2, ::-2], backend=backend)
    np.testing.assert_array_equal(strided[::2, ::-2], expected)
    assert not strided[1::2].any()


def test_out_that_holds_a_place_twice_is_refused():
    rows = np.lib.stride_tricks.as_strided(np.zeros(4), (3, 4), (0, 8))  # as tensor.expand makes them
    with pytest.raises(ValueError, match=r"out must have a place for each sample; got strides \(0, 8\)"):
        gpuconv.convolve(np.ones((3, 4)), [1.0], out=rows)


@pytest.mark.parametrize("shift", [0, 1, -1])
def test_out_may_overlap_x(backend, shift):
    memory, w = random((12, 10), "f4"), random((3, 3), "f4", 1)
    x, out = memory[1:-1], memory[1 + shift : 11 + shift]
    expected = gpuconv.convolve(x.copy(), w, backend=backend)
    gpuconv.convolve(x, w, out=out, backend=backend)
    np.testing.assert_array_equal(out, expected)


def test_nan_spreads_where_the_window_touches_it(backend):
    x = np.ones((9, 9), "f4")
    x[4, 5] = np.nan
    result = gpuconv.convolve(x, [[1, 0, 1]] * 3, backend=backend, compute_dtype="float32")
    expected = np.zeros((9, 9), bool)
    expected[3:6, 4:7] = True
    np.testing.assert_array_equal(np.isnan(result), expected)


def test_infinity_times_zero_is_nan(backend):
    assert np.isnan(gpuconv.convolve(np.array([0.0, np.inf, 0.0]), [1.0, 0.0, 1.0], backend=backend)[1])
    assert np.isnan(gpuconv.convolve(np.ones(5), [1.0, np.nan], backend=backend)).all()


@pytest.mark.parametrize("shape", [(0, 5, 5), (3, 0, 5, 5), (5, 5, 0)])
def test_empty_batch(backend, shape):
    options = {"axes": (0, 1)} if shape[-1] == 0 else {}
    for w in (np.ones((2, 2), "f4"), np.ones((5, 5), "f4")):  # so many taps that transforms are considered
        assert gpuconv.convolve(np.empty(shape, "f4"), w, backend=backend, **options).shape == shape
        out = np.empty(shape, "f4")  # whose strides may be 0
        assert gpuconv.convolve(np.empty(shape, "f4"), w, out=out, backend=backend, **options) is out


@pytest.mark.parametrize("boundary", ["zero", "wrap"])
@pytest.mark.parametrize("dtype", ["f4", "u1", "i4"])
def test_sepconvolve(backend, dtype, boundary):
    x = random((3, 20, 33), dtype)
    factors = [random(5, "i1" if dtype == "i4" else "f4", 1), random(4, "i1" if dtype == "i4" else "f4", 2)]
    check_sepconvolve(x, factors, boundary=boundary, backend=backend)
    check_sepconvolve(x, factors, boundary=boundary, size="full", stride=(1, 2), dilation=2, backend=backend)


@pytest.mark.parametrize("lengths", [(3, 1), (1, 3), (1, 1)])
def test_sepconvolve_with_one_tap(backend, lengths):
    check_sepconvolve(random((20, 33), "f4"), [random(k, "f4", k) for k in lengths], backend=backend)


def test_sepconvolve_in_any_rank():
    for rank in (1, 2, 3):
        x = random((7, 8, 9)[:rank], "f8")
        check_sepconvolve(x, [random(k, "f8", k) for k in (3, 2, 4)[:rank]], boundary="symmetric", backend="numpy")


def test_sepconvolve_of_narrow_integers_is_exact(backend):
    x = np.full((5, 6), 100, "u1")
    result = gpuconv.sepconvolve(x, [np.full(3, 200, "u1"), np.full(3, 200, "u1")], size="valid", backend=backend)
    np.testing.assert_array_equal(result, np.full((3, 4), 100 * 600 * 600))


def test_axes_may_be_a_number_of_numpy():
    x = random((4, 5), "f8")
    np.testing.assert_array_equal(gpuconv.convolve(x, [1, 2], axes=np.int64(0)), gpuconv.convolve(x, [1, 2], axes=0))


def test_output_size():
    assert gpuconv.output_size(10, 3) == 10
    assert gpuconv.output_size(10, 3, size="valid", stride=2, dilation=3) == 2
    assert gpuconv.output_size([10, 20], 5, size="full") == (14, 24)
    with pytest.raises(ValueError, match=r"extent must be at least 1; got 0"):
        gpuconv.output_size(0, 3)


X, W = np.ones((5, 6)), np.ones((3, 3))
INTEGERS = {"x": X.astype("u1"), "weights": W.astype("u1")}
READ_ONLY = np.ones((5, 6))
READ_ONLY.flags.writeable = False
REFUSED = [
    (ValueError, "at least as many axes", {"x": np.ones(5)}),
    (ValueError, r"one sample along each spatial axis; got spatial shape \(0, 6\)", {"x": np.ones((0, 6))}),
    (ValueError, r"one tap; got shape \(0, 3\)", {"weights": np.ones((0, 3))}),
    (ValueError, r"one tap; got shape \(\)", {"weights": 2.0}),
    (TypeError, "got dtype object", {"x": np.array([["a", None]], object)}),
    (TypeError, "longdouble is not supported", {"x": X.astype(np.longdouble)}),
    (TypeError, "longdouble is not supported", {"weights": W.astype(np.clongdouble)}),
    (TypeError, "got dtype <U1", {"weights": [["a"]]}),
    (TypeError, "masked array", {"weights": np.ma.masked_equal(W, 0)}),
    (TypeError, "out_dtype must be complex", {"x": X + 1j, "out_dtype": "i4"}),
    (TypeError, "out_dtype must be complex", {"weights": W * 1j, "out_dtype": "f4"}),
    (TypeError, "compute_dtype must be able to hold x; got float32", {"x": X + 1j, "compute_dtype": "f4"}),
    (TypeError, "compute_dtype must be able to hold x; got int64", {"compute_dtype": "i8"}),
    (TypeError, "compute_dtype must be one of", {"compute_dtype": "f2"}),
    (TypeError, "out_dtype must be integer, float or complex; got bool", {"out_dtype": bool}),
    (TypeError, "out_dtype must be a NumPy dtype; got 'flaot32'", {"out_dtype": "flaot32"}),
    (ValueError, "weights no larger than x; got weights", {"size": "valid", "weights": np.ones((3, 7))}),
    (ValueError, "did you mean 'same'", {"size": "smae"}),
    (ValueError, "did you mean 'symmetric'", {"boundary": "symetric"}),
    (ValueError, "reflect' means two things", {"boundary": "reflect"}),
    (ValueError, "did you mean 'strict'", {"precision": "stric"}),
    (ValueError, "did you mean 'wrap'", {"overflow": "warp"}),
    (ValueError, "did you mean 'trunc'", {"rounding": "truncate"}),
    (ValueError, "did you mean 'numpy'", {"backend": "nunpy"}),
    (ValueError, "stride must be at least 1; got 0", {"stride": 0}),
    (ValueError, r"dilation must be at least 1; got \(1, 0\)", {"dilation": (1, 0)}),
    (TypeError, "stride must be an integer or one per spatial axis; got 1.5", {"stride": 1.5}),
    (ValueError, "stride must be an integer or 2 of them", {"stride": (1, 2, 3)}),
    (ValueError, "fill needs boundary='constant'; got fill=1", {"fill": 1}),
    (ValueError, "fill must be one number", {"boundary": "constant", "fill": [1, 2]}),
    (TypeError, "fill must be real", {"boundary": "constant", "fill": 1j}),
    (TypeError, "fill must be boolean", {"boundary": "constant", "fill": "a"}),
    (ValueError, "fill must be a whole number", {**INTEGERS, "boundary": "constant", "fill": 0.5}),
    (ValueError, "fill must fit uint64", {**INTEGERS, "boundary": "constant", "fill": -1}),
    (ValueError, "origin must keep", {"origin": 2}),
    (ValueError, "origin needs size='same'", {"origin": 1, "size": "full"}),
    (ValueError, "exclude each other", {"axes": (0, 1), "channel_axis": 0}),
    (ValueError, "axes must name 2 different axes", {"axes": (0, 0)}),
    (ValueError, "axes must name 2 different axes", {"axes": 0}),
    (ValueError, "axes must be between -2 and 1", {"axes": (0, 2)}),
    (ValueError, "channel axis", {"channel_axis": 0}),
    (ValueError, "out must be writeable", {"out": READ_ONLY}),
    (ValueError, r"out must have shape \(5, 6\); got \(5, 5\)", {"out": np.ones((5, 5))}),
    (ValueError, "out must have dtype float64", {"out": np.ones((5, 6), "f4")}),
    (TypeError, "out must be an array; got list", {"out": [[1.0]]}),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message", "arguments"), REFUSED)
def test_refused(error, message, arguments):
    arguments = {"x": X, "weights": W, **arguments}
    for function in (gpuconv.convolve, gpuconv.correlate):
        with pytest.raises(error, match=message):
            function(
                arguments["x"],
                arguments["weights"],
                **{k: v for k, v in arguments.items() if k not in ("x", "weights")},
            )


def test_refused_factors():
    with pytest.raises(ValueError, match="empty sequence"):
        gpuconv.sepconvolve(X, [])
    with pytest.raises(ValueError, match=r"weights\[1\] must be 1D"):
        gpuconv.sepconvolve(X, [[1, 2], [[1, 2]]])


def test_a_failed_call_leaves_out_alone():
    out = np.full(70000, 7, "i1")
    x = np.ones(70000)
    x[-1] = 1000
    with pytest.raises(OverflowError, match="results must fit int8 under overflow='raise'"):
        gpuconv.convolve(x, [1.0], out_dtype="i1", overflow="raise", out=out)
    assert (out == 7).all()
