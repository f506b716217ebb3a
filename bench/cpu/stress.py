"""Random filters from several threads on the CPU backend, each held against the numpy backend.

    python -m bench.cpu.stress --seconds 600 --threads 4

Shapes straddle the tiles; dtypes, boundaries, layouts, strides, dilations and outputs are drawn together. A result may
differ by the error bounds of both plans. The first failure is printed with the seed that repeats it:

    python -m bench.cpu.stress --seed 12345
"""

import argparse
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np

from gpuconv import backends
from gpuconv.arrays import Operands
from gpuconv.engine import Call, execute, facts_of
from gpuconv.errors import UnsupportedProblemError
from gpuconv.options import Options
from gpuconv.statements import filter_call, separable_call

EXTENTS = (1, 2, 3, 4, 5, 7, 15, 16, 17, 23, 24, 25, 31, 33, 63, 64, 65, 97, 130, 257)
SHORT_EXTENTS = (1, 2, 3, 5, 6, 7, 13, 16, 17, 33, 65)  # of volumes
DTYPES = ("u1", "i1", "u2", "i2", "i4", "u4", "i8", "f2", "f4", "f8", "c8", "c16", "?")
BOUNDARIES = ("zero", "constant", "edge", "symmetric", "mirror", "wrap")


def random_values(rng: np.random.Generator, shape: tuple[int, ...], code: str) -> np.ndarray:
    """Small values: sums of 64-bit integers must fit."""
    dtype = np.dtype(code)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -(1 << 30)), min(info.max, 1 << 30), shape, dtype=dtype, endpoint=True)
    values = rng.standard_normal(shape) * 10
    if dtype.kind == "f" and rng.random() < 0.1:
        values[rng.random(shape) < 0.05] = rng.choice([np.nan, np.inf, -np.inf])
    return (values + 1j * rng.standard_normal(shape)).astype(dtype) if dtype.kind == "c" else values.astype(dtype)


def laid_out(rng: np.random.Generator, x: np.ndarray) -> np.ndarray:
    """The same values in another layout."""
    choice = rng.integers(6)
    if choice == 0:
        return np.asfortranarray(x)
    if choice == 1:
        wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    if choice == 2:
        return np.ascontiguousarray(x[::-1])[::-1]
    if choice == 3:
        return np.ascontiguousarray(x[..., ::-1])[..., ::-1]
    return x


def random_call(rng: np.random.Generator) -> Call:
    """One call of any kind that the backend takes."""
    rank, batch = int(rng.integers(1, 4)), tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 3)))
    extent = tuple(int(rng.choice(EXTENTS if rank < 3 else SHORT_EXTENTS)) for _ in range(rank))
    code, weights_code = str(rng.choice(DTYPES)), str(rng.choice(("f4", "f8", "i1", "i2", "c8")))
    x = random_values(rng, batch + extent, code)
    options = random_options(rng, x, rank)
    axes = options.axes or tuple(range(x.ndim - rank, x.ndim))
    limit = [x.shape[axis] if options.size == "valid" else 40 for axis in axes]
    longest = {1: 100, 2: 17, 3: 8}[rank]
    filter_ = tuple(int(min(rng.choice((1, 2, 3, 4, 5, 6, 7, 9, longest)), n)) for n in limit)
    if options.size == "valid":
        options = replace(options, dilation=1)
    x = laid_out(rng, x)
    if rng.random() < 0.3:
        kind = "i2" if code[0] in "iu?" and weights_code[0] == "i" else "f4"
        return separable_call(
            x, [rng.integers(-8, 8, n).astype(kind) for n in filter_], replace(options, skip_zero_taps=False)
        )
    weights = random_values(rng, filter_, weights_code)
    if options.skip_zero_taps:
        weights[rng.random(filter_) < 0.5] = 0
    return filter_call(x, weights, options, flipped=bool(rng.integers(2)))


def random_options(rng: np.random.Generator, x: np.ndarray, rank: int) -> Options:
    """Options that contradict neither one another nor the dtypes."""
    options: dict[str, Any] = {
        "size": str(rng.choice(("same", "full", "valid"))),
        "boundary": str(rng.choice(BOUNDARIES)),
    }
    if options["boundary"] == "constant":
        options["fill"] = int(rng.integers(0, 100))
    if rng.random() < 0.3:
        options["stride"] = tuple(int(s) for s in rng.integers(1, 4, rank))
    if rng.random() < 0.3:
        options["dilation"] = tuple(int(d) for d in rng.integers(1, 4, rank))
    if rng.random() < 0.3:
        options["axes"] = tuple(int(a) for a in rng.permutation(x.ndim)[:rank])
    if rng.random() < 0.3:
        options["out_dtype"] = (
            "c16" if x.dtype.kind == "c" else str(rng.choice(("u1", "i2", "i4", "u8", "f4", "f8", "c8")))
        )
        options["overflow"], options["rounding"] = "saturate", str(rng.choice(("half_even", "trunc", "floor")))
    options["skip_zero_taps"] = rng.random() < 0.2
    options["method"] = str(rng.choice(("auto", "auto", "auto", "direct", "fft")))
    return Options(**options)


def check(seed: int) -> str | None:
    """Run one call on both backends; what differs."""
    try:
        call = random_call(np.random.default_rng(seed))
        _, plan = backends.select(call.problem, facts_of(call), "cpu")
    except (TypeError, ValueError, OverflowError, UnsupportedProblemError):
        return None  # no such call
    _, reference = backends.select(call.problem, facts_of(call), "numpy")
    got, expected = (np.asarray(execute(replace(call, backend=name))) for name in ("cpu", "numpy"))
    magnitude = np.asarray(execute(_magnitudes(call)))
    with np.errstate(all="ignore"):
        norm = _norm(call)
        limit = plan.bound.at(magnitude, expected, norm) + reference.bound.at(magnitude, expected, norm)
        limit = (
            np.ceil(limit) if call.problem.out_dtype.kind in "iu" and call.problem.compute_dtype.kind == "f" else limit
        )
        wide = "c16" if expected.dtype.kind == "c" else "f8"
        error = np.abs(got.astype(wide) - expected.astype(wide))
        same = (got == expected) | (np.isnan(got) & np.isnan(expected)) | (error <= limit) | ~np.isfinite(limit)
        same |= _overflowed(got, expected, limit) | _overflowed(expected, got, limit)
    if same.all():
        return None
    worst = np.unravel_index(np.argmin(same), same.shape)
    return f"seed {seed}: {call.problem}\nat {worst}: cpu {got[worst]}, numpy {expected[worst]}, bound {limit[worst]}"


def _overflowed(one: np.ndarray, other: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Where one is infinite and the other, a float, may be for all that its bound says."""
    if one.dtype.kind != "f":
        return np.zeros(one.shape, bool)
    largest = float(np.finfo(one.dtype).max)
    return np.isinf(one) & (other.astype("f8") * np.sign(one) + limit >= largest)


def _magnitudes(call: Call) -> Call:
    """|weights| * |image| of a call."""
    problem = call.problem
    image, weights = (
        np.abs(a.astype(np.result_type(a, "f8"))) for a in (call.operands.image, call.operands.full_weights())
    )
    fill = abs(problem.fill)
    f8 = np.dtype("f8")
    changed = replace(problem, image_dtype=f8, weights_dtype=f8, compute_dtype=f8, out_dtype=f8, fill=fill)
    operands = Operands(image, weights)
    return Call(changed, replace(call.x, view=image), operands, call.out_order, backend="numpy", method="direct")


def _norm(call: Call) -> float:
    """||weights||_2 * max|image| of the finite samples, fill included."""
    wide = call.operands.image.astype(np.result_type(call.operands.image, "f8"))
    samples = np.abs(np.append(wide, call.problem.fill))
    return float(np.max(samples, initial=0, where=np.isfinite(samples)) * np.linalg.norm(call.operands.full_weights()))


def main() -> int:
    """Run until the time is over or a call fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seed", type=int, help="one call only")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        print(check(arguments.seed) or "as it should be")
        return 0
    failures: list[str] = []
    counts = [0] * arguments.threads
    stop = time.monotonic() + arguments.seconds

    def work(thread: int) -> None:
        seed = int(time.time()) * 1000 + thread * 10**12
        while time.monotonic() < stop and not failures:
            failure = check(seed + counts[thread])
            counts[thread] += 1
            if failure:
                failures.append(failure)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(arguments.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{sum(counts)} calls from {arguments.threads} threads, {len(failures)} failed")
    print(*failures, sep="\n")
    return bool(failures)


if __name__ == "__main__":
    raise SystemExit(main())
