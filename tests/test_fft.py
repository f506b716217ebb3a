"""Overlap-save: its geometry, its guards against what a transform cannot do, and its libraries."""

import tracemalloc

import numpy as np
import pytest
from agreement import check_call, check_convolve, random
from hypothesis import given
from hypothesis import strategies as st

import gpuconv
from gpuconv.backends import numpy_fft
from gpuconv.backends.boundary import gather, load
from gpuconv.engine import prepare
from gpuconv.options import Options
from gpuconv.planning import costs, overlap, transforms
from gpuconv.planning.bounds import NORMWISE, transform_error
from gpuconv.planning.overlap import Sizes
from gpuconv.statements import filter_call

SMALL = Sizes(most=1 << 10, line=1 << 10, batch=1 << 11, job=100)
SINGLE, DOUBLE = np.dtype("float32"), np.dtype("float64")


def fft(x, weights, **options):
    return gpuconv.convolve(x, weights, method="fft", backend="numpy", **options)


def problem_of(shape, taps, **options):
    return filter_call(np.empty(shape, "f4"), np.ones(taps, "f4"), Options(**options), flipped=True).problem


# ------------------------------------------------------------------------------------------ geometry


@given(st.data())
def test_boxes_cover_the_output_once_and_windows_hold_what_they_need(data):
    rank = data.draw(st.integers(1, 3))
    shape = data.draw(st.tuples(*(st.integers(1, 200 if rank == 1 else 40) for _ in range(rank))))
    taps = data.draw(st.tuples(*(st.integers(1, 9) for _ in range(rank))).filter(lambda k: max(k) > 1))
    batch = data.draw(st.sampled_from([(), (5,), (2, 3)]))
    stride = data.draw(st.integers(1, 3))
    problem = problem_of(batch + shape, taps, stride=stride, dilation=data.draw(st.integers(1, 3)))
    cut = overlap.tiles(problem, SMALL, DOUBLE, 1.0)
    seen = np.zeros((*problem.batch, *problem.out_extent), int)
    for index, box in overlap.boxes(problem, cut):
        seen[(*index, *(slice(*range_) for range_ in box))] += 1
        needed, transformed = overlap.window(problem, box), overlap.window(problem, box, cut)
        assert all(a[0] == b[0] and a[1] <= b[1] for a, b in zip(needed, transformed, strict=True))
    assert (seen == 1).all()
    for points, outputs, reach in zip(cut.points, cut.outputs, overlap.reach(problem), strict=True):
        assert points == 1 or (outputs - 1) * stride + reach < points


def test_tiles_keep_to_the_error_allowed():
    for taps in ((5, 5), (31, 31), (90, 90)):
        cut = overlap.tiles(problem_of((900, 900), taps), Sizes(1 << 22, 1 << 22, 1 << 22, 0), SINGLE, NORMWISE[4])
        assert transform_error(cut.points, SINGLE) <= NORMWISE[4]


@pytest.mark.parametrize("backend", transforms.SIZES)
@pytest.mark.parametrize("taps", [(5, 5), (31, 31), (200, 200), (600, 600), (63, 3), (1, 300), (9000,), (7, 7, 7)])
def test_tiles_are_no_waste(backend, taps):
    """No more than ten samples are transformed for an output, however large the filter."""
    problem = problem_of({1: (100_000,), 2: (2000, 3000), 3: (100, 100, 100)}[len(taps)], taps)
    cut = overlap.tiles(problem, transforms.SIZES[backend], SINGLE, NORMWISE[4])
    assert costs.transformed(problem, cut) <= 10 * np.prod(problem.out_extent)


def test_tiles_of_powers_of_two():
    cut = overlap.tiles(
        problem_of((1000, 1000), (31, 31)), Sizes(1 << 16, 1 << 16, 1 << 16, 0, powers=True), SINGLE, 1e-5
    )
    assert all(n & (n - 1) == 0 for n in cut.points)


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(-15, 15), st.integers(1, 12)), min_size=1, max_size=3),
    st.sampled_from(["constant", "edge", "symmetric", "mirror", "wrap"]),
)
def test_loading_a_window_is_gathering_it_axis_by_axis(axes, boundary):
    image = np.arange(2 * np.prod([n for n, _, _ in axes])).reshape(2, *(n for n, _, _ in axes))
    windows = [(start, start + length) for _, start, length in axes]
    expected = image
    for axis, window in enumerate(windows):
        expected = gather(expected, axis - len(axes), window, boundary, 7, DOUBLE)
    np.testing.assert_array_equal(load(image, windows, boundary, 7, DOUBLE), expected)


# ------------------------------------------------------------------------------------------ what a transform spreads


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["f4", "f8", "c8"])
def test_not_finite_data_spread_as_in_the_sum(value, dtype):
    x, weights = random((70, 300), dtype), random((9, 5), "f4", 1)
    x[13, 250] = value
    got = fft(x, weights)
    expected = gpuconv.convolve(x, weights, method="direct", backend="numpy")
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(expected))
    np.testing.assert_array_equal(got[~np.isfinite(expected)], expected[~np.isfinite(expected)])
    assert np.isfinite(got).sum() == got.size - 45


@pytest.mark.parametrize("weights", [[1.0, np.nan] + [1.0] * 20, [1.0, np.inf] + [1.0] * 20])
def test_not_finite_weights(weights):
    x = random((100,), "f8")
    np.testing.assert_array_equal(fft(x, weights), gpuconv.convolve(x, weights, method="direct", backend="numpy"))


def test_a_transform_that_overflows_is_summed_instead():
    x = np.tile(np.array([3e38, -3e38], "f4"), 200)
    weights = np.full(32, 1 / 64, "f4")
    np.testing.assert_array_equal(fft(x, weights), gpuconv.convolve(x, weights, method="direct", backend="numpy"))


# ------------------------------------------------------------------------------------------ dtypes, memory, libraries


@pytest.mark.parametrize(("image", "weights"), [("u1", "i1"), ("i2", "i1"), ("u1", "u1"), ("?", "i4")])
def test_whole_numbers_are_exact(image, weights):
    got = check_convolve(random((40, 50), image), random((9, 9), weights, 1), method="fft", backend="numpy")
    assert got.dtype.kind in "iu"


@pytest.mark.parametrize("options", [{"out_dtype": "uint8"}, {"out_dtype": "int16", "rounding": "floor"}])
def test_results_are_converted(options):
    check_convolve(random((40, 50), "u1"), random((5, 5), "f4") / 20, method="fft", backend="numpy", **options)


def test_views_and_overlaps():
    memory = random((120, 90), "f4")
    x, weights = memory[::-2, ::3].T, random((7, 7), "f4", 1)
    expected = gpuconv.convolve(x.copy(), weights, method="fft", backend="numpy")
    np.testing.assert_array_equal(fft(x, weights), expected)
    assert fft(x, weights, out=x) is x
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("name", numpy_fft.LIBRARIES)
@pytest.mark.parametrize(("dtype", "shape", "taps"), [("f4", (60, 70), (9, 9)), ("c16", (500,), (40,))])
def test_libraries(monkeypatch, name, dtype, shape, taps):
    pytest.importorskip(name)
    library = numpy_fft.LIBRARIES[name]()
    monkeypatch.setattr(numpy_fft, "library", lambda: library)
    check_convolve(random(shape, dtype), random(taps, "f4"), method="fft", backend="numpy", boundary="wrap")


def test_axes_are_not_transposed():
    x = random((300, 2, 5), "f4")
    call = filter_call(x, random((30,), "f4"), Options(method="fft", backend="numpy", axes=0), flipped=True)
    check_call(call)
    assert prepare(call).plan.tiles.points[1] == 1  # the axes behind stand beside each other in a tile


def test_memory_does_not_grow_with_the_image():
    weights = random((31, 31), "f4")
    x, out = np.ones((2000, 2000), "f4"), np.empty((2000, 2000), "f4")
    fft(x[:50], weights)
    tracemalloc.start()
    fft(x, weights, out=out)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20


def test_many_threads_compute_the_same(monkeypatch):
    x, weights = random((900, 900), "f4"), random((15, 15), "f4")
    before = gpuconv.get_num_threads()
    try:
        gpuconv.set_num_threads(1)
        expected = fft(x, weights), gpuconv.convolve(x, weights, method="direct", backend="numpy")
        gpuconv.set_num_threads(4)
        got = fft(x, weights), gpuconv.convolve(x, weights, method="direct", backend="numpy")
    finally:
        gpuconv.set_num_threads(before)
    np.testing.assert_array_equal(got, expected)


def test_an_error_in_a_thread_reaches_the_caller():
    from gpuconv.backends import numpy_workers

    def fail(block):
        raise ValueError(f"block {block}")

    with pytest.raises(ValueError, match="block"):
        numpy_workers.each(fail, list(range(16)))
