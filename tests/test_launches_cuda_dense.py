"""How dense layers and their gradients are launched: refusals, tiles that follow the extents, layouts."""

from dataclasses import replace

import numpy as np
import pytest
from cuda_problems import HOST, make

from gpuconv.launches import LaunchPlan, ceil_div
from gpuconv.launches.cuda import LAUNCHERS, unsupported
from gpuconv.launches.cuda_dense import conv2d_dense
from gpuconv.launches.cuda_gradient import conv2d_weight_gradient
from gpuconv.launches.cuda_layers import conv2d_layer
from gpuconv.layouts import in_layout, layout_of
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.planning.planner import make_plan
from gpuconv.problem import Problem

GPU = DeviceLimits(multiprocessors=132)


def layer(channels=(64, 64, 1), extent=56, filter_=3, images=8, **changes) -> Problem:
    """A layer whose output is as large as its input."""
    sizes = (extent, extent), (filter_, filter_)
    return make(*sizes, images=images, channels=channels, **({"boundary": "constant"} | changes))


def planned(problem: Problem, facts: Facts = HOST, launcher=conv2d_dense) -> LaunchPlan:
    launch = launcher(problem, facts)
    assert isinstance(launch, LaunchPlan), launch
    return launch


def values(launch: LaunchPlan) -> dict[str, float | int]:
    return {argument.name: argument.value for argument in launch.arguments}


@pytest.mark.parametrize(
    ("problem", "facts", "sentence"),
    [
        (layer((64, 7, 1)), HOST, "layers of at least 8 output channels a group; got 7"),
        (layer((64, 64, 16)), HOST, "layers of at least 8 output channels a group; got 4"),
        (layer(op="weight_gradient"), HOST, "computes layers of"),
        (layer(filter_=9), HOST, "filters of at most 7 x 7 taps, strides of at most 2 and dilation 1; got (9, 9)"),
        (layer(stride=(3, 1)), HOST, "got (3, 3), (3, 1) and (1, 1)"),
        (layer(dilation=(1, 2)), HOST, "got (3, 3), (1, 1) and (1, 2)"),
        (layer(dtype="int64", image_dtype=np.dtype("u1")), replace(HOST, weights_sum=2**40), "these sums need int64"),
        (layer(extent=4000), HOST, "counts at most 2147483647 bytes of an image; got 4096000000"),
        (layer(), replace(HOST, device=DeviceLimits(shared_bytes=1000)), "a block has 1000"),
    ],
)
def test_refusals(problem, facts, sentence):
    refusal = conv2d_dense(problem, facts)
    assert isinstance(refusal, str)
    assert sentence in refusal


@pytest.mark.parametrize(
    ("problem", "facts", "sentence"),
    [
        (layer(), HOST, "computes gradients with respect to weights"),
        (layer(dtype="int32", op="weight_gradient"), HOST, "in real floating point; got int32"),
        (layer(extent=4000, op="weight_gradient"), HOST, "at most 1073741823 bytes of an image; got 4096000000"),
        (layer(op="weight_gradient"), replace(HOST, device=DeviceLimits(shared_bytes=1000)), "a block has 1000"),
    ],
)
def test_refusals_of_gradients(problem, facts, sentence):
    refusal = conv2d_weight_gradient(problem, facts)
    assert isinstance(refusal, str)
    assert sentence in refusal
    if problem.op == "weight_gradient":
        assert unsupported(problem, facts) == refusal


@pytest.mark.parametrize(("extent", "images"), [(7, 8), (14, 8), (14, 1), (28, 8), (56, 8), (112, 2)])
def test_small_images_do_not_leave_most_threads_idle(extent, images):
    """Three of four positions of the tiles are outputs, whatever the extent."""
    launch = planned(layer((256, 256, 1), extent, images=images), replace(HOST, device=GPU))
    sizes, block = dict(launch.specialization.constants), values(launch)
    strips = sizes["STRIPS_H"] * sizes["STRIPS_W"] * sizes["BANDS"]
    covered = launch.grid[0] * strips * sizes["ROWS"] * sizes["RUN"] * (sizes["THREADS"] // strips * 8)
    assert extent**2 * images * 256 >= 0.75 * covered
    assert block["tiles_h"] * sizes["STRIPS_H"] * sizes["ROWS"] >= extent


def test_the_tile_follows_the_device():
    """More multiprocessors get more blocks; one gets the tile with the fewest instructions."""
    problem = layer(extent=224, images=1)
    grids = [planned(problem, replace(HOST, device=DeviceLimits(multiprocessors=n))).grid[0] for n in (1, 132)]
    assert grids[0] < grids[1]


def test_another_image_size_compiles_nothing():
    large = (planned(layer(extent=extent, images=64)) for extent in (224, 448))
    assert len({launch.specialization for launch in large}) == 1


def test_dilation_of_a_single_tap_does_not_count():
    assert isinstance(conv2d_dense(layer(filter_=1, dilation=(2, 3)), HOST), LaunchPlan)


def test_strides_follow_the_layout():
    launch = planned(layer((16, 24, 1), 10), replace(HOST, image_layout="channels_last"))
    given = values(launch)
    assert [given[f"image_{axis}"] for axis in "nkyx"] == [1600, 1, 160, 16]
    assert [given[f"out_{axis}"] for axis in "ncyx"] == [2400, 100, 10, 1]
    assert [a.layout for a in launch.arguments if a.kind in ("image", "out")] == ["channels_last", "channels_first"]


@pytest.mark.parametrize("rank", [1, 2])
def test_layouts(rank):
    """Dense either way is told apart; what is both, or neither, counts as channels first."""
    shape = (2, 6, *(5,) * rank)
    first = np.empty(shape, np.float32)
    last = in_layout(first, rank, "channels_last").copy()
    assert last.shape == (2, *(5,) * rank, 6)
    back = np.moveaxis(last, -1, 1)
    assert layout_of(back, rank) == "channels_last"
    assert layout_of(back[0], rank) == "channels_last"
    for view in (first, first[:, ::2], back[:, :4], np.empty((2, 1, *(5,) * rank))):
        assert layout_of(view, rank) == "channels_first"
    assert in_layout(back, rank, "channels_last").flags.c_contiguous


@pytest.mark.parametrize("groups", [1, 64])
def test_parts_of_a_gradient_keep_the_device_busy(groups):
    """Every position is in one part; the workspace holds a sum for each part and slice."""
    problem = layer((64, 64, groups), op="weight_gradient")
    launch, last = planned(problem, replace(HOST, device=GPU), conv2d_weight_gradient).all
    sizes, given = dict(launch.specialization.constants), values(launch)
    chunks = 8 * ceil_div(56 * 56, sizes["POSITIONS"])
    tiles = ceil_div(64 // groups, sizes["CHANNELS"]) * ceil_div(576 // groups, sizes["WEIGHTS"]) * groups
    parts = launch.grid[0] // tiles
    assert launch.grid[0] >= 132
    assert (parts - 1) * given["chunks"] < chunks <= parts * given["chunks"]
    assert (
        given["partial"] == parts * sizes["SLICES"] * 64 * 576 // groups == values(last)["parts"] * 64 * 576 // groups
    )
    assert values(last)["size"] == 64 * 576 // groups


def test_the_planner_takes_them():
    assert LAUNCHERS.index(conv2d_dense) < LAUNCHERS.index(conv2d_layer)
    plans = [make_plan(layer(op=op), HOST, "cupy") for op in ("forward", "weight_gradient")]
    assert [plan.algorithm for plan in plans] == ["conv2d_dense", "conv2d_window_gradient"]
    assert [len(plan.launches) for plan in plans] == [1, 2]
