"""Parts of a problem: every boundary, stride and pad gives the outputs of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuconv.arrays import DeviceView, Operands, cut
from gpuconv.backends import numpy as backend
from gpuconv.planning import strips
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import make_plan
from gpuconv.problem import Problem

INT64 = np.dtype("int64")
small = st.integers(1, 5)


@st.composite
def problems(draw) -> Problem:
    axes = [
        (draw(st.integers(1, 12)), draw(small), draw(st.integers(-3, 14)), draw(st.integers(-3, 14)), draw(small))
        for _ in range(2)
    ]
    extent, taps, before, after, stride = zip(*axes, strict=True)
    boundary = draw(st.sampled_from(["constant", "edge", "symmetric", "mirror", "wrap"]))
    geometry = (extent, taps, before, after, stride, (draw(small), 1))
    return Problem((draw(small), 2), 1, 1, 1, *geometry, boundary, 3, INT64, INT64, INT64, INT64)


def computed(problem: Problem, image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    plan = make_plan(problem, Facts(weights_sum=1000, image_max=1000), "numpy")
    out = np.empty(problem.out_shape, problem.out_dtype)
    backend.run(plan, Operands(image, weights), out)
    return out


def rows_of(image: np.ndarray, box: strips.Box, ranges: tuple[strips.Range, ...]) -> np.ndarray:
    images = image[tuple(slice(*place) for place in box[:-1])]
    return np.concatenate([cut(images, len(box), *rows) for rows in ranges], axis=len(box))


@given(problems(), st.data())
def test_a_part_computes_its_outputs(problem, data):
    if min(problem.out_extent) < 1:
        return
    rng = np.random.default_rng(0)
    image, weights = rng.integers(-9, 9, problem.image_shape), rng.integers(-9, 9, problem.weights_shape)
    expected = computed(problem, image, weights)
    box = strips.whole(problem)
    while box is not None:
        smaller, ranges = strips.part(problem, box)
        chosen = expected[(*(slice(*place) for place in box[:-1]), slice(None), slice(*box[-1]))]
        np.testing.assert_array_equal(computed(smaller, rows_of(image, box, ranges), weights), chosen)
        box = data.draw(st.sampled_from(strips.halves(box) or (None,)))


def test_a_part_sees_few_rows():
    """A strip of 10 rows under a filter of 5 needs 14 rows, and 12 at the image's end."""
    image = (1000, 8)
    for boundary in ("constant", "edge", "symmetric", "mirror", "wrap"):
        problem = Problem(
            *((4,), 1, 1, 1, image, (5, 5), (2, 2), (2, 2), (1, 1), (1, 1)), boundary, 0, INT64, INT64, INT64, INT64
        )
        inner, rows = strips.part(problem, ((0, 1), (500, 510)))
        assert (rows, inner.extent, inner.pad_before[0]) == (((498, 512),), (14, 8), 0)
        first, rows = strips.part(problem, ((0, 1), (0, 10)))
        assert sum(stop - start for start, stop in rows) == (14 if boundary == "wrap" else 12)
        assert first.out_extent == (10, 8)


def test_images_are_cut_before_rows():
    box = ((0, 3), (0, 1), (0, 8))
    first, second = strips.halves(box)
    assert (first, second) == (((0, 2), (0, 1), (0, 8)), ((2, 3), (0, 1), (0, 8)))
    assert strips.halves(second) == (((2, 3), (0, 1), (0, 4)), ((2, 3), (0, 1), (4, 8)))
    assert strips.halves(((0, 1), (0, 1))) is None


@pytest.mark.parametrize("step", [1, -2])
def test_cut(step):
    x = np.arange(60, dtype="f4").reshape(4, 15)[:, ::step]
    view = DeviceView(x.__array_interface__["data"][0], x.shape, x.strides, x.dtype, 0, x)
    expected = x[:, 2:5]
    part = cut(view, 1, 2, 5)
    assert (part.pointer, part.shape, part.strides) == (
        expected.__array_interface__["data"][0],
        expected.shape,
        expected.strides,
    )
    assert np.shares_memory(cut(x, 1, 2, 5), expected)
