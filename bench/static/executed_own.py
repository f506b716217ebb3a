"""What this package launches for a case; to be run with the stand-in cupy."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import cupy
import numpy as np
import standin

import gpuconv

from .executed import Cost, Work, cost
from .works import GRADIENTS, LAYERS

EXTENT = 6144  # of the images: large enough for the tiles of large images
VOLUME = (128, 512, 1024)  # wide enough for blocks in the middle


def own_cost(work: Work, arch: str) -> Cost:
    """Plan a case for the device that the stand-in pretends, and execute some blocks of its (last) kernel."""
    with gpuconv.backend("cupy"), standin.recording(run=False) as launches:
        CALLS[work.family](work.name)
    return _sums(work, launches[0], arch) if work.family == "gradient of weights" else cost(work, launches[-1:], arch)


def _sums(work: Work, launch: standin.Launch, arch: str) -> Cost:
    """The cost of a gradient: that of a partial sum, times how many make up an output; adding them up is left out."""
    found, partial_sums = cost(work, [launch], arch), [a for a in launch.arrays_before() if a is not None][-1]
    parts = partial_sums.size // int(np.prod(GRADIENTS[work.name][1]))
    names = ("instructions", "multiply_adds", "wavefronts")
    return replace(found, **{name: parts * getattr(found, name) for name in names})


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def _image(*shape: int) -> Any:
    return cupy.asarray(np.zeros(shape, "float32"))


def _taps(name: str) -> int:
    return int(name.replace(" ", "x").split("x")[0])


def _direct(name: str) -> None:
    gpuconv.correlate(_image(EXTENT, EXTENT), _random(_taps(name), _taps(name)), boundary="mirror", method="direct")


def _separable(name: str) -> None:
    gpuconv.sepconvolve(_image(EXTENT, EXTENT), [_random(_taps(name))] * 2, boundary="mirror")


def _pixels(name: str) -> None:
    weights = _random(_taps(name), _taps(name))
    gpuconv.correlate(_image(2048, 2048, 3), weights, channel_axis=-1, boundary="mirror", method="direct")


def _low_rank(name: str) -> None:
    columns, rows = _random(2, _taps(name)), _random(2, _taps(name))[:, ::-1]
    gpuconv.correlate(_image(EXTENT, EXTENT), columns.T @ rows, boundary="mirror", method="low_rank")


def _volume(name: str) -> None:
    weights = _random(*(_taps(name),) * 3)
    gpuconv.correlate(_image(*VOLUME), weights, boundary="mirror", method="direct")


def _separable_volume(name: str) -> None:
    gpuconv.sepconvolve(_image(*VOLUME), [_random(_taps(name))] * 3, boundary="mirror")


def _depthwise(name: str, stride: int = 1) -> None:
    k = _taps(name)
    gpuconv.nn.conv2d(_image(1, 3, 2048, 2048), _random(3, 1, k, k), stride=stride, padding=k // 2, groups=3)


def _depthwise_1d(name: str) -> None:
    gpuconv.nn.conv1d(_image(1, 64, 1 << 16), _random(64, 1, _taps(name)), padding=_taps(name) - 1, groups=64)


def _magnitude(name: str) -> None:
    gpuconv.filters.sobel(_image(EXTENT, EXTENT))


def _signal(name: str) -> None:
    gpuconv.correlate(_image(1 << 22), _random(_taps(name)), method="direct")


def _dense(name: str) -> None:
    input_, weights, stride = LAYERS[name]
    pad = (weights[-1] - 1) // 2
    gpuconv.nn.conv2d(_image(*input_), cupy.asarray(_random(*weights)), stride=stride, padding=pad)


def _gradient(name: str) -> None:
    input_, weights, stride = GRADIENTS[name]
    grad = _image(input_[0], weights[0], *(n // stride for n in input_[2:]))
    gpuconv.nn.conv2d_weight(_image(*input_), weights, grad, stride=stride, padding=weights[-1] // 2)


CALLS: dict[str, Callable[[str], None]] = {
    "direct": _direct,
    "separable": _separable,
    "RGB, channels last": _pixels,
    "sum of two outer products": _low_rank,
    "volumes": _volume,
    "volumes, separable": _separable_volume,
    "depthwise": _depthwise,
    "depthwise, stride 2": partial(_depthwise, stride=2),
    "gradient magnitude": _magnitude,
    "1D": _signal,
    "depthwise, 1D": _depthwise_1d,
    "dense": _dense,
    "gradient of weights": _gradient,
}
