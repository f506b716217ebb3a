"""What an output costs in executed machine code, this package's kernels beside the one that CuPy generates.

`python -m bench.static.dynamic` writes dynamic.md beside this file. Every figure is of one inner block of a large image
of float32; the times are modelled: nothing but the largest of issue, shared memory and ideal traffic counts.
"""

import argparse
import os
import sys
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "tests"))
from standin import ARCHITECTURES, compile_all, sassrun

TAPS = (3, 5, 7, 9, 11, 15, 21, 31)
OPTIONS = ("-std=c++17",)
LARGE = 9216  # extent of the image that the plan is made for: whole tiles of every kind
BYTES = 8  # of an output: one value read, one written


@dataclass(frozen=True)
class Device:
    """Peak rates; an instruction a lane is what one multiply-add takes."""

    name: str
    arch: str
    instructions: float  # a second
    bandwidth: float  # bytes a second


DEVICES = (Device("H100 SXM", "sm_90", 66.9e12 / 2, 3.35e12), Device("RTX 4090", "sm_89", 82.6e12 / 2, 1.008e12))


@dataclass(frozen=True)
class Cost:
    """Executed by the block(s) that were run, for each output."""

    kernel: str
    taps: int
    arch: str
    instructions: float  # of a lane
    multiply_adds: float
    wavefronts: float  # of shared memory, times 32
    bank_conflicts: int
    coalescing: float
    registers: int
    spilled_bytes: int

    @property
    def share(self) -> float:
        """Multiply-adds among the instructions: the bound on the fraction of the FP32 peak."""
        return self.multiply_adds / self.instructions

    def modelled(self, device: Device) -> tuple[float, float]:
        """Fractions of a device's FP32 peak and bandwidth; the slowest of issue, shared memory and memory decides."""
        busy = (
            max(self.instructions, 4 * self.wavefronts) / device.instructions
        )  # four schedulers, one wavefront a clock
        time = max(busy, BYTES / device.bandwidth)
        return self.taps**2 / device.instructions / time, BYTES / device.bandwidth / time


def own_cost(taps: int, arch: str) -> Cost:
    """The kernel that the planner takes for a large image and a square filter: the middle one of nine tiles."""
    from gpuconv.sources import source

    plan, (down, across) = own_launch(taps)
    image, out = np.ones((3 * down, 3 * across), np.float32), np.empty((3 * down, 3 * across), np.float32)
    filter_, weights = np.ones((taps, taps), np.float32), next(a for a in plan.arguments if a.kind == "weights")
    values: dict[str, Any] = {a.name: a.value for a in plan.arguments}
    values |= {"height": 3 * down, "out_h": 3 * down, "width": 3 * across, "out_w": 3 * across, "tiles_h": 3}
    capacity = dict(plan.specialization.constants).get("CAPACITY", taps * taps)
    given = np.resize(filter_, capacity).tobytes() if weights.by_value else filter_
    scalars = [np.float32(0) if a.name == "fill" else np.int32(values[a.name]) for a in plan.arguments[3:]]
    cubin = compile_all(source(plan.specialization), [arch], OPTIONS)[arch]
    stats = sassrun().run(
        cubin, plan.specialization.kernel, (3, 3), plan.block, [image, given, out, *scalars], arch=arch, blocks=(4, 5)
    )
    return _cost(plan.specialization.kernel, taps, arch, stats, down * across)


def own_launch(taps: int) -> tuple[Any, tuple[int, int]]:
    """Launch for a large image, and the outputs of a tile."""
    from gpuconv.core import filter_call
    from gpuconv.facts import Facts
    from gpuconv.launches.cuda_direct import SMALL_SIZES, conv2d_large, conv2d_small
    from gpuconv.options import Options

    small = np.zeros((16, 16), np.float32), np.ones((taps, taps), np.float32)
    problem = replace(filter_call(*small, Options(), flipped=False).problem, extent=(LARGE, LARGE))
    plan = (conv2d_small if taps in SMALL_SIZES else conv2d_large)(problem, Facts(weights_sum=1, zero_taps=False))
    tiles_w, tiles_h = plan.grid[0], next(a.value for a in plan.arguments if a.name == "tiles_h")
    return plan, (-(-LARGE // int(tiles_h)), -(-LARGE // tiles_w))


def cupy_cost(taps: int, arch: str) -> Cost:
    """The kernel behind cupyx.scipy.ndimage.correlate, compiled with CuPy's headers; four blocks inside an image."""
    name, text, options = cupy_kernel(taps)
    height, width, size = max(48, 2 * taps), 256, np.int32(taps)
    image, out = np.ones((height, width), np.float32), np.empty((height, width), np.float32)
    arguments = [image, np.ones((taps, taps), np.float32), out, np.int32(height), np.int32(width), size]
    cubin = compile_all(text, [arch], options)[arch]
    first = height // 2 * width // 128
    stats = sassrun().run(cubin, "correlate", image.size // 128, 128, arguments, arch=arch, blocks=(first, first + 4))
    return _cost(name, taps, arch, stats, 4 * 128)


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
    include = os.path.join(os.path.dirname(cupy.__file__), "_core", "include")
    folders = [include, os.path.join(include, "cupy", "_cccl", "libcudacxx"), *sassrun().include_dirs()]
    entry = ENTRY.replace("KERNEL", kernel.name)
    return kernel.name, f"#include <cupy/carray.cuh>\n{text}\n{entry}", (*OPTIONS, *(f"-I{path}" for path in folders))


ENTRY = """
extern "C" __global__ void correlate(float* x, float* w, float* y, int height, int width, int size) {
    const ptrdiff_t image[] = {height, width}, taps[] = {size, size};
    KERNEL(CArray<float, 2, 1, 1>(x, image), CArray<float, 2, 1, 1>(w, taps), CArray<float, 2, 1, 1>(y, image),
           CIndexer<2, 1>(image));
}"""


def _cost(kernel: str, taps: int, arch: str, stats: Any, outputs: int) -> Cost:
    wavefronts = sum(totals["wavefronts"] for totals in stats.shared.values())
    counted = (stats.warp_instructions, stats.ffma_share * stats.warp_instructions, wavefronts)
    each = [32 * count / outputs for count in counted]
    static = stats.static
    return Cost(
        kernel, taps, arch, *each, stats.bank_conflicts, stats.coalescing, static["registers"], static["local_bytes"]
    )


def markdown(costs: list[Cost]) -> str:
    """One table of executed counts, one of modelled fractions."""
    lines = ["# What an output costs", "", f"{__doc__.splitlines()[-2]} {__doc__.splitlines()[-1]}", ""]
    lines += ["| K | arch | kernel | instructions | FFMA share | conflicts | coalescing | registers | spilled |"]
    lines += ["|" + " --- |" * 9]
    for c in costs:
        row = (c.taps, c.arch, c.kernel, f"{c.instructions:.1f}", f"{c.share:.3f}", c.bank_conflicts)
        lines.append("| " + " | ".join(map(str, (*row, f"{c.coalescing:.2f}", c.registers, c.spilled_bytes))) + " |")
    lines += ["", "| K | device | kernel | % of FP32 peak | % of bandwidth |", "|" + " --- |" * 5]
    for c in costs:
        for device in DEVICES:
            if c.arch == device.arch:
                peak, bandwidth = c.modelled(device)
                lines.append(f"| {c.taps} | {device.name} | {c.kernel} | {100 * peak:.0f} | {100 * bandwidth:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.static.dynamic", description=__doc__.splitlines()[0])
    parser.add_argument("--taps", type=int, nargs="+", default=TAPS)
    parser.add_argument("--arch", nargs="+", default=ARCHITECTURES)
    arguments = parser.parse_args()
    costs, left_out = [], []
    for taps, arch, cost in product(arguments.taps, arguments.arch, (own_cost, cupy_cost)):
        try:
            costs.append(cost(taps, arch))
        except sassrun().SassError as error:
            if error.kind != "unsupported":
                raise
            left_out.append(f"Not executed: {cost.__name__} of K = {taps} on {arch}; the emulator says: {error}.")
    text = "\n".join([markdown(costs), *left_out])
    (Path(__file__).parent / "dynamic.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
