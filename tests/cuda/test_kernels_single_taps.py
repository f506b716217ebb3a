"""conv2d_dense where filters are single taps: all positions of an image are one row, which is copied as vectors."""

from dataclasses import replace

import cupy
import numpy as np
import pytest
import standin
from kernel_runs import assert_right, check, few, layer, out_of, record, run

from gpuconv.arrays import adopt
from gpuconv.engine import Call, facts_of
from gpuconv.launches import LaunchPlan, cuda_dense
from gpuconv.launches.cuda_dense import FLAT_TILES, conv2d_dense
from gpuconv.planning.facts import DeviceLimits, Facts

CALLS = {
    "odd channels": lambda: layer((2, 9, 20, 14), (11, 9, 1, 1)),
    "groups": lambda: layer((3, 36, 6, 6), (40, 18, 1, 1), groups=2, bias=False),
    "signals": lambda: layer((2, 5, 148), (9, 5, 1)),
    "float64": lambda: layer((1, 18, 10, 9), (20, 18, 1, 1), "f8"),
    "float16": lambda: layer((1, 18, 10, 10), (20, 18, 1, 1), "f2"),
}


def launch_of(call: Call, **known: object) -> LaunchPlan:
    launch = conv2d_dense(call.problem, replace(facts_of(call), **known))
    assert isinstance(launch, LaunchPlan), launch
    return launch


@pytest.mark.parametrize("case", few(CALLS, "odd channels", "groups"))
def test_agrees_with_the_oracle_in_every_order(case):
    call = CALLS[case]()
    assert launch_of(call).specialization.constant("WHOLE") == 1
    check(conv2d_dense, call)


@pytest.mark.parametrize(
    ("shape", "options"),
    [((1, 9, 7, 7), {}), ((1, 9, 8, 4), {"stride": 2}), ((1, 9, 8, 4), {"padding": 1})],
)
def test_other_layers_keep_their_rows(shape, options):
    """Whose positions are no whole vectors, or not all of an image's, in order."""
    call = layer(shape, (8, 9, 1, 1), **options)
    assert launch_of(call).specialization.constant("WHOLE") == 0
    for layout in ("image_layout", "out_layout"):
        flat = layer((1, 9, 8, 4), (8, 9, 1, 1))
        assert launch_of(flat, **{layout: "channels_last"}).specialization.constant("WHOLE") == 0


def test_images_that_begin_between_vectors():
    call = CALLS["odd channels"]()
    values = np.concatenate([np.zeros(3, "f4"), call.operands.image.ravel()])
    image = adopt("image", cupy.asarray(values)[3:].reshape(2, 9, 20, 14)).view
    with standin.recording() as launches:
        result = run(conv2d_dense, replace(call, operands=replace(call.operands, image=image)))
    assert_right(conv2d_dense, call, result)
    assert launches[0].replay_sanitized("address").ok


@pytest.mark.slow  # compiles every tile
def test_every_tile_gives_the_same_bits(monkeypatch):
    call = layer((2, 40, 30, 34), (70, 40, 1, 1))
    expected = run(conv2d_dense, call)
    for tile in FLAT_TILES:
        monkeypatch.setattr(cuda_dense, "FLAT_TILES", (tile,))
        np.testing.assert_array_equal(run(conv2d_dense, call), expected)


@pytest.mark.parametrize("case", few(["odd channels", "float64"], "odd channels"))
def test_shared_memory_is_what_was_planned(case):
    launch = record(conv2d_dense, CALLS[case]())
    assert not replace(launch, shared_mem=launch.shared_mem - 4).replay_sanitized("address").ok


@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(kind):
    launch = record(conv2d_dense, CALLS["groups"]())
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log


@pytest.mark.parametrize(("case", "arch"), few([("odd channels", "sm_75"), ("groups", "sm_90")], ("groups", "sm_90")))
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(case, arch):
    call = CALLS[case]()
    launch = record(conv2d_dense, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(conv2d_dense, call, out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0


@pytest.mark.usefixtures("nvrtc")
def test_share_of_multiply_adds():
    """Of what a block of a layer from 256 to 64 channels issues, beside copies of vectors; no banks conflict."""
    call = layer((1, 256, 32, 32), (64, 256, 1, 1))
    device = DeviceLimits(multiprocessors=1)
    launch = record(lambda problem, facts: conv2d_dense(problem, replace(facts, device=device)), call)
    stats = launch.replay_sass("sm_90", blocks=(0, 1))[1]
    assert stats.ffma_share >= 0.8
    assert stats.bank_conflicts == 0
    assert stats.static["local_bytes"] == 0


def test_too_little_shared_memory():
    refusal = conv2d_dense(CALLS["groups"]().problem, Facts(device=DeviceLimits(shared_bytes=100)))
    assert "for its smallest tile; a block has 100" in refusal
