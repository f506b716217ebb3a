"""Arrays of more than 2^31 elements: every launch keeps to the limits of grids and of its arguments, or refuses."""

import itertools
from dataclasses import replace

import pytest
from cuda_problems import DEVICE, FACTORS, HOST, make

from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda import LAUNCHERS, VOLUME_LAUNCHERS
from gpuconv.launches.cuda_defaults import default_launches
from gpuconv.planning.facts import DeviceLimits

GRID = (2**31 - 1, 65535, 65535)
RANGES = {"int": 2**31, "long long": 2**63, "unsigned long long": 2**64}
IMAGES = {  # extent and number
    "one large image": ((50_000, 50_000), 1),
    "a larger one": ((70_000, 70_000), 1),
    "many small images": ((200, 200), 100_000),
    "more images than an int counts": ((1, 1), 3_000_000_000),
    "wide": ((3, 900_000_000), 1),
    "high": ((900_000_000, 3), 1),
    "wider than an int": ((1, 2_500_000_000), 1),
    "higher than an int": ((2_500_000_000, 1), 1),
}
FILTERS = ((3, 3), (7, 7), (5, 4), (31, 31), (63, 63), (9, 1), (1, 9), (200, 1))
SIGNALS = {"one": ((3_000_000_000,), 1), "short": ((10,), 400_000_000), "single samples": ((1,), 2**32)}
LAYERS = {  # extent, images, channels in and out, groups
    "many images": ((56, 56), 20_000, (64, 64, 1)),
    "many channels": ((7, 7), 64, (70_000, 70_000, 1)),
    "a channel each": ((112, 112), 3_000, (100, 100, 100)),
    "more groups than a grid is high": ((7, 7), 700, (70_000, 70_000, 70_000)),
    "large images": ((30_000, 30_000), 2, (3, 3, 1)),
}
DEVICES = (DeviceLimits(), DeviceLimits(multiprocessors=144, optin_shared_bytes=227 * 1024, parameter_bytes=32764))


def problems():
    for (extent, images), taps, stride in ((i, f, s) for i in IMAGES.values() for f in FILTERS for s in (1, 2)):
        for dtype in ("float32", "uint8", "float64"):
            yield make(extent, taps, dtype=dtype, images=images, stride=(stride, stride))
    for extent, images in SIGNALS.values():
        for taps in (1, 31, 2000):
            yield make(extent, (taps,), images=images)
    for extent, images, channels in LAYERS.values():
        for taps in ((1, 1), (3, 3), (7, 7)):
            for dtype in ("float32", "float16"):
                yield make(extent, taps, images=images, channels=channels, dtype=dtype)


@pytest.mark.parametrize("launcher", LAUNCHERS, ids=lambda launcher: launcher.__name__)
def test_no_launch_overflows(launcher):
    for problem in problems():
        for facts in (HOST, FACTORS, DEVICE):
            for device in DEVICES:
                launch = launcher(problem, replace(facts, image_max=255, device=device))
                if isinstance(launch, LaunchPlan):
                    check(launch, problem)


def check(launch, problem):
    for blocks, most in zip(launch.grid, GRID, strict=True):
        assert 0 < blocks <= most, (launch, problem)
    for argument in launch.arguments:
        if argument.kind == "scalar" and argument.type in RANGES:
            assert -RANGES[argument.type] <= argument.value < RANGES[argument.type], (argument, problem)


@pytest.mark.parametrize("extent", [(40_000, 300, 300), (3, 30_000, 30_000), (300, 3, 500_000)])
@pytest.mark.parametrize("launcher", VOLUME_LAUNCHERS, ids=lambda launcher: launcher.__name__)
def test_no_launch_over_volumes_overflows(launcher, extent):
    for taps, images, device in itertools.product(((3, 3, 3), (1, 33, 5)), (1, 300), DEVICES):
        problem = make(extent, taps, images=images)
        launch = launcher(problem, replace(FACTORS, device=device))
        if isinstance(launch, LaunchPlan):
            check(launch, problem)


@pytest.mark.parametrize("name", [*IMAGES, *SIGNALS, *LAYERS])
def test_some_kernel_takes_it_all_the_same(name):
    extent, images, *channels = (IMAGES | SIGNALS | LAYERS)[name]
    taps = (3,) * len(extent)
    problem = make(extent, taps, images=images, channels=channels[0] if channels else (1, 1, 1))
    found = [launcher(problem, HOST) for launcher in LAUNCHERS]
    assert any(isinstance(launch, LaunchPlan) for launch in found), found


def test_kernels_are_found_by_name():
    """A part of a problem takes the kernel of the whole."""
    kernels = {launch.specialization.kernel for launch in default_launches()}
    steps = {"fft_filter", "fft_load", "fft_multiply", "fft_store", "sum_parts"}  # of algorithms that have several
    assert kernels - steps <= {launcher.__name__ for launcher in (*LAUNCHERS, *VOLUME_LAUNCHERS)}
