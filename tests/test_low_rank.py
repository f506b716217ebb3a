"""Filters that are sums of few outer products: found, within their bound, refused with a reason, and never wrong."""

import numpy as np
import pytest
from agreement import check_convolve, check_correlate, random
from hypothesis import given
from hypothesis import strategies as st

import gpuconv
from gpuconv.engine import facts_of, prepare
from gpuconv.options import Options
from gpuconv.planning import costs
from gpuconv.planning.bounds import MOST_TERMS, NORMWISE, error_bound
from gpuconv.planning.low_rank import FEWEST, decompose
from gpuconv.planning.planner import Plan, make_plan
from gpuconv.statements import filter_call

BACKENDS = ("numpy", "cpu")


def sum_of(terms, taps, dtype="f8", seed=0):
    """The sum of random outer products."""
    columns, rows = random((terms, taps[0]), dtype, seed), random((terms, taps[1]), dtype, seed + 1)
    return (columns.T @ rows).astype(dtype)


def laplacian_of_gaussian(taps, dtype="f4"):
    """(r^2 - 2 sigma^2) times a Gaussian: a sum of two outer products, up to its rounding."""
    sigma, at = taps / 7, np.arange(taps) - (taps - 1) / 2
    squared = at[:, None] ** 2 + at**2
    return ((squared - 2 * sigma**2) * np.exp(-squared / (2 * sigma**2)) / sigma**6).astype(dtype)


def plan_of(weights, dtype="f4", shape=(300, 400), backend="cpu", **options) -> Plan:
    call = filter_call(np.empty(shape, dtype), weights, Options(backend=backend, **options), flipped=True)
    found = make_plan(call.problem, facts_of(call), backend)
    assert isinstance(found, Plan), found
    return found


@pytest.fixture(params=BACKENDS)
def host(request):
    reason = gpuconv.backends.reason_unavailable(request.param)
    if reason:
        pytest.skip(reason)
    return request.param


# ------------------------------------------------------------------------------------------ the terms


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
def test_terms_add_up_to_the_weights_within_what_they_say(dtype):
    single = np.finfo(dtype).dtype.itemsize == 4
    for terms in range(1, MOST_TERMS + 1):
        weights = sum_of(terms, (15, 17), dtype)
        problem = filter_call(np.empty((40, 40), dtype), weights, Options(), flipped=False).problem
        found = decompose(problem, weights[None, None], "standard")
        assert found.columns.shape == (terms, 15)
        assert found.rows.shape == (terms, 17)
        assert found.columns.dtype == found.rows.dtype == problem.compute_dtype
        missed = np.linalg.norm(weights - found.columns.T.astype("c16") @ found.rows) / np.linalg.norm(weights)
        assert missed < found.error <= max(NORMWISE[4 if single else 8], error_bound(problem, separable=False).relative)
        assert np.abs(found.columns).sum(axis=1).max() <= 1 + 1e-6  # nothing grows on the way


def test_the_usual_filters_take_two_terms_or_three():
    log = laplacian_of_gaussian(31)
    narrow, wide = (np.exp(-((np.arange(31) - 15.0) ** 2) / (2 * s**2)) for s in (3, 5))
    narrow, wide = (np.multiply.outer(g / g.sum(), g / g.sum()) for g in (narrow, wide))
    unsharp = -0.5 * wide
    unsharp[15, 15] += 1.5
    y, x = np.mgrid[-15:16, -15:16]
    gabor = np.exp(-(x**2 + y**2) / 50) * np.cos(0.4 * x + 0.3 * y)
    for weights, terms in ((log, 2), (log - log.mean(), 3), (narrow - wide, 2), (unsharp, 2), (gabor, 2)):
        assert plan_of(weights, method="low_rank").terms == terms


@pytest.mark.parametrize("scale", [2.0**-100, 2.0**100])
def test_squares_outside_of_the_compute_dtype(scale):
    weights = sum_of(2, (9, 9), "f4")
    problem = filter_call(np.empty((40, 40), "f4"), weights, Options(), flipped=False).problem
    scaled = decompose(problem, (weights * np.float32(scale))[None, None], "standard")
    assert scaled.error == decompose(problem, weights[None, None], "standard").error


def test_wider_compute_dtype_needs_better_terms():
    weights = laplacian_of_gaussian(15, "f4")
    assert plan_of(weights, "f4", method="low_rank").terms == 2
    assert plan_of(weights, "f8").facts.terms == 0  # the rounding of the taps has all the rank


# ------------------------------------------------------------------------------------------ what is computed


@pytest.mark.parametrize("boundary", ["zero", "edge", "symmetric", "mirror", "wrap"])
@pytest.mark.parametrize("size", ["same", "full", "valid"])
def test_boundaries_and_sizes(host, boundary, size):
    weights = sum_of(2, (9, 6), "f4")
    check_convolve(random((11, 140), "f4"), weights, boundary=boundary, size=size, method="low_rank", backend=host)


@pytest.mark.parametrize(
    ("image", "weights", "options"),
    [
        ("f8", "f8", {}),
        ("f2", "f4", {}),
        ("u1", "f4", {"out_dtype": "u1"}),
        ("i2", "f4", {"out_dtype": "i2", "rounding": "floor"}),
        ("u1", "f8", {"out_dtype": "u1"}),
        ("f4", "f4", {"out_dtype": "c8"}),
        ("c8", "c8", {}),
        ("c16", "c16", {}),
        ("f4", "c8", {"compute_dtype": "c8"}),
    ],
)
def test_dtypes(host, image, weights, options):
    if host == "cpu" and "c" in image + weights:
        pytest.skip("the cpu backend takes passes of real numbers only")
    check_correlate(
        random((9, 60), image),
        sum_of(3, (7, 9), weights),
        method="low_rank",
        backend=host,
        boundary="mirror",
        **options,
    )


def test_bfloat16():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    check_convolve(random((9, 20), "f4").astype(bfloat16), sum_of(2, (7, 7), "f4"), method="low_rank", backend="numpy")


@pytest.mark.parametrize("options", [{"stride": 2}, {"dilation": 3}, {"stride": (3, 1), "dilation": (1, 2)}])
@pytest.mark.parametrize("terms", [1, 3])
def test_strides_and_dilations(host, terms, options):
    check_convolve(random((21, 83), "f4"), sum_of(terms, (5, 8), "f4"), method="low_rank", backend=host, **options)


@given(st.data())
def test_any_rank_and_shape(data):
    taps = data.draw(st.tuples(st.sampled_from([9, 16, 31]), st.sampled_from([2, 9, 17, 40])))
    terms = data.draw(st.integers(1, min(*taps, MOST_TERMS)))
    shape = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 40)))
    weights = sum_of(terms, taps, "f4", data.draw(st.integers(0, 99)))
    backend = "numpy" if gpuconv.backends.reason_unavailable("cpu") else "cpu"
    assert plan_of(weights, shape=shape, backend=backend, method="low_rank").terms <= terms
    check_convolve(random(shape, "f4"), weights, boundary="symmetric", method="low_rank", backend=backend)


def test_views_overlaps_and_channels(host):
    weights, memory = sum_of(2, (5, 9), "f4"), random((120, 90), "f4")
    x = memory[::-2, ::3].T
    expected = gpuconv.convolve(x.copy(), weights, method="low_rank", backend=host)
    np.testing.assert_array_equal(gpuconv.convolve(x, weights, method="low_rank", backend=host), expected)
    assert gpuconv.convolve(x, weights, out=x, method="low_rank", backend=host) is x
    np.testing.assert_array_equal(x, expected)
    check_convolve(random((10, 20, 3), "f4"), weights, channel_axis=-1, method="low_rank", backend=host)


def test_plans_run_again_and_again(host):
    x, weights = random((60, 70), "f4"), sum_of(2, (9, 9), "f4")
    plan = gpuconv.plan(x.shape, weights, dtype="f4", method="low_rank", backend=host)
    expected = gpuconv.convolve(x, weights, method="low_rank", backend=host)
    spoiled = x.copy()
    spoiled[5, 5] = np.inf
    for image in (x, spoiled, x):
        result = plan(image)
        if image is x:
            np.testing.assert_array_equal(result, expected)
        else:
            np.testing.assert_array_equal(result, gpuconv.convolve(image, weights, method="direct", backend=host))


def test_many_threads_compute_the_same(host):
    x, weights = random((500, 700), "f4"), sum_of(3, (15, 15), "f4")
    before, results = gpuconv.get_num_threads(), []
    try:
        for threads in (1, 3):
            gpuconv.set_num_threads(threads)
            results.append(gpuconv.convolve(x, weights, method="low_rank", backend=host))
    finally:
        gpuconv.set_num_threads(before)
    np.testing.assert_array_equal(*results)


# ------------------------------------------------------------------------------------------ what is not finite


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (8, 33), (15, 49)])
def test_not_finite_samples_spread_as_in_the_sum(host, value, place):
    columns, rows = random((2, 7), "f4"), random((2, 9), "f4", 1)
    columns[:, 2], rows[:, 4] = 1, (1, -1)
    weights = columns.T @ rows  # a tap is zero; in the sum of the terms it is 1e-9 or so
    assert weights[2, 4] == 0
    x = random((16, 50), "f4")
    x[place] = value
    got = gpuconv.convolve(x, weights, method="low_rank", backend=host)
    expected = gpuconv.convolve(x, weights, method="direct", backend=host)
    np.testing.assert_array_equal(got[~np.isfinite(expected)], expected[~np.isfinite(expected)])
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(expected))
    check_convolve(x, weights, method="low_rank", backend=host)


def test_passes_that_overflow_are_summed_instead(host):
    x = np.tile(np.array([3e38, -3e38], "f4"), (15, 20))
    weights = sum_of(2, (9, 9), "f4")
    weights /= np.abs(weights).sum()
    got = gpuconv.convolve(x, weights, method="low_rank", backend=host)
    assert np.isfinite(got).all()
    check_convolve(x, weights, method="low_rank", backend=host)


def test_what_lies_beside_the_outputs_does_not_count():
    """Rows and lanes that only fill a tile, of scratch memory with nan in it, leave the passes as they are."""
    if gpuconv.backends.reason_unavailable("cpu"):
        pytest.skip("the cpu backend is not available")
    weights = sum_of(2, (9, 9), "f4")
    for shape in ((5, 3), (7, 33), (13, 61)):
        x = random(shape, "f2")  # outputs are converted, and so go by way of scratch memory
        expected = gpuconv.convolve(x, weights, method="low_rank", backend="cpu")
        gpuconv.convolve(np.full((60, 300), np.nan, "f4"), weights, method="low_rank", backend="cpu")
        np.testing.assert_array_equal(gpuconv.convolve(x, weights, method="low_rank", backend="cpu"), expected)


# ------------------------------------------------------------------------------------------ when it is taken


def test_auto_takes_it_where_it_is_modelled_fastest():
    assert plan_of(laplacian_of_gaussian(15)).algorithm == "low_rank"
    assert plan_of(laplacian_of_gaussian(61)).algorithm == "fft"
    assert plan_of(laplacian_of_gaussian(7)).algorithm == "direct"  # less than FEWEST taps
    assert plan_of(np.multiply.outer(np.arange(1.0, 16), np.arange(1.0, 16))).algorithm == "separable"
    assert 7 * 7 < FEWEST <= 9 * 9
    found = plan_of(laplacian_of_gaussian(15))
    assert found.seconds == costs.sum_seconds(found.problem, found.facts, "cpu", terms=2)
    assert found.instead.algorithm == "direct"
    assert {reason.partition(":")[0] for reason in found.reasons} == {"direct", "fft"}


def test_cupy_takes_its_kernel_and_numba_has_none():
    found = plan_of(laplacian_of_gaussian(15), backend="cupy", shape=(2000, 3000))
    assert [launch.specialization.kernel for launch in found.launches] == [found.algorithm] == ["low_rank"]
    assert found.instead is None  # the kernel itself sums what is not finite
    other = plan_of(laplacian_of_gaussian(15), backend="numba_cuda")
    assert any("no kernel for sums of outer products" in reason for reason in other.reasons)


def test_explain_says_so():
    found = gpuconv.explain((300, 400), laplacian_of_gaussian(15), backend="numpy", method="low_rank")
    assert ("rank", "2: outer products that are added up") in found.rows()
    assert found.flops == 2 * 2 * 30 * 300 * 400
    assert found.error_bound.endswith("||weights||2 ||image||2 under the filter")
    assert found.rejected[0][0] == "direct"


@pytest.mark.parametrize(
    ("x", "weights", "options", "reason"),
    [
        (np.ones((20, 20)), random((9, 9), "f8"), {}, "no sum of at most 4 outer products, within the error bound"),
        (np.ones((20, 20)), np.full((9, 9), np.nan), {}, "no sum of at most 4"),
        (np.ones((20, 20)), np.zeros((9, 9)), {}, "no sum of at most 4"),
        (np.ones((20, 20)), sum_of(2, (9, 9)), {"precision": "strict"}, "precision='strict' asks for"),
        (np.ones((20, 20), "i4"), np.eye(9, dtype="i4"), {}, "singular values of whole numbers"),
        (np.ones(20), np.ones(9), {}, "plain filters of two axes"),
        (np.ones((5, 5, 5)), np.ones((3, 3, 3)), {}, "plain filters of two axes"),
        (np.ones((20, 20)), np.ones((1, 9)), {}, "plain filters of two axes"),
        (np.ones((20, 20)), np.ones((3, 200)), {}, "more than 127 taps along an axis"),
    ],
)
def test_what_cannot_be_taken_says_why(x, weights, options, reason):
    with pytest.raises(gpuconv.UnsupportedProblemError, match=f"method='low_rank' cannot be taken: .*{reason}"):
        gpuconv.convolve(x, weights, method="low_rank", backend="numpy", **options)


def test_factors_are_one_term():
    with pytest.raises(gpuconv.UnsupportedProblemError, match="one outer product need one pass along each axis"):
        gpuconv.sepconvolve(np.ones((20, 20)), [np.ones(9), np.ones(9)], method="low_rank", backend="numpy")


def test_data_that_is_known_not_to_be_finite():
    x, weights = np.ones((300, 300), "f4"), laplacian_of_gaussian(15)
    x[5, 5] = np.nan
    for method in ("auto", "low_rank"):
        found = gpuconv.explain(x, weights, backend="cpu", method=method)
        assert found.algorithm == "direct"
        assert "nan or infinity" in dict(found.rejected)["low_rank"]


def test_ndimage_keeps_its_order_of_sums():
    call = filter_call(np.ones((60, 60)), laplacian_of_gaussian(15, "f8"), Options(skip_zero_taps=True), flipped=True)
    assert prepare(call).plan.algorithm == "direct"
