"""Which kernels a problem takes, and compiling those that most problems take before they are needed."""

import functools
import itertools
from collections.abc import Callable, Iterator

from gpuconv.cpu import fft_recipe, jit, seat
from gpuconv.cpu.depthwise_gradient_recipe import default_gradient_in_place_kernels
from gpuconv.cpu.depthwise_recipe import default_in_place_kernels
from gpuconv.cpu.jit import Kernel
from gpuconv.cpu.kernels import choose, filter_kernel
from gpuconv.cpu.layer_recipes import default_layer_kernels
from gpuconv.cpu.recipe import component, rounds_products
from gpuconv.cpu.rows import load_kernel, storable, store_kernel
from gpuconv.cpu.target import host
from gpuconv.cpu.tiles import LARGEST_COMPILED
from gpuconv.launches.cpu import filtered_axes
from gpuconv.planning.bounds import MOST_TERMS
from gpuconv.problem import DType, Ints, Problem

LONGEST_LINE = 17  # taps: one more than any line that is compiled for its number of taps
VOLUME_TAPS = (3, 5, 7, 9, 11, 13)
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
    axes = *filtered_axes(problem), problem.rank - 1
    steps = (problem.filter, problem.stride, problem.dilation)
    filter_, stride, dilation = ((1,) * (2 - len(axes)) + tuple(each[axis] for axis in axes) for each in steps)
    near, listed = stride[-1] == dilation[-1] == 1, accumulator.kind == "c"
    way = {"checked": checked, "listed": listed, "near": near, "rounded": rounds_products(problem)}
    chosen = choose(code, filter_, stride, dilation, terms=terms, **way)
    found = [chosen.kernel]
    found.append(load_kernel(component(problem.image_dtype), code))
    if out != code and storable(code, out, problem.rounding, problem.overflow, host().half):
        found.append(store_kernel(code, out, problem.rounding, problem.overflow))
    return tuple(found)


def default_kernels() -> Iterator[Kernel]:
    """Yield the kernels of every usual dtype and of every size of filter, for sums and transforms, and of layers."""
    for code, images in IMAGES.items():
        for height, width in itertools.product(range(2, LARGEST_COMPILED + 2), (1, 3, 8)):
            yield filter_kernel(code, "sliding", height, width)[0]
            if code == "f8":  # scipy.ndimage's sums
                yield filter_kernel(code, "sliding", height, width, rounded=True)[0]
        for taps in range(2, LONGEST_LINE + 1):
            yield filter_kernel(code, "sliding", taps, 1, line=taps, near=True)[0]
            yield filter_kernel(code, "line", 1, taps, near=True)[0]
        for height in range(2, LARGEST_COMPILED + 2):
            yield filter_kernel(code, "sliding", height, 1, line=1)[0]
        yield filter_kernel(code, "taps", 1, 1)[0]
        yield from _default_volume_kernels(code)
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
            yield from default_gradient_in_place_kernels(code)
    yield from default_layer_kernels()
    yield from seat.kernels()


def _default_volume_kernels(code: str) -> Iterator[Kernel]:
    """Yield the kernels of filters of volumes that are as long along every axis."""
    unit: Ints = (1, 1, 1)
    for taps, terms in itertools.product(VOLUME_TAPS if code in ("f4", "f8") else VOLUME_TAPS[:1], (0, 1)):
        filter_ = (taps,) * 3
        for rounded in (False, True) if code == "f8" and not terms else (False,):
            way = {"checked": False, "listed": False, "near": True, "rounded": rounded}
            yield choose(code, filter_, unit, unit, terms=terms, **way).kernel


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
    411
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
