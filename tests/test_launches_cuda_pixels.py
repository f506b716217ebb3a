"""Channels that stand side by side: which arrays are seen so, and which launches take them as they lie."""

from dataclasses import replace

import numpy as np
import pytest
from cuda_problems import FACTORS, HOST, make

from gpuconv.arrays import DeviceView
from gpuconv.engine import facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_common import INT_LIMIT, side_by_side
from gpuconv.launches.cuda_direct import conv2d_large, conv2d_small, small_tiles
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.layouts import rows_of_pixels
from gpuconv.options import Options
from gpuconv.planning.planner import make_plan, plan_part
from gpuconv.statements import convolution, separable_call

PIXELS = replace(HOST, interleaved=True)
RGB = replace(make((60, 70), (5, 5)), batch=(2, 3))
KERNELS = [(conv2d_small, PIXELS), (conv2d_large, PIXELS), (separable_stream, replace(FACTORS, interleaved=True))]


def interleaved(x, out=None, **options):
    """What the engine makes of a call with channels."""
    options = {"channel_axis": -1, **options}
    return facts_of(convolution(x, np.ones((3, 3), "f4"), Options(out=out, **options))).interleaved


def test_pixels_are_seen():
    x = np.zeros((2, 8, 9, 3), "f4")
    assert interleaved(x)
    assert interleaved(x[1])
    assert interleaved(x[:, 1:5, 2:7])  # pixels of a slice lie side by side
    assert interleaved(x[:, ::-2])
    assert interleaved(x, np.empty_like(x))
    assert facts_of(separable_call(x, [[1, 2], [3]], Options(channel_axis=-1))).interleaved


@pytest.mark.parametrize(
    ("view", "axis"),
    [
        (lambda x: x[:, ::2], -1),  # pixels apart
        (lambda x: x[..., :2], -1),  # a part of each
        (lambda x: x[..., ::-1], -1),  # blue first
        (lambda x: x[..., :1], -1),  # a single channel is a plane
        (lambda x: x.transpose(1, 0, 2), -1),  # columns before rows
        (lambda x: np.ascontiguousarray(x.transpose(2, 0, 1)), 0),  # planes
        (lambda x: x.transpose(2, 0, 1), 0),  # pixels, but the result will be planes
    ],
)
def test_what_are_no_pixels(view, axis):
    assert not interleaved(view(np.zeros((8, 9, 3), "f4")), channel_axis=axis)


def test_out_decides_too():
    x = np.zeros((8, 9, 3), "f4")
    planes = np.empty((3, 8, 9), "f4")
    assert not interleaved(x, planes.transpose(1, 2, 0))
    assert interleaved(x.transpose(2, 0, 1), np.empty_like(x).transpose(2, 0, 1), channel_axis=0)


@pytest.mark.parametrize(("launcher", "facts"), KERNELS)
def test_launches_take_pixels(launcher, facts):
    launch = launcher(RGB, facts)
    assert isinstance(launch, LaunchPlan)
    assert launch.specialization.constant("PIXEL") == 3
    layouts = {argument.name: argument.layout for argument in launch.arguments if argument.kind in ("image", "out")}
    assert layouts == {"image": "interleaved", "out": "interleaved"}
    values = {argument.name: argument.value for argument in launch.arguments}
    assert (values["pitch"], values["image_rows"], values["out_pitch"]) == (210, 60, 210)
    assert values["width"] == (70 if launcher is conv2d_large else 210)


@pytest.mark.parametrize(("launcher", "facts"), KERNELS)
@pytest.mark.parametrize(
    "problem",
    [
        replace(RGB, batch=(2, 5)),  # more channels than kernels are compiled for
        replace(make((3, INT_LIMIT // 4), (5, 5)), batch=(3,)),  # rows of pixels whose elements an int cannot count
    ],
)
def test_others_are_planes(launcher, facts, problem):
    launch = launcher(problem, facts)
    assert isinstance(launch, LaunchPlan)
    assert launch == launcher(problem, replace(facts, interleaved=False))


@pytest.mark.parametrize("size", ["full", "valid", "same"])
def test_columns_of_pixels(size):
    """Taps that are three columns apart, over three times as many columns: the same extents."""
    call = convolution(np.zeros((20, 30, 3)), np.ones((4, 5)), Options(channel_axis=-1, size=size))
    pixel, images, columns = side_by_side(call.problem, facts_of(call))
    assert (pixel, images.images, columns.images) == (3, 1, 1)
    assert columns.out_extent == (images.out_extent[0], 3 * images.out_extent[1])
    assert columns.filter == images.filter == (4, 5)


def test_tiles_fit_static_shared_memory():
    for dtype, taps, pixel in ((d, k, p) for d in ("f4", "f8") for k in (3, 5, 7, 9, 11) for p in (1, 2, 3, 4)):
        for tile in small_tiles(taps, np.dtype(dtype), 1, pixel):
            row = 16 * (tile.block_w + -(-(taps - 1) * pixel // tile.across))
            assert row * (tile.outputs[0] + taps - 1) <= 48 * 1024


@pytest.mark.parametrize(("images", "channels", "taken"), [(1, 3, True), (2, 2, False), (2, 1, False)])
def test_parts_of_pixels_are_planes(images, channels, taken):
    plan = make_plan(RGB, PIXELS, "cupy")
    part = plan_part(plan, replace(RGB, batch=(images, channels)))
    assert (part.launches[0].specialization.constant("PIXEL") == 3) == taken


def test_rows_of_pixels():
    view = DeviceView(0, (2, 1, 8, 9, 3), (1200, 0, 150, 12, 4), np.dtype("f4"), 0, None)
    rows = rows_of_pixels(view)
    assert (rows.shape, rows.strides) == ((2, 1, 8, 27), (1200, 0, 150, 4))
    assert rows_of_pixels(replace(view, strides=(1200, 0, 150, 16, 4))) is None
    assert rows_of_pixels(replace(view, strides=(1200, 0, 4, 12, 288))) is None
