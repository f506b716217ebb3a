"""Which kernels a problem takes, and compiling those that most problems take before they are needed."""

import functools
import itertools
from collections.abc import Callable, Iterator

from gpuconv.cpu import fft_recipe, jit
from gpuconv.cpu.depthwise_recipe import default_in_place_kernels
from gpuconv.cpu.driver import filter_kernel
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.layer_recipes import default_layer_kernels
from gpuconv.cpu.recipe import component, tile_kind
from gpuconv.cpu.rows import load_kernel, storable, store_kernel
from gpuconv.cpu.target import host
from gpuconv.cpu.tiles import LARGEST_COMPILED
from gpuconv.planning.bounds import MOST_TERMS
from gpuconv.problem import DType, Problem

LONGEST_LINE = 17  # taps: one more than any line that is compiled for its number of taps
IMAGES = {  # accumulators, and the images that they serve
    "f4": ("f4", "f2", "u1", "i1", "u2", "i2"),
    "f8": ("f8", "f4", "u1", "i1", "u2", "i2", "i4", "u4", "i8", "u8"),
    "i4": ("u1", "i1", "u2", "i2", "i4"),
    "i8": ("u1", "i1", "u2", "i2", "i4", "u4", "i8"),
}
OUTS = {
    "f4": ("f4", "f2", "u1", "i1", "u2", "i2"),
    "f8": ("f8", "f4", "u1", "i1", "u2", "i2"),
    "i4": ("i8", "u8", "u1", "i1", "u2", "i2", "i4"),
    "i8": ("i8", "u1", "i1", "u2", "i2", "i4"),
}


@functools.lru_cache(maxsize=256)
def kernels(problem: Problem, accumulator: DType, terms: int, checked: bool = False) -> tuple[Kernel, ...]:
    """Return the kernels of a filter whose arrays are contiguous; `terms`, `checked`: see `recipe`."""
    code, out = component(accumulator), component(problem.out_dtype)
    height, width = (1, *problem.filter)[-2:]
    (stride, across), (dilation, apart) = ((1, *steps)[-2:] for steps in (problem.stride, problem.dilation))
    kind = tile_kind(height, stride, dilation, separable=terms > 0, listed=accumulator.kind == "c")
    width, line = (terms, width) if terms else (width, 0)
    phased, near = across > 1, across == apart == 1
    kernel, _ = filter_kernel(
        *(code, kind, height, width), line=line, terms=max(terms, 1), checked=checked, phased=phased, near=near
    )
    found = [kernel]
    found.append(load_kernel(component(problem.image_dtype), code))
    if out != code and storable(code, out, problem.rounding, problem.overflow, host().half):
        found.append(store_kernel(code, out, problem.rounding, problem.overflow))
    return tuple(found)


def default_kernels() -> Iterator[Kernel]:
    """Yield the kernels of every usual dtype and of every size of filter, for sums and transforms, and of layers."""
    for code, images in IMAGES.items():
        for height, width in itertools.product(range(2, LARGEST_COMPILED + 2), (1, 3, 8)):
            yield filter_kernel(code, "sliding", height, width)[0]
        for taps in range(2, LONGEST_LINE + 1):
            yield filter_kernel(code, "sliding", taps, 1, line=taps, near=True)[0]
            yield filter_kernel(code, "line", 1, taps, near=True)[0]
        for height in range(2, LARGEST_COMPILED + 2):
            yield filter_kernel(code, "sliding", height, 1, line=1)[0]
        yield filter_kernel(code, "taps", 1, 1)[0]
        for terms in range(2, MOST_TERMS + 1) if code in ("f4", "f8") else ():
            yield filter_kernel(code, "sliding", LARGEST_COMPILED + 1, terms, line=1, terms=terms, checked=True)[0]
        for image in images:
            if image != "f2" or host().half:
                yield load_kernel(image, code)
        for out in OUTS[code]:
            if storable(code, out, "half_even", "saturate", host().half):
                yield store_kernel(code, out, "half_even", "saturate")
        if code in ("f4", "f8"):
            yield from fft_recipe.default_kernels(code)
            yield from default_in_place_kernels(code)
    yield from default_layer_kernels()


def warmup(progress: Callable[[int, int], None] | None = None) -> int:
    """Compile the kernels that most filters take, and keep them on disk.

    Parameters
    ----------
    progress : callable, optional
        Called with (kernels done, kernels in all) before the first and after each.

    Returns
    -------
    int
        How many had to be compiled.

    Examples
    --------
    >>> from gpuconv.cpu.warm import warmup
    >>> warmup()  # doctest: +SKIP
    152
    """
    wanted = list(dict.fromkeys(default_kernels()))
    missing = 0
    for done, kernel in enumerate(wanted):
        if progress:
            progress(done, len(wanted))
        missing += not jit.ready(kernel)
        jit.address(kernel)
    if progress:
        progress(len(wanted), len(wanted))
    return missing
