"""How long an algorithm takes, modelled from a few rates: what the planner compares. Pure functions.

On a CPU the time is products, samples and tiles times what each costs. On a GPU it is the longer of arithmetic and
traffic: multiply-adds at 0.9 of what the cores can issue, or bytes at the bandwidth of the device's memory.
"""

import math

from gpuconv.dtypes import is_integer
from gpuconv.planning.bounds import summed_spectra
from gpuconv.planning.facts import RATES, DeviceLimits, Facts
from gpuconv.planning.overlap import Tiles
from gpuconv.problem import Problem

SUMMED_VALUES = 3  # times the cost of a sample's load and store, where spectra and their sums are written and read, too
ISSUE = 0.9  # multiply-adds that kernels reach of those that cores can issue
LAUNCH = 5e-6  # seconds of a launch
TRANSFORM_BYTES = 60  # of a sample of 4 bytes: loaded, transformed twice each way, multiplied, written
TRANSFORM_LAUNCHES = 7  # of a batch of tiles
HALF_RATE_DOUBLE = ((8, 0), (9, 0), (10, 0))  # compute capabilities; others have 1 float64 core for 64 of float32


def sum_seconds(problem: Problem, facts: Facts, backend: str, *, terms: int) -> float:
    """Seconds of the direct sum (0 terms), or of one pass over each axis for each term."""
    found = parts(problem, facts, backend, None, terms=terms)
    longest = max(found["arithmetic"], found["memory"]) if backend not in RATES else sum(found.values())
    return longest if backend in RATES else longest + found["overhead"]


def transform_seconds(problem: Problem, facts: Facts, backend: str, cut: Tiles) -> float:
    """Seconds of overlap-save with these tiles."""
    return sum(parts(problem, facts, backend, cut, terms=0).values())


def parts(problem: Problem, facts: Facts, backend: str, cut: Tiles | None, *, terms: int) -> dict[str, float]:
    """What the time is made of: seconds of "arithmetic", "memory" and "overhead"."""
    if cut is not None:
        return _of_transforms(problem, facts, backend, cut)
    products = products_of(problem, terms)
    if backend not in RATES:
        found = arithmetic_seconds(problem, facts.device, products), traffic_seconds(problem, facts.device), LAUNCH
    else:
        rates = facts.rates or RATES[backend]
        values = math.prod(problem.out_shape) * rates.value * _width(problem)
        shared = terms == 0 or (backend == "cpu" and terms > 1)  # several terms share what they load, as taps do
        found = products * (rates.product if shared else rates.passed) * _width(problem), values, rates.job
    return dict(zip(("arithmetic", "memory", "overhead"), found, strict=True))


def _of_transforms(problem: Problem, facts: Facts, backend: str, cut: Tiles) -> dict[str, float]:
    size, samples = math.prod(cut.points), transformed(problem, cut)
    width = 2 if is_integer(problem.compute_dtype) else problem.compute_dtype.itemsize / 4
    jobs = -(-samples // (size * cut.across * cut.images))
    if backend not in RATES:
        traffic = samples * TRANSFORM_BYTES * width / facts.device.bandwidth
        return {"arithmetic": 0.0, "memory": traffic, "overhead": jobs * TRANSFORM_LAUNCHES * LAUNCH}
    rates = facts.rates or RATES[backend]
    summed = summed_spectra(problem, cut.points)  # a complex product is four real ones, of two tiles
    arithmetic = samples * width * (rates.point * math.log2(max(2, size)) + rates.product * 2 * (summed - 1))
    values = samples * width * (SUMMED_VALUES if summed > 1 else 1)
    return {"arithmetic": arithmetic, "memory": values * rates.value, "overhead": jobs * rates.job}


def transformed(problem: Problem, cut: Tiles) -> int:
    """Samples of all tiles; those that two tiles share count twice."""
    axes = zip(problem.out_extent, cut.points, cut.outputs, strict=True)
    columns = math.prod(n if points == 1 else -(-n // outputs) for n, points, outputs in axes)
    return problem.images * columns * math.prod(cut.points)


def products_of(problem: Problem, terms: int) -> int:
    """Products of the direct sum (0 terms), or of one pass over each axis for each term."""
    return problem.multiply_adds * terms * sum(problem.filter) // problem.taps if terms else problem.multiply_adds


def operations(problem: Problem, cut: Tiles | None, terms: int) -> int:
    """Additions and multiplications; of a transform of n real points 2.5 n log2 n, as is usual."""
    several = 4 if problem.compute_dtype.kind == "c" else 1
    if cut is None:
        return 2 * several * products_of(problem, terms)
    size, products = math.prod(cut.points), 3 + 4 * (summed_spectra(problem, cut.points) - 1)
    return int(transformed(problem, cut) * (2 * 2.5 * math.log2(max(2, size)) + products) * (2 if several > 1 else 1))


def arithmetic_seconds(problem: Problem, device: DeviceLimits, products: int) -> float:
    """Seconds that a GPU's cores take for so many multiply-adds."""
    capability = device.compute_capability
    cores = device.multiprocessors * (64 if capability in ((7, 5), (8, 0)) else 128)
    dtype, several = problem.compute_dtype, 4 if problem.compute_dtype.kind == "c" else 1  # for a complex product
    if dtype.kind in "fc" and dtype.itemsize >= (16 if several > 1 else 8):
        cores //= 2 if capability in HALF_RATE_DOUBLE else 64
    return several * products / (ISSUE * cores * device.clock)


def traffic_bytes(problem: Problem) -> int:
    """Bytes that have to be read and written at least: the image and the result, once."""
    image = problem.images * problem.channels_in * math.prod(problem.extent) * problem.image_dtype.itemsize
    return image + math.prod(problem.out_shape) * problem.out_dtype.itemsize


def traffic_seconds(problem: Problem, device: DeviceLimits) -> float:
    """Seconds that the memory of a GPU takes for them."""
    return traffic_bytes(problem) / device.bandwidth


def _width(problem: Problem) -> float:
    """Cost of an operation beside one on real numbers of 4 bytes."""
    size: int = problem.compute_dtype.itemsize
    return size / 4 * (2 if problem.compute_dtype.kind == "c" else 1)
