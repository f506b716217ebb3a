"""Laws of convolution, on random problems."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gpuconv
from gpuconv.planning.bounds import gamma

BOUNDARY = st.sampled_from(["zero", "edge", "symmetric", "mirror", "wrap"])
SMALL = hnp.array_shapes(min_dims=1, max_dims=2, max_side=12)


def integers(shape):
    return hnp.arrays("i4", shape, elements=st.integers(-1000, 1000))


@st.composite
def pairs(draw):
    """An image and weights of one rank."""
    shape = draw(SMALL)
    taps = draw(st.tuples(*(st.integers(1, 6) for _ in shape)))
    return draw(integers(shape)), draw(integers(taps))


@given(pairs(), BOUNDARY)
def test_delta_is_the_identity(pair, boundary):
    x, _ = pair
    delta = np.zeros((3,) * x.ndim, int)
    delta[(1,) * x.ndim] = 1
    np.testing.assert_array_equal(gpuconv.convolve(x, delta, boundary=boundary), x)


@given(pairs(), BOUNDARY, st.integers(-5, 5))
def test_linear(pair, boundary, factor):
    x, w = pair
    together = gpuconv.convolve(x + factor * x[::-1], w, boundary=boundary)
    parts = gpuconv.convolve(x, w, boundary=boundary), gpuconv.convolve(x[::-1], w, boundary=boundary)
    np.testing.assert_array_equal(together, parts[0] + factor * parts[1])


@given(pairs())
def test_full_commutes(pair):
    x, w = pair
    np.testing.assert_array_equal(gpuconv.convolve(x, w, size="full"), gpuconv.convolve(w, x, size="full"))


@given(pairs(), st.integers(-7, 7))
def test_shift_equivariant(pair, shift):
    x, w = pair
    shifted = gpuconv.convolve(np.roll(x, shift, 0), w, boundary="wrap")
    np.testing.assert_array_equal(shifted, np.roll(gpuconv.convolve(x, w, boundary="wrap"), shift, 0))


@given(pairs(), BOUNDARY)
def test_correlation_is_convolution_with_flipped_weights(pair, boundary):
    x, w = pair
    for size in ("full", "same"):
        flipped = gpuconv.convolve(x, np.flip(w), size=size, boundary=boundary)
        np.testing.assert_array_equal(gpuconv.correlate(x, w, size=size, boundary=boundary), flipped)


@given(integers(st.tuples(st.integers(1, 12), st.integers(1, 12))), integers(3), integers(4), BOUNDARY)
def test_separable(x, a, b, boundary):
    whole = gpuconv.convolve(x, np.outer(a, b), boundary=boundary)
    np.testing.assert_array_equal(gpuconv.sepconvolve(x, [a, b], boundary=boundary), whole)


@given(pairs(), st.integers(1, 3), st.integers(1, 3))
def test_stride_keeps_every_nth(pair, stride, dilation):
    x, w = pair
    dense = gpuconv.convolve(x, w, boundary="edge", dilation=dilation)
    kept = dense[(slice(None, None, stride),) * x.ndim]
    np.testing.assert_array_equal(gpuconv.convolve(x, w, boundary="edge", dilation=dilation, stride=stride), kept)


@given(pairs())
def test_adjoint(pair):
    """<w * x, y> = <x, w correlated with y>."""
    x, w = pair
    y = np.arange(gpuconv.convolve(x, w, size="full").size).reshape(gpuconv.convolve(x, w, size="full").shape)
    assert (gpuconv.convolve(x, w, size="full") * y).sum() == (x * gpuconv.correlate(y, w, size="valid")).sum()


@given(
    hnp.arrays("f4", st.tuples(st.integers(1, 20), st.integers(1, 20)), elements=st.floats(-1e3, 1e3, width=32)),
    hnp.arrays("f4", (3, 4), elements=st.floats(-10, 10, width=32)),
    BOUNDARY,
)
def test_float_close_to_double(x, w, boundary):
    got = gpuconv.convolve(x, w, boundary=boundary)
    exact = gpuconv.convolve(x.astype("f8"), w.astype("f8"), boundary=boundary)
    magnitude = gpuconv.convolve(np.abs(x.astype("f8")), np.abs(w.astype("f8")), boundary=boundary)
    assert (np.abs(got - exact) <= gamma(16, 2**-24) * magnitude + 16 * np.finfo("f4").tiny).all()
