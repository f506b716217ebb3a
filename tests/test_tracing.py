"""A trace shows the engine's own numbers."""

import itertools

import numpy as np
import pytest
from agreement import random

import gpuconv


@pytest.mark.parametrize("shape", [(7,), (5, 6)])
@pytest.mark.parametrize("size", ["full", "same", "valid"])
@pytest.mark.parametrize("boundary", ["zero", "edge", "symmetric", "mirror", "wrap"])
def test_steps_are_the_convolution(shape, size, boundary):
    x, w = random(shape, "i2"), random((3, 2)[: len(shape)], "i1", 1)
    options = {"size": size, "boundary": boundary, "stride": 2, "dilation": 2 if size != "valid" else 1}
    trace = gpuconv.trace(x, w, **options)
    np.testing.assert_array_equal(trace.result, gpuconv.convolve(x, w, **options))
    assert len(trace) == trace.result.size
    for step in trace:
        assert step.total == trace.result[step.position] == step.products.sum()
        np.testing.assert_array_equal(step.products, step.window * w[(slice(None, None, -1),) * w.ndim])
    text = str(trace)
    assert all(str(value) in text for value in trace.result.ravel()[:16])


def test_padding_is_marked():
    trace = gpuconv.trace([3, 2, 1, 0], [1, 0, -1], size="full")
    assert [step.inside.tolist() for step in itertools.islice(trace, 2)] == [[False, False, True], [False, True, True]]
    assert trace.flipped.tolist() == [-1, 0, 1]
    assert trace[-1].total == 0
    assert "y[3]                 -1   0   1           2*-1 + 1*0 + 0*1 = -2" in str(trace)
    with pytest.raises(IndexError):
        trace[6]


def test_text_of_an_image():
    text = gpuconv.trace(np.arange(1, 13).reshape(3, 4), np.ones((3, 3)), boundary="edge").text(2)
    assert text.count("= products") == 2
    assert "and 10 more positions" in text
    assert "[1] [1] [2]" in text


@pytest.mark.parametrize("values", [[1 + 2j, 3.0], [np.nan, 1e12], [0.12345678, -1e-9]])
def test_any_number_can_be_drawn(values):
    assert str(gpuconv.trace(values, values)).startswith("convolve")


def test_refused():
    with pytest.raises(ValueError, match="1D or 2D arrays of one rank"):
        gpuconv.trace(np.ones((2, 2)), [1.0])
    with pytest.raises(ValueError, match="size must be one of"):
        gpuconv.trace([1.0], [1.0], size="sane")
