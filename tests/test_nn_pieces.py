"""The parts that a transposed layer takes of its arrays: on a device the same as on the host."""

import numpy as np
from agreement import random
from hypothesis import given
from hypothesis import strategies as st

from gpuconv.arrays import DeviceView
from gpuconv.nn.pieces import Pieces, Transposed, pieces_of

AXIS = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(1, 3))


def on_device(array):
    """A view as of a device's memory."""
    return DeviceView(array.ctypes.data, array.shape, array.strides, array.dtype, 0, array)


def values(view):
    """What such a view shows; zeros that stand for no taps are on the host."""
    if isinstance(view, np.ndarray):
        return view
    memory = view.owner
    offset = view.pointer - memory.ctypes.data
    return np.ndarray(view.shape, view.dtype, memory.reshape(-1).view("u1"), offset, view.strides)


@given(st.lists(AXIS, min_size=1, max_size=2), st.integers(1, 3), st.integers(1, 2))
def test_device_views_are_cut_as_arrays_are(axes, groups, channels):
    extent, taps, stride, dilation = map(tuple, zip(*axes, strict=True))
    outputs = tuple((n - 1) * s + d * (k - 1) + 1 for n, k, s, d in axes)
    layer = Transposed(outputs, stride, (0,) * len(axes), dilation, groups)
    split = Pieces(len(axes), groups, pieces_of(layer, extent, taps))
    inputs, made = groups * channels, groups * 2
    arrays = [random((2, inputs, *extent), "f4"), random((inputs, 2, *taps), "f4"), random((2, made, *outputs), "f4")]
    image, weights, out = map(on_device, arrays)
    found = split(image, weights, None, out)
    expected = split(arrays[0], arrays[1], None, arrays[2])
    number = len(expected)
    for index, whole in enumerate(expected):
        parts = found[index::number]  # one for each group, or one for all
        for place, axis in ((0, 1), (1, 0), (3, 1)):
            joined = np.concatenate([values(part[place]) for part in parts], axis)
            np.testing.assert_array_equal(joined, whole[place])
