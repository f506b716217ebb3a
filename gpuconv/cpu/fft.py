"""Filters by Fourier transforms of overlapping tiles (overlap-save): for filters of many taps."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gpuconv.cpu import pool
from gpuconv.cpu.fft_recipe import recipe
from gpuconv.cpu.fft_spectrum import spectrum, standing_spectrum, volume_spectrum
from gpuconv.cpu.fft_tiles import TileJob
from gpuconv.problem import Ints, Problem
from gpuconv.threads import get_num_threads

RATE = 6e9  # bytes of a tile a second, roughly
LEAST_SECONDS = 0.1e-3  # less work is not worth waking a thread for


class Runner(Protocol):
    """What computes an image into an output."""

    def run(self, image: np.ndarray, out: np.ndarray) -> None:
        """Compute."""

    @property
    def workspace_bytes(self) -> int:
        """Scratch memory."""


@dataclass(frozen=True)
class Ready:
    """A filter with everything but its arrays, for images and outputs of certain shapes and strides."""

    driver: pool.Driver
    job: TileJob
    worth_threads: bool
    instead: Runner  # for data with nan or infinities

    def run(self, image: np.ndarray, out: np.ndarray) -> None:
        """Compute; the two must not overlap."""
        job = self.job.run_on(image, out)
        pool.run(self.driver, job, get_num_threads() if self.worth_threads else 1)
        if job["spoiled"]:
            self.instead.run(image, out)

    @property
    def workspace_bytes(self) -> int:
        """Scratch memory, which every thread keeps for its next call."""
        own = self.job.scratch_bytes * (get_num_threads() if self.worth_threads else 1)
        return max(own, self.instead.workspace_bytes)


def prepare(problem: Problem, points: Ints, weights: np.ndarray, strides: Ints, instead: Runner) -> Ready:
    """Make a plain filter of stride 1 ready.

    Parameters
    ----------
    problem : Problem
        Of one or two axes, or three that are all filtered.
    points : tuple of int
        Length of the transform along each axis: a power of two, or 1 along an axis of one tap and across slices.
    weights : numpy.ndarray
        As accumulators: float32, float64, complex64 or complex128.
    strides : tuple of int
        Of the image and then of the output, in bytes.
    instead : Runner
        Computes the problem where the data turns out not to be finite.
    """
    found = recipe(problem, points, weights.dtype, strides)
    job, tile = found.job.copy(), found.tile
    if tile.deep:
        job.point(spectrum=volume_spectrum(weights, problem.dilation, (tile.height, tile.width)))
    elif tile.standing:
        job.point(spectrum=standing_spectrum(weights, problem.dilation[0], tile.height))
    else:
        job.point(spectrum=spectrum(weights, problem.dilation, (tile.height, tile.width), tile.linear))
    seconds = job["tiles"] * max(1, job["out_d"]) * tile.points * weights.itemsize / RATE
    return Ready(found.driver, job, seconds > LEAST_SECONDS, instead)
