"""The kernels that CuPy and cuCIM generate for the same filters; to be run with the real CuPy."""

import inspect
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from standin import compile_all, sassrun

from .executed import Cost, Work, cost

OPTIONS = ("-std=c++17",)
HEIGHT, WIDTH = 512, 1024


@dataclass(frozen=True)
class Launch:
    """One launch of a text that only NVRTC compiles."""

    text: str
    name: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    arguments: list[Any]
    options: tuple[str, ...]

    def replay_sass(self, arch: str, **options: Any) -> tuple[list[Any], Any]:
        """Execute machine code; the arrays, None for values, and the statistics."""
        cubin = compile_all(self.text, [arch], self.options)[arch]
        arguments = [a.copy() for a in self.arguments]
        stats = sassrun().run(cubin, self.name, self.grid, self.block, arguments, arch=arch, **options)
        return [a if isinstance(a, np.ndarray) else None for a in arguments], stats


def peer_cost(work: Work, arch: str) -> Cost:
    """The peer of a family: cupyx.scipy.ndimage.correlate, or cuCIM's passes for separable filters."""
    taps = int(work.name.split("x")[0])
    if work.family == "direct":
        return cost(work, [_cupy_launch(taps)], arch)
    return cost(work, _cucim_launches(taps), arch, outputs=1)


def _cupy_launch(taps: int) -> Launch:
    _, text, options = cupy_kernel(taps)
    image, weights = np.ones((HEIGHT, WIDTH), np.float32), np.ones((taps, taps), np.float32)
    arguments = [*map(np.int32, (HEIGHT, WIDTH, taps)), image, weights, np.full_like(image, np.nan)]
    return Launch(text, "correlate", (image.size // 128, 1, 1), (128, 1, 1), arguments, options)


def cupy_kernel(taps: int) -> tuple[str, str, tuple[str, ...]]:
    """(name, text, options): what the installed CuPy generates, behind an entry that takes plain pointers."""
    import cupy
    from cupy._core import _carray, _kernel
    from cupyx.scipy.ndimage import _filters_core

    offsets, body = (taps // 2,) * 2, ("W sum = (W)0;", "sum += cast<W>({value}) * wval;", "y = cast<Y>(sum);")
    kernel = _filters_core._generate_nd_kernel(
        "correlate", *body, "mirror", (taps, taps), "int", offsets, 0.0, ctype="W"
    )
    single = np.dtype(np.float32)
    types = kernel._decide_params_type((single, single), (single,))[2]
    infos = [_kernel._ArgInfo(1, cupy.ndarray, np.float32, 2, True, True)] * 3
    infos.append(_kernel._ArgInfo(2, _carray.Indexer, None, 2, True, True))
    generated = _kernel._get_elementwise_kernel_code(
        tuple(infos), types, kernel.params, kernel.operation, kernel.name, kernel.preamble
    )
    text = generated.replace('extern "C" __global__ void', "__device__ __forceinline__ void")
    entry = ENTRY.replace("KERNEL", kernel.name)
    return kernel.name, f"#include <cupy/carray.cuh>\n{text}\n{entry}", (*OPTIONS, *_include_options())


ENTRY = """
extern "C" __global__ void correlate(int height, int width, int size, const float* x, const float* w, float* y) {
    const ptrdiff_t image[] = {height, width}, taps[] = {size, size};
    KERNEL(CArray<float, 2, 1, 1>(const_cast<float*>(x), image), CArray<float, 2, 1, 1>(const_cast<float*>(w), taps),
           CArray<float, 2, 1, 1>(y, image), CIndexer<2, 1>(image));
}"""


def _cucim_launches(taps: int) -> list[Launch]:
    """Its two passes over an image, rows first."""
    import cucim.skimage._vendored.ndimage
    from cucim.skimage.filters import _separable_filtering as cucim

    source = inspect.unwrap(cucim._get_separable_conv_kernel_src)  # else it asks for the device
    launches = []
    for axis in (1, 0):
        name, block, patch, text = source(taps, axis, 2, taps // 2, "float", "float", "float", "mirror", 0)
        grid = cucim._get_grid((HEIGHT, WIDTH), block, axis, patch)
        image = np.ones((HEIGHT, WIDTH), np.float32)
        weights = np.ones(taps, np.float32)
        arguments = [image, np.full_like(image, np.nan), weights, *map(np.int32, (taps // 2, HEIGHT, WIDTH))]
        launches.append(Launch(text, name, grid, block, arguments, (*OPTIONS, *_include_options())))
    return launches


def _include_options() -> tuple[str, ...]:
    import cupy

    include = os.path.join(os.path.dirname(cupy.__file__), "_core", "include")
    bundled = [os.path.join(include, "cupy", "_cccl", name) for name in ("libcudacxx", "thrust", "cub")]
    folders = [include, *bundled, *sassrun().include_dirs()]
    return tuple(f"-I{path}" for path in folders)
