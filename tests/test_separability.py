"""Filters that are outer products are found, exactly where integers are asked for; others are left alone."""

import functools
import math

import numpy as np
import pytest
from agreement import check_convolve, check_correlate, check_sepconvolve, random
from hypothesis import given
from hypothesis import strategies as st

import gpuconv
from gpuconv import backends
from gpuconv.engine import Call, facts_of
from gpuconv.options import Options
from gpuconv.planning.bounds import error_bound
from gpuconv.planning.planner import Plan
from gpuconv.planning.separability import factorize
from gpuconv.statements import filter_call

GAUSSIAN = np.exp(-(np.linspace(-2, 2, 7) ** 2))
SOBEL = np.multiply.outer([1, 4, 6, 4, 1], [-1, -2, 0, 2, 1])
DISC = np.hypot(*np.mgrid[-3:4, -3:4]) < 2.5


def call_of(weights, dtype="f4", shape=(20, 30), **options) -> Call:
    return filter_call(random(shape, dtype), weights, Options(**{"backend": "numpy", **options}), flipped=True)


def plan_of(call: Call) -> Plan:
    return backends.select(call.problem, facts_of(call), "numpy")[1]


def algorithm(weights, dtype="f4", **options) -> str:
    return plan_of(call_of(weights, dtype, **options)).algorithm


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8", "c16"])
@pytest.mark.parametrize("boundary", ["zero", "mirror"])
def test_outer_products_take_two_passes_within_the_bound(dtype, boundary):
    weights = np.multiply.outer(GAUSSIAN, random((7,), dtype)).astype(dtype)
    call = call_of(weights, dtype, boundary=boundary)
    plan = plan_of(call)
    assert plan.algorithm == "separable"
    assert call.operands.residual > 0  # the product was rounded
    assert plan.bound.relative == error_bound(call.problem, separable=True, residual=call.operands.residual).relative
    assert plan.bound.relative <= error_bound(call.problem, separable=False).relative
    check_convolve(random((20, 30), dtype), weights, boundary=boundary, backend="numpy")
    check_correlate(random((20, 30), dtype), weights, boundary=boundary, backend="numpy", precision="strict")


def test_what_a_pass_loses_to_underflow_later_ones_multiply():
    x, taps = np.zeros((20, 20), "f4"), np.array([1e-4, 1, 1e-4, 1e-4, 1, 1e-4, 1e-3], "f4")
    x[10, 10] = 1.3e-38
    check_convolve(x, np.outer(taps, taps * 1e20).astype("f4"), backend="numpy", method="separable")
    check_sepconvolve(x, [taps * 1e20, taps], backend="numpy", method="separable")


@pytest.mark.parametrize(
    ("weights", "dtype"),
    [
        (DISC, "f4"),
        (DISC, "u1"),
        (random((7, 7), "f4"), "f4"),
        (random((7, 7), "i1"), "u1"),
        (np.zeros((7, 7)), "f4"),
        (np.zeros((7, 7), int), "i4"),
        (np.ones((4, 4)), "f4"),  # not worth it
        (np.ones((1, 31)), "f4"),
        (np.full((5, 5), np.nan), "f4"),
        (np.full((5, 5), np.inf), "f4"),
        (np.full((5, 5), 1e-200) * np.eye(5), "f8"),
        (np.multiply.outer(10.0 ** np.arange(-200, 0, 40), 10.0 ** np.arange(-200, 0, 40)), "f8"),  # zeros of its own
        (np.multiply.outer(GAUSSIAN, 10.0 ** np.arange(-42, 0, 6)), "f4"),  # taps below the smallest normal number
    ],
)
def test_what_is_left_to_the_direct_sum(weights, dtype):
    assert algorithm(weights, dtype, shape=(6, 20, 30)) == "direct"


@pytest.mark.parametrize("precision", ["standard", "strict"])
def test_one_tap_that_differs(precision):
    weights = np.ones((5, 5))
    weights[3, 1] += 1e-6
    assert algorithm(weights, "f4", precision=precision) == ("separable" if precision == "standard" else "direct")
    weights[3, 1] += 1e-5  # more than standard precision allows
    assert algorithm(weights, "f4", precision=precision) == "direct"


def test_a_tap_of_the_smallest_kind_counts():
    """A normwise residual would not see it."""
    weights = np.multiply.outer(GAUSSIAN, GAUSSIAN)
    weights[0, 0] = 0
    assert algorithm(weights) == "direct"
    weights = np.multiply.outer(np.exp(-(np.linspace(-5, 5, 7) ** 2)), GAUSSIAN)  # taps down to 1e-13 of the largest
    assert algorithm(weights) == "separable"
    weights[0] = -weights[0]
    assert algorithm(weights) == "separable"
    weights[0, 0] = -weights[0, 0]
    assert algorithm(weights) == "direct"


def test_wider_compute_dtype_needs_better_factors():
    weights = np.multiply.outer(GAUSSIAN, GAUSSIAN).astype("f4")
    assert algorithm(weights, "f4") == "separable"
    assert algorithm(weights, "f8") == "direct"  # the rounding of the taps is theirs


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8"])
def test_integers_are_exact(dtype):
    check_convolve(random((20, 30), dtype), SOBEL, backend="numpy", boundary="symmetric")
    assert algorithm(SOBEL, dtype) == "separable"
    changed = SOBEL.copy()
    changed[4, 4] += 1
    assert algorithm(changed, dtype) == "direct"


def test_skipped_taps_stay_direct():
    call = call_of(SOBEL.astype(float), skip_zero_taps=True)
    assert not call.operands.factors


def product_of(arrays) -> np.ndarray:
    return functools.reduce(np.multiply.outer, arrays)


@given(
    st.lists(st.lists(st.integers(-(2**15), 2**15), min_size=1, max_size=5), min_size=2, max_size=3),
    st.integers(1, 2**15),
)
def test_integer_factors_multiply_to_the_taps(lines, common):
    taps = product_of([np.array(line) for line in lines]) * common
    factors = factorize(taps, exact=True)
    assert (factors is None) == (not taps.any())
    if factors is not None:
        np.testing.assert_array_equal(product_of(factors.arrays), taps)
        assert all(np.gcd.reduce(array) == 1 for array in factors.arrays[1:])
        assert math.prod(np.abs(array).sum() for array in factors.arrays) == np.abs(taps).sum()  # nothing can overflow


@given(st.integers(0, 2**32 - 1), st.integers(-300, 300), st.sampled_from([(5, 9), (3, 5, 4)]))
def test_float_factors_do_not_exceed_the_taps(seed, exponent, filter_):
    """The magnitudes of all but the first sum to less than one, so that no pass overflows where the sum does not."""
    rng = np.random.default_rng(seed)
    taps = product_of([rng.standard_normal(n) for n in filter_]) * 10.0 ** (exponent / 2)
    factors = factorize(taps, exact=False)
    assert factors is not None
    assert all(0.5 <= np.abs(array).sum() <= 1 for array in factors.arrays[1:])
    product = product_of(factors.arrays)
    assert np.all(np.abs(product - taps) <= (factors.residual + 2e-16) * np.abs(taps))
    assert factors.residual < 1e-15


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
def test_volumes_take_three_passes(dtype):
    """Each axis has its factor; nothing but an outer product of all three is taken."""
    lines = [[1, 2, 1], [-1, 0, 2, 3], [1, 4, 6, 4, 1]]
    weights = product_of([np.array(line) for line in lines]) * (1 if dtype == "u1" else 0.375)
    call = call_of(weights, dtype, shape=(2, 9, 10, 11), boundary="symmetric")
    assert [len(factor) for factor in call.operands.factors] == [3, 4, 5]
    assert plan_of(call).algorithm == "separable"
    check_convolve(random((2, 9, 10, 11), dtype), weights, boundary="symmetric", backend="numpy")
    weights[1, 2, 2] += 1
    assert algorithm(weights, dtype, shape=(9, 10, 11)) == "direct"


def test_zeros_stay_zeros():
    taps = np.multiply.outer([0, 1, 0, -2.5, 3], [0.1, 0, 0.3])
    factors = factorize(taps, exact=False)
    np.testing.assert_array_equal(product_of(factors.arrays) == 0, taps == 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("weights", [SOBEL.astype("f4"), np.multiply.outer(GAUSSIAN, -GAUSSIAN), np.ones((5, 5))])
def test_non_finite_samples_spread_as_in_the_direct_sum(backend, weights, value):
    """Also where the filter has zero taps: 0 * nan and 0 * inf are nan in either pass."""
    x = random((18, 19), "f4")
    for sample in [(0, 0), (9, 9), (9, 10), (11, 10), (17, 3)]:
        x[sample] = value
        value = -value
    result = gpuconv.convolve(x, weights, backend=backend)
    with np.errstate(all="ignore"):
        expected = np.zeros(x.shape)
        padded = np.pad(x, [(w // 2, w // 2) for w in weights.shape]).astype("f8")
        for (r, s), weight in np.ndenumerate(weights[::-1, ::-1].astype("f4")):
            expected += weight * padded[r : r + x.shape[0], s : s + x.shape[1]]
    assert np.isnan(expected).any()
    np.testing.assert_array_equal(np.isnan(result), np.isnan(expected))
    np.testing.assert_array_equal(result == np.inf, expected == np.inf)
    np.testing.assert_array_equal(result == -np.inf, expected == -np.inf)


def test_large_samples_do_not_overflow_on_the_way():
    x = np.full((9, 9), 3e38, "f4")
    blur = np.full((5, 5), 1 / 25, "f4")
    assert algorithm(blur) == "separable"
    assert np.isfinite(gpuconv.convolve(x, blur, boundary="edge", backend="numpy")).all()
