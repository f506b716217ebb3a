"""method=: every algorithm gives the same result within its own bound, or says why it cannot be taken."""

import numpy as np
import pytest
from agreement import check_convolve, check_sepconvolve, random
from hypothesis import given
from hypothesis import strategies as st

import gpuconv
from gpuconv.engine import prepare
from gpuconv.options import Options
from gpuconv.planning.planner import Plan
from gpuconv.statements import filter_call, separable_call

OUTER = np.multiply.outer([1.0, 2.0, 3.0, 2.0, 1.0], [0.5, 1.0, 2.0, -1.0, 0.25])
DENSE = np.random.default_rng(0).standard_normal((9, 9)).astype("f4")


def plan(x, weights, **options) -> Plan:
    return prepare(filter_call(x, weights, Options(backend="numpy", **options), flipped=True)).plan


@st.composite
def problems(draw):
    """An image (or signal, or stack) with weights and options."""
    rank = draw(st.integers(1, 3))
    shape = draw(st.tuples(*(st.integers(1, 12 if rank < 3 else 5) for _ in range(rank))))
    taps = draw(
        st.tuples(*(st.integers(1, 7 if rank < 3 else 3) for _ in range(rank))).filter(lambda k: np.prod(k) > 1)
    )
    batch = draw(st.sampled_from([(), (2,), (2, 3)]))
    dtypes = draw(st.sampled_from([("f4", "f4"), ("f8", "f4"), ("u1", "f4"), ("c8", "f4"), ("f4", "c8"), ("u1", "i1")]))
    options = {
        "size": draw(st.sampled_from(["same", "full"])),
        "boundary": draw(st.sampled_from(["zero", "edge", "symmetric", "mirror", "wrap"])),
        "stride": draw(st.integers(1, 3)),
        "dilation": draw(st.integers(1, 3)),
    }
    return random(batch + shape, dtypes[0], 1), random(taps, dtypes[1], 2), options


@given(problems(), st.sampled_from(["fft", "direct"]))
def test_methods_agree_with_the_oracle(problem, method):
    x, weights, options = problem
    check_convolve(x, weights, method=method, backend="numpy", **options)


@pytest.mark.parametrize("method", ["direct", "separable", "low_rank", "fft"])
def test_methods_on_every_backend(backend, method):
    weights = {"separable": OUTER, "low_rank": OUTER + OUTER.T}.get(method, DENSE).astype("f4")
    x = random((2, 20, 23), "f4")
    if backend == "numba_cuda" and method != "direct":
        with pytest.raises(gpuconv.UnsupportedProblemError, match=f"method='{method}'"):
            check_convolve(x, weights, method=method, backend=backend)
    else:
        check_convolve(x, weights, method=method, backend=backend, boundary="mirror")


@pytest.mark.parametrize("method", ["direct", "separable", "fft"])
@pytest.mark.parametrize("dtype", ["f4", "i2"])
def test_factors(method, dtype):
    x, factors = random((19, 25), dtype), [random((n,), "f4" if dtype == "f4" else "i1", n) for n in (5, 4)]
    check_sepconvolve(x, factors, method=method, backend="numpy", boundary="edge")


def test_what_is_named_is_taken():
    x = np.ones((40, 40), "f4")
    assert plan(x, DENSE, method="fft").algorithm == "fft"
    assert plan(x, np.ones((2, 2)), method="separable").algorithm == "separable"  # though it does not pay
    assert plan(x, OUTER, method="direct").algorithm == "direct"
    assert plan(x, OUTER).algorithm == "separable"
    call = separable_call(x, [np.ones(3), np.ones(3)], Options(method="direct", backend="numpy"))
    assert prepare(call).plan.algorithm == "direct"


@pytest.mark.parametrize("function", [gpuconv.convolve, gpuconv.correlate])
def test_unknown_names(function):
    with pytest.raises(
        ValueError, match=r"method must be one of .*'separable', 'low_rank', 'fft'; got 'fftt'; did you mean 'fft'\?"
    ):
        function([1.0, 2.0], [1.0], method="fftt")


@pytest.mark.parametrize(
    ("arguments", "options", "reason"),
    [
        (
            (np.ones((9, 9)), DENSE),
            {"method": "separable"},
            "method='separable' needs weights that are the outer product",
        ),
        ((np.ones(9), [2.0]), {"method": "fft"}, "a filter of one tap has nothing to transform"),
        ((np.full(90, 1 << 50), np.arange(20)), {"method": "fft"}, "whole numbers must stay below 0.5; it might be"),
    ],
)
def test_what_cannot_be_taken_says_why(arguments, options, reason):
    with pytest.raises(gpuconv.UnsupportedProblemError, match=reason):
        gpuconv.convolve(*arguments, backend="numpy", **options)


def test_auto_takes_transforms_for_many_taps_only():
    image = np.ones((512, 512), "f4")
    rng = np.random.default_rng(0)
    taken = {n: plan(image, rng.random((n, n)).astype("f4")).algorithm for n in (3, 31)}
    assert taken == {3: "direct", 31: "fft"}
    assert plan(np.ones(1 << 16), rng.random(4)).algorithm == "direct"
    assert plan(np.ones(1 << 16), rng.random(1024)).algorithm == "fft"


def test_strict_precision_means_sums():
    image, weights = np.ones((512, 512), "f4"), np.random.default_rng(0).random((31, 31)).astype("f4")
    assert plan(image, weights, precision="strict").algorithm == "direct"
    assert plan(image, weights, precision="strict", method="fft").algorithm == "fft"
    assert any("precision='strict'" in reason for reason in plan(image, weights, precision="strict").reasons)


def test_ndimage_keeps_its_order_of_sums():
    scipy = pytest.importorskip("scipy.ndimage")
    x, weights = random((70, 300), "f4"), random((9, 9), "f8", 1)
    for dtype in ("f4", "f8"):
        with gpuconv.backend("numpy"):
            got = gpuconv.ndimage.correlate(x.astype(dtype), weights)
        np.testing.assert_array_equal(got, scipy.correlate(x.astype(dtype), weights))


@pytest.mark.parametrize("taps", [2, 3, 11, 12, 23, 40])
@pytest.mark.parametrize("boundary", ["zero", "wrap"])
def test_rows_of_doubles(taps, boundary):
    """Filters that np.correlate sums row by row, in pieces of at most 11 taps; blocks of several images."""
    check_convolve(
        random((3, 9, 41), "f8"), random((3, taps), "f8"), method="direct", backend="numpy", boundary=boundary
    )
