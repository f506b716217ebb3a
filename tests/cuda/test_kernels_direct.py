"""conv2d_small and conv2d_large: right at every edge, alignment and size, in every order of threads, in every tile."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import assert_right, check, image_filter, out_of, record, run

from gpuconv.backends import cupy as backend
from gpuconv.engine import Call, facts_of
from gpuconv.launches import LaunchPlan, cuda_direct, cuda_tiles
from gpuconv.launches.cuda_direct import SMALL_SIZES, conv2d_large, conv2d_small
from gpuconv.options import Options
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import BOUNDARIES
from gpuconv.statements import filter_call

KERNELS = [(conv2d_small, (5, 5)), (conv2d_large, (6, 13))]
# The smallest tile has 32 x 32 outputs, or 64 x 32: with and without inner tiles, with rows that are no vectors, tiny.
INNER, ODD = (101, 196), (67, 93)
SHAPES = [(1, 1), (2, 40), (33, 3)]
TYPES = [
    ("f4", "f4", None),
    ("f8", "f8", None),
    ("f2", "f4", None),
    ("u1", "f4", "u1"),
    ("i2", "f4", "i2"),
    ("i1", "i1", None),
    ("u2", "u1", "u1"),
    ("u1", "f8", None),
    ("f8", "f4", None),
    ("bool", "f4", None),
]


@pytest.mark.parametrize(("launcher", "taps"), KERNELS)
@pytest.mark.parametrize(("shape", "boundary"), list(itertools.product(SHAPES, BOUNDARIES[1:])))
def test_small_images_and_boundaries(launcher, taps, shape, boundary):
    check(launcher, image_filter(shape, taps, boundary=boundary))


@pytest.mark.parametrize(("launcher", "taps"), KERNELS)
@pytest.mark.parametrize(("shape", "boundary"), [(INNER, "mirror"), (ODD, "symmetric"), (INNER, "constant")])
def test_several_tiles(launcher, taps, shape, boundary):
    check(launcher, image_filter(shape, taps, boundary=boundary))


@pytest.mark.parametrize("taps", SMALL_SIZES)
def test_sizes_of_small_filters(taps):
    check(conv2d_small, image_filter((40, 131), (taps, taps), boundary="mirror"))


@pytest.mark.parametrize("taps", [(1, 1), (4, 2), (15, 15), (17, 32), (3, 33), (40, 64), (2, 101), (70, 1)])
def test_sizes_of_large_filters(taps):
    """In one piece and in several, with and without columns after the last whole piece."""
    check(conv2d_large, image_filter((34, 70), taps, boundary="edge"))


@pytest.mark.parametrize(("launcher", "taps"), KERNELS)
@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize("shape", [(35, 100), (34, 43)])
def test_dtypes(launcher, taps, shape, types):
    image, weights, out = types
    x, w = random(shape, image), random(taps, weights, 1)
    check(launcher, filter_call(x, w, Options(boundary="symmetric", out_dtype=out), flipped=False))


@pytest.mark.parametrize(("launcher", "taps"), KERNELS)
@pytest.mark.parametrize("options", [{"size": "full"}, {"size": "valid"}, {"origin": (2, -2)}, {"origin": (-1, 1)}])
def test_a_pad_compiles_nothing(launcher, taps, options):
    call = image_filter((2, 3, 40, 70), taps, boundary="wrap", **options)
    check(launcher, call)
    plain = image_filter((30, 70), taps, boundary="wrap")
    assert (
        _launch(launcher, call).specialization == _launch(launcher, plain).specialization or options["size"] == "valid"
    )


@pytest.mark.parametrize(("launcher", "taps"), KERNELS)
@pytest.mark.parametrize("dtype", ["f4", "u1"])
def test_fill(launcher, taps, dtype):
    check(launcher, image_filter((20, 50), taps, (dtype, "f4"), boundary="constant", fill=np.nan))


@pytest.mark.parametrize(("launcher", "taps"), KERNELS)
def test_zero_taps_do_not_touch_the_image(launcher, taps):
    call = image_filter((40, 50), taps, boundary="edge")
    call.operands.image.flat[::101] = np.inf
    call.operands.weights.flat[::3] = 0
    check(launcher, replace(call, problem=replace(call.problem, skip_zero_taps=True)))


@pytest.mark.parametrize(("launcher", "taps"), KERNELS)
def test_stacks_beyond_the_limit_of_a_grid(launcher, taps, monkeypatch):
    """Rows of tiles go on along z; the last blocks may have nothing to do."""
    monkeypatch.setattr(cuda_tiles, "GRID_Y", 3)
    call = image_filter((5, 65, 20), taps, boundary="mirror")
    _, y, z = record(launcher, call).grid
    assert (y <= 3, z > 1, y * z > 5 * (65 // 32)) == (True, True, True)
    check(launcher, call)


@pytest.mark.parametrize(("launcher", "taps"), KERNELS)
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1"])
def test_every_tile_gives_the_same_bits(launcher, taps, dtype, monkeypatch):
    call = image_filter((170, 392), taps, (dtype, "f8" if dtype == "f8" else "f4"), boundary="mirror")
    name = launcher.__name__.removeprefix("conv2d_") + "_tiles"
    everything = getattr(cuda_direct, name)
    results = []
    for index in range(3):
        monkeypatch.setattr(cuda_direct, name, lambda *given, index=index: everything(*given)[-index - 1 :][:1])
        results.append(run(launcher, call))
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])


@pytest.mark.parametrize("taps", [(6, 13), (20, 40)])
def test_weights_on_the_device(taps, monkeypatch):
    call = image_filter((40, 70), taps, boundary="edge")
    by_value = run(conv2d_large, call)
    launch = conv2d_large(call.problem, replace(facts_of(call), weights_place="device"))
    assert launch.specialization.constant("CAPACITY") == 0
    pointer = lambda problem, facts: launch  # noqa: E731 (a launcher)
    np.testing.assert_array_equal(run(pointer, call), by_value)


@pytest.mark.parametrize(("launcher", "taps"), KERNELS)
@pytest.mark.parametrize(("image_at", "out_at"), [(1, 0), (0, 1), (2, 3)])
@pytest.mark.usefixtures("nvrtc")
def test_addresses_that_are_no_multiple_of_16_bytes(launcher, taps, image_at, out_at):
    call = image_filter(INNER, taps, boundary="mirror")
    launch = record(launcher, call)
    image, _, out, *_ = launch.arrays_before()
    moved = [
        np.zeros(a.size + 4, a.dtype)[k : k + a.size].reshape(a.shape) for a, k in ((image, image_at), (out, out_at))
    ]
    moved[0][...] = image
    taps, *scalars = [place.array for place in launch.before.places if isinstance(place, standin.Value)]
    arguments = [moved[0], taps, moved[1], *(value.dtype.type(value.item()) for value in scalars)]
    again = standin.make_launch(launch.text, launch.name, launch.grid, launch.block, arguments, 0, launch.options)
    for arrays in (again.replay_cpu(), again.replay_sass("sm_86")[0]):
        assert_right(launcher, call, out_of(again, arrays))


# ------------------------------------------------------------------------------------------ the plan


def _launch(launcher, call: Call, **facts) -> LaunchPlan:
    launch = launcher(call.problem, replace(facts_of(call), device=backend.limits(), **facts))
    assert isinstance(launch, LaunchPlan), launch
    return launch


@pytest.mark.parametrize(
    ("launcher", "taps", "change", "facts", "sentence"),
    [
        (conv2d_small, (5, 5), {"stride": (2, 1)}, {}, "needs stride and dilation 1; got (2, 1) and (1, 1)"),
        (conv2d_small, (5, 4), {}, {}, "compiled for square filters of (3, 5, 7, 9, 11) taps; got (5, 4)"),
        (conv2d_small, (5, 5), {}, {"weights_place": "device"}, "these are on the device"),
        (conv2d_small, (5, 5), {}, {"device": DeviceLimits(parameter_bytes=200)}, "in 200 bytes; got (5, 5)"),
        (conv2d_large, (5, 4), {}, {"device": DeviceLimits(shared_bytes=1000)}, "a block has 1000 bytes"),
        (conv2d_large, (5, 4), {"channels_out": 2}, {}, "filters images of two axes, one channel at a time"),
        (conv2d_large, (5, 4), {"batch": (2**29,)}, {}, "counts at most 1073741824 rows of all images"),
        (conv2d_large, (5, 4), {"compute_dtype": np.dtype("int64")}, {"weights_sum": 2**40}, "these sums need int64"),
    ],
)
def test_refusals(launcher, taps, change, facts, sentence):
    problem = replace(image_filter((30, 40), taps, ("u1", "u1")).problem, **change)
    refusal = launcher(problem, Facts(**({"weights_sum": 1} | facts)))
    assert isinstance(refusal, str)
    assert sentence in refusal


@pytest.mark.parametrize(("launcher", "taps"), [(conv2d_small, (7, 7)), (conv2d_large, (31, 31))])
def test_the_tile_follows_the_size_of_the_image(launcher, taps):
    """Small images get small tiles: all multiprocessors have something to do; large ones the largest tile."""
    device, blocks = DeviceLimits(multiprocessors=100), []
    for extent in (256, 1024, 8192):
        problem = replace(image_filter((64, 64), taps).problem, extent=(extent, extent))
        launch = launcher(problem, Facts(weights_sum=1, device=device))
        blocks.append((np.prod(launch.grid), launch.specialization.constant("ROWS")))
    assert blocks[1][0] >= 250
    assert blocks[0][1] < blocks[2][1]
