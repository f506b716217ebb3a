"""Layers that are computed as several, on parts of the same arrays, as one: what they share is done once a call."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from gpuconv.cpu import pool
from gpuconv.cpu.job import address
from gpuconv.cpu.layer_weights import packed
from gpuconv.cpu.layers import Ready
from gpuconv.threads import get_num_threads

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]  # image, weights, bias and result
Split = Callable[[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray], Iterable[Arrays]]


@dataclass(eq=False)  # its weights are kept by its identity
class Joined:
    """Layers with everything but their arrays, which `split` takes from those of the whole.

    Where the images and results of the parts lie in the whole's is the same in every call. The weights of all parts are
    packed together, and only the whole's are looked at for changes.
    """

    parts: tuple[Ready, ...]
    split: Split
    offsets: tuple[tuple[int, int], ...]  # bytes from image and result to those of each part
    sizes: list[int] = field(default_factory=list)  # elements of each part's packed weights

    def run(self, image: np.ndarray, weights: np.ndarray, bias: np.ndarray | None, out: np.ndarray) -> None:
        """Compute; `out` must not overlap the others."""
        weights, added = self.parts[0].accumulators(weights, bias)
        kept = packed(weights, self, lambda given: self._pack(image, given, out))
        places = address(image), address(out), address(kept)
        at = 0
        for part, (image_offset, out_offset), size in zip(self.parts, self.offsets, self.sizes, strict=True):
            way, threads = part.ways[0], get_num_threads() if part.ways[0].worth_threads else 1
            found = way.recipe(threads)
            job = found.job.at(places[0] + image_offset, places[1] + out_offset, (image, out, kept, added))
            job.set(weights=places[2] + at * kept.itemsize, bias=address(added))
            pool.run(found.driver, job, threads)
            at += size

    def _pack(self, image: np.ndarray, weights: np.ndarray, out: np.ndarray) -> np.ndarray:
        arrays = zip(self.parts, self.split(image, weights, None, out), strict=True)
        ordered = [part.ways[0].order(taps).ravel() for part, (_, taps, _, _) in arrays]
        self.sizes = [array.size for array in ordered]
        return np.concatenate(ordered)


def joined(steps: tuple[object, ...], split: Split, arrays: Arrays) -> Joined | None:
    """Join layers of such arrays; None where one of them may take its second way."""
    parts = tuple(step for step in steps if isinstance(step, Ready) and len(step.ways) == 1)
    if not 1 < len(parts) == len(steps):
        return None
    image, out = address(arrays[0]), address(arrays[3])
    offsets = ((address(i) - image, address(o) - out) for i, _, _, o in split(*arrays))
    return Joined(parts, split, tuple(offsets))
