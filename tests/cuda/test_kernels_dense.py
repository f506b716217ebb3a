"""conv2d_dense and conv2d_weight_gradient: right at every edge, size and layout; sanitizers, machine code, faults."""

from dataclasses import replace

import numpy as np
import pytest
import standin
from kernel_runs import ORDERS, assert_right, channels_first, check, few, out_of, planned, run
from layer_problems import bounded, dense, weight_gradient
from standin import mutate, mutations

from gpuconv.backends import cupy as backend
from gpuconv.engine import Call, facts_of
from gpuconv.launches import cuda_dense
from gpuconv.launches.cuda_dense import TILES, conv2d_dense
from gpuconv.launches.cuda_gradient import conv2d_weight_gradient
from gpuconv.planning.facts import DeviceLimits
from gpuconv.problem import BOUNDARIES

LAYERS = {
    "channels that fill no tile, odd sizes": lambda **o: dense((1, 6, 19, 37), (20, 6, 3, 3), padding=1, **o),
    "one position": lambda **o: dense((1, 1, 1, 1), (8, 1, 1, 1), **o),
    "nothing but padding around it": lambda **o: dense((3, 2, 1, 1), (9, 2, 3, 3), padding=(4, 1), **o),
    "groups, small images": lambda **o: dense((5, 4, 7, 7), (16, 2, 3, 3), padding=1, groups=2, **o),
    "7 x 7, stride 2": lambda **o: dense((2, 3, 39, 45), (9, 3, 7, 7), stride=2, padding=3, **o),
    "1 x 1": lambda **o: dense((2, 9, 20, 14), (8, 9, 1, 1), **o),
    "1 x 1, stride 2": lambda **o: dense((2, 9, 20, 14), (8, 9, 1, 1), stride=2, **o),
    "even filter, stride 2 across": lambda **o: dense((2, 4, 13, 17), (8, 4, 5, 4), stride=(1, 2), padding=2, **o),
    "stride 2 down": lambda **o: dense((2, 3, 17, 12), (10, 3, 2, 3), stride=(2, 1), padding=1, **o),
    "signals": lambda **o: dense((2, 3, 150), (9, 3, 5), padding=3, **o),
    "no batch axis, padding larger than the image": lambda **o: dense((4, 5, 6), (8, 4, 3, 3), padding=6, **o),
}
GRADIENTS = {
    "odd sizes": lambda: weight_gradient((2, 6, 9, 11), (10, 6, 3, 3), padding=1),
    "stride": lambda: weight_gradient((3, 5, 17, 13), (20, 5, 3, 3), padding=1, stride=2),
    "even filter, groups, strides and dilations": lambda: weight_gradient(
        (2, 4, 9, 7), (12, 2, 2, 5), padding=(1, 4), stride=(2, 1), dilation=(2, 1), groups=2
    ),
    "a filter for each channel": lambda: weight_gradient((2, 6, 19, 13), (6, 1, 3, 3), padding=1, groups=6),
    "one position": lambda: weight_gradient((1, 1, 1, 1), (1, 1, 1, 1)),
    "nothing but padding around it": lambda: weight_gradient((2, 3, 1, 2), (4, 3, 3, 3), padding=2),
    "no image": lambda: weight_gradient((0, 3, 8, 8), (4, 3, 3, 3), padding=1),
    "several tiles": lambda: weight_gradient((1, 20, 8, 9), (130, 20, 3, 3), padding=1),
    "signals": lambda: weight_gradient((2, 3, 40), (5, 3, 7), padding=3),
    "double precision": lambda: weight_gradient((2, 6, 9, 11), (10, 6, 3, 3), "f8", padding=1),
    "half precision": lambda: weight_gradient((2, 6, 9, 11), (10, 6, 3, 3), "f2", padding=1),
}
PHASES = LAYERS["even filter, stride 2 across"]


FOURS = cuda_dense.Tile(4, 8, 1, 4, 256)
SEVENS = cuda_dense.Tile(4, 8, 1, 2, 256, 7)


def sevens(extent: tuple[int, int] = (14, 14), **options) -> Call:
    """Runs of seven outputs in bands that go on from one image into the next, and bands that there are not."""
    return dense((3, 5, *extent), (12, 5, 3, 3), **({"padding": 1} | options))


def in_axes(call: Call, result: np.ndarray) -> np.ndarray:
    """What a launch has written, in the axes of the problem."""
    return channels_first(call, result) if facts_of(call).out_layout == "channels_last" else result


def usual(**options) -> Call:
    """Several steps, the last one not full; tiles of several images; channels that there are not."""
    return dense((5, 22, 7, 7), (24, 11, 3, 3), padding=1, groups=2, **options)


GRADIENT = GRADIENTS["even filter, groups, strides and dilations"]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("case", LAYERS)
def test_layers(case, last):
    call = LAYERS[case](last=last)
    check(conv2d_dense, call)
    if last and "one position" not in case and "nothing" not in case:
        assert planned(conv2d_dense, call).launches[0].specialization.constant("CHANNELS_LAST") == 1


@pytest.mark.parametrize("case", GRADIENTS)
def test_gradients(case):
    check(conv2d_weight_gradient, GRADIENTS[case]())


@pytest.mark.parametrize("boundary", BOUNDARIES[2:])
def test_boundaries(boundary):
    check(conv2d_dense, bounded(LAYERS["stride 2 down"](), boundary))
    check(conv2d_weight_gradient, bounded(GRADIENTS["odd sizes"](), boundary))


def test_fill():
    for fill in (2.5, np.nan):
        check(conv2d_dense, bounded(usual(), "constant", fill))
    check(conv2d_weight_gradient, bounded(GRADIENT(), "constant", -1.5))
    check(conv2d_weight_gradient, bounded(GRADIENTS["half precision"](), "constant", 3))


def test_samples_that_no_tap_meets_are_left_alone():
    """Infinite where the last window ends: a position that there is not must not bring it in."""
    call = weight_gradient((2, 3, 5, 5), (4, 3, 2, 2), stride=2)
    call.operands.image[..., 4, :] = np.inf
    check(conv2d_weight_gradient, call)


@pytest.mark.parametrize("dtype", ["f8", "f2", "i1"])
def test_dtypes(dtype):
    for last in (False, True):
        check(conv2d_dense, dense((2, 6, 9, 18), (11, 6, 3, 3), dtype, padding=1, last=last))


@pytest.mark.slow  # compiles every tile
@pytest.mark.parametrize("last", [False, True])
def test_every_tile_gives_the_same_bits(last, monkeypatch):
    call = dense((3, 5, 21, 40), (70, 5, 3, 3), padding=1, last=last)
    expected = run(conv2d_dense, call)
    for tile in TILES:
        monkeypatch.setattr(cuda_dense, "TILES", (tile,))
        np.testing.assert_array_equal(run(conv2d_dense, call), expected)


RUNS = {
    "whole runs": ((1, 2, 8, 2, 64, 7), sevens),
    "runs that end outside": ((1, 1, 8, 1, 64, 7), lambda: sevens((9, 16))),
    "channels last": ((1, 2, 16, 1, 64, 7), lambda: sevens((9, 16), last=True)),
    "reflected": ((2, 4, 4, 2, 64, 7), lambda: bounded(sevens((9, 30)), "mirror")),
    "stride 2": ((4, 8, 1, 2, 64, 7), lambda: sevens((31, 60), stride=2)),
    "5 x 5": ((1, 1, 32, 1, 64, 7), lambda: dense((3, 5, 7, 7), (12, 5, 5, 5), padding=2)),
    "halves": ((1, 2, 16, 2, 64, 7), lambda: sevens(dtype="f2")),
}


@pytest.mark.parametrize("case", few(RUNS, "runs that end outside"))
def test_runs_of_seven(case, monkeypatch):
    sizes, call = RUNS[case]
    monkeypatch.setattr(cuda_dense, "TILES", (cuda_dense.Tile(*sizes),))
    check(conv2d_dense, call())
    launch = first_launch(conv2d_dense, call)
    assert launch.replay_sanitized("address").ok
    assert_right(conv2d_dense, call(), in_axes(call(), out_of(launch, launch.replay_sass("sm_90")[0])))


@pytest.mark.parametrize("image_last", [False, True])
@pytest.mark.parametrize("channels", [9, 16])
def test_results_whose_channels_come_last(channels, image_last):
    """Written where the caller wants them, without a copy: sixteen channels as vectors, nine one after another."""
    call = dense((2, 5, 9, 11), (channels, 5, 3, 3), padding=1, last=image_last)
    facts = replace(facts_of(call), out_layout="channels_last")
    plan = replace(planned(conv2d_dense, call), launches=(conv2d_dense(call.problem, facts),))
    out = np.empty((2, 9, 11, channels), np.float32).transpose(0, 3, 1, 2)
    with standin.recording() as launches:
        backend.run(plan, call.operands, out)
    assert_right(conv2d_dense, call, np.ascontiguousarray(out))
    assert launches[0].replay_sanitized("address").ok


@pytest.mark.parametrize(("launcher", "case"), [(conv2d_dense, usual), (conv2d_weight_gradient, GRADIENT)])
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(launcher, case, kind):
    with standin.recording() as launches:
        run(launcher, case())
    for launch in launches:
        report = launch.replay_sanitized(kind, "random:3")
        assert report.ok, report.log


MACHINE_CODE = {
    "sm_75": (conv2d_dense, lambda: usual(last=True)),
    "sm_86": (conv2d_weight_gradient, GRADIENT),
    "sm_90": (conv2d_dense, LAYERS["7 x 7, stride 2"]),
}


@pytest.mark.parametrize(
    ("arch", "case"),
    [
        pytest.param(arch, case, marks=[] if arch == case else pytest.mark.slow)  # all pairs take half a minute
        for arch in MACHINE_CODE
        for case in MACHINE_CODE
    ],
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(case, arch):
    """The numbers are right, and the emulator finds nothing; what the launches hand on is the same as on the CPU."""
    launcher, call = MACHINE_CODE[case][0], MACHINE_CODE[case][1]()
    with standin.recording() as launches:
        run(launcher, call)
    results = [launch.replay_sass(arch) for launch in launches]
    assert all(stats.static["local_bytes"] == 0 for _, stats in results)
    assert_right(launcher, call, in_axes(call, out_of(launches[-1], results[-1][0])))
    if len(launches) > 1:
        sums, expected = out_of(launches[0], results[0][0]), out_of(launches[0], launches[0].results)
        scale = np.abs(call.operands.image).max() * np.abs(call.operands.weights).sum()
        assert np.abs(sums - expected).max() <= 2 * planned(launcher, call).bound.relative * scale


@pytest.mark.parametrize(
    ("case", "tile"),
    [
        ("groups, small images", (4, 2, 4, 0)),
        ("groups, small images", (1, 2, 16, 7)),
        ("1 x 1, stride 2", (4, 8, 1, 0)),
        pytest.param("7 x 7, stride 2", (8, 4, 1, 0), marks=pytest.mark.slow),  # long to compile
    ],
)
@pytest.mark.parametrize("last", [False, True])
def test_the_plan_knows_the_shared_memory(case, tile, last, monkeypatch):
    """What planning computes is what the kernel takes: nothing less will do."""
    tiles = tuple(t for t in TILES if (t.strips_h, t.strips_w, t.bands, t.run) == tile)
    monkeypatch.setattr(cuda_dense, "TILES", tiles)
    launch = first_launch(conv2d_dense, lambda: LAYERS[case](last=last))
    assert launch.replay_sanitized("address").ok
    assert not replace(launch, shared_mem=launch.shared_mem - 4).replay_sanitized("address").ok


# ------------------------------------------------------------------------------------------ the cost of an output


@pytest.mark.parametrize(
    ("arch", "tile", "last", "share"),
    [
        ("sm_90", SEVENS, False, 0.92),
        pytest.param("sm_90", FOURS, False, 0.93, marks=pytest.mark.slow),
        pytest.param("sm_89", SEVENS, False, 0.92, marks=pytest.mark.slow),  # as the first
        pytest.param("sm_80", SEVENS, False, 0.92, marks=pytest.mark.slow),
        pytest.param("sm_90", SEVENS, True, 0.915, marks=pytest.mark.slow),
        pytest.param("sm_90", FOURS, True, 0.915, marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("nvrtc")
def test_share_of_multiply_adds(arch, tile, last, share, monkeypatch):
    """Nearly all that the blocks of a layer of 64 channels issue are multiply-adds of an output; no banks conflict."""
    monkeypatch.setattr(cuda_dense, "TILES", (tile,))
    extent = 56 if tile.run else 64
    call = dense((1, 64, extent, extent), (64, 64, 3, 3), padding=1, last=last)
    device = DeviceLimits(optin_shared_bytes=99 << 10, multiprocessor_shared_bytes=100 << 10)
    with standin.recording(run=False) as launches:
        run(lambda problem, facts: conv2d_dense(problem, replace(facts, device=device)), call)
    stats = launches[0].replay_sass(arch)[1]
    assert np.prod(call.problem.out_shape) * 64 * 9 / 32 >= share * stats.warp_instructions
    assert stats.bank_conflicts == 0
    assert stats.static["local_bytes"] == 0


# ------------------------------------------------------------------------------------------ faults

FAULTS = [
    (conv2d_dense, usual, "fill(i, fill), steps[1].fill(i, fill)", "fill(i, fill)", {"result"}),
    (conv2d_dense, usual, "steps[0].clear_weights(), steps[1].clear_weights();", "", {"machine code"}),
    (conv2d_dense, usual, "met && n < images", "met", {"address"}),
    (conv2d_dense, usual, "min(k, left - 1)", "k", {"address"}),
    (conv2d_dense, usual, "if (c >= channels) return;\n            out_t", "out_t", {"address"}),
    (conv2d_dense, usual, "if (own_n >= images) return;", "", {"address"}),
    (conv2d_dense, usual, "first + band - n * tiles_h", "first - n * tiles_h", {"result"}),
    (conv2d_dense, usual, "(band + tn) / tiles_h", "band / tiles_h", {"result"}),
    (conv2d_dense, usual, "cp.async.wait_all;", "", {"machine code"}),
    (
        conv2d_dense,
        PHASES,
        "window[row][s % STRIDE_W][x + s / STRIDE_W]",
        "window[row][0][x + s / STRIDE_W]",
        {"result"},
    ),
    (conv2d_weight_gradient, GRADIENT, "(tap - filter_h) * dilation_w", "(tap - filter_h) * dilation_h", {"result"}),
    (conv2d_weight_gradient, GRADIENT, "i + p < positions && c + row", "c + row", {"address"}),
    (conv2d_weight_gradient, GRADIENT, "(chunk + 2) % in_image", "(chunk + 1) % in_image", {"result"}),
    (conv2d_weight_gradient, GRADIENT, "* SLICES + slice)", "+ slice)", {"result"}),
]


def first_launch(launcher, case) -> standin.Launch:
    with standin.recording() as launches:
        run(launcher, case())
    return launches[0]


@pytest.mark.parametrize(("launcher", "case"), [(conv2d_dense, usual), (conv2d_weight_gradient, GRADIENT)])
def test_every_barrier_is_needed(launcher, case):
    launch = first_launch(launcher, case)
    for name, text in mutations(launch.text):
        assert not replace(launch, text=text).replay_sanitized("thread").ok, name


@pytest.mark.parametrize(
    ("launcher", "case", "pattern", "replacement", "finders"),
    [pytest.param(*fault, marks=[] if i in (0, 1, 3, 8, 9) else pytest.mark.slow) for i, fault in enumerate(FAULTS)],
)
@pytest.mark.usefixtures("nvrtc")
def test_faults_are_found(launcher, case, pattern, replacement, finders):
    launch = first_launch(launcher, case)
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    found = set()
    if "result" in finders:
        expected = out_of(launch, launch.results)
        results = (out_of(faulty, faulty.replay_cpu(order)) for order in ORDERS)
        found |= {"result" for result in results if not np.array_equal(result, expected)}
    if "address" in finders and not faulty.replay_sanitized("address").ok:
        found.add("address")
    if "machine code" in finders:
        with pytest.raises(standin.sassrun().SassError):
            faulty.replay_sass("sm_86")
        found.add("machine code")
    assert found == finders


def test_more_blocks_give_other_parts_but_no_other_bits_twice():
    """The number of parts follows the device; on one device the result is the same every time."""
    call = GRADIENTS["odd sizes"]()
    few, many = (
        conv2d_weight_gradient(call.problem, replace(facts_of(call), device=DeviceLimits(multiprocessors=n)))
        for n in (1, 400)
    )
    assert few.grid[0] < many.grid[0]
    np.testing.assert_array_equal(run(conv2d_weight_gradient, call), run(conv2d_weight_gradient, call))
