"""Faults put into the kernels on purpose: each must be caught.

Run under Numba's simulator and as machine code. The simulator runs a block's threads one after another wherever it
likes, so a missing barrier may or may not show there; the machine code is executed with a race check, which finds it.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numba_driver
import pytest
from agreement import check_call, check_convolve, check_sepconvolve, random

from gpuconv import sources
from gpuconv.backends import numba_cuda as backend
from gpuconv.backends.numba_probe import simulated
from gpuconv.launches import numba_cuda as launches
from gpuconv.nn import layer_call
from numba_sim import conversions

MODULES = ("boundary", "convert", "tile", "conv2d_tiled", "conv2d_separable", "conv1d", "conv2d_layer")
BARRIER = "cuda.syncthreads()"


def tiled():
    check_convolve(random((19, 37), "float32"), random((5, 5), "float32", 1), boundary="symmetric")


def separable():
    factors = random(5, "float32", 1), random(5, "float32", 2)
    check_sepconvolve(random((19, 37), "float32"), factors, boundary="symmetric")


def conversion():
    conversions.test_float_to_integer("float32", "uint8", "floor", "wrap")


def signal():
    check_convolve(random((2, 300), "float32"), random(9, "float32", 1), boundary="mirror", stride=2, dilation=3)


def layer():
    x, w = random((1, 4, 40, 9), "float32"), random((6, 2, 3, 2), "float32", 1)
    check_call(layer_call(2, x, w, None, padding=2, groups=2, stride=(3, 2), dilation=(2, 3)))


@dataclass(frozen=True)
class Fault:
    case: Callable[[], None]
    module: str
    right: str
    wrong: str
    nth: int = 0  # of several places

    def __str__(self) -> str:
        return f"{self.case.__name__}-{self.right}-{self.nth}"


BARRIERS = [
    Fault(tiled, "conv2d_tiled", BARRIER, "pass"),
    *(Fault(separable, "conv2d_separable", BARRIER, "pass", nth) for nth in (0, 1)),
    *(Fault(signal, "conv1d", BARRIER, "pass", nth) for nth in (0, 1)),
    *(Fault(layer, "conv2d_layer", BARRIER, "pass", nth) for nth in (0, 1)),
]
FAULTS = [
    Fault(tiled, "conv2d_tiled", "y0 - pad_y, x0", "y0 - pad_y + 1, x0"),  # halo off by one
    Fault(tiled, "conv2d_tiled", "TILE_H + FILTER_H - 1", "TILE_H + FILTER_H - 2", nth=1),
    Fault(tiled, "conv2d_tiled", "(i + r) * SPAN_W", "(i + r) * SPAN_H"),  # pitch
    Fault(tiled, "conv2d_tiled", "y < out_height", "y <= out_height"),
    Fault(tiled, "conv2d_tiled", "taps[index(r * FILTER_W + s)]", "taps[index(s * FILTER_W + r)]"),
    Fault(separable, "conv2d_separable", "TAPS + s)]", "s)]"),
    Fault(separable, "conv2d_separable", "ty * ROWS + i + r", "ty * ROWS + i + r + 1"),
    Fault(tiled, "tile", "i * span_w + j", "i * span_h + j"),
    Fault(tiled, "tile", "rest // width", "rest // width + 1"),
    Fault(tiled, "boundary", "period - 1 - folded", "period - folded"),
    Fault(conversion, "convert", "nearest > value", "nearest >= value"),
    Fault(conversion, "convert", "~magnitude + np.uint64(1)", "~magnitude"),
    Fault(signal, "boundary", "2 * extent - 2", "2 * extent - 1"),
    Fault(signal, "conv1d", "first * dilation", "first"),
    Fault(signal, "conv1d", "s * far", "s * near"),
    Fault(signal, "conv1d", "x < out_width", "x <= out_width"),
    Fault(layer, "conv2d_layer", "group * channels + c", "c"),
    Fault(layer, "conv2d_layer", "s * far_x", "s * far_y"),
    Fault(layer, "conv2d_layer", "k + i < k_stop", "k + i <= k_stop"),
    Fault(layer, "conv2d_layer", "min(k + t % CHANNELS, k_stop - 1)", "k + t % CHANNELS"),
    Fault(layer, "conv2d_layer", "row * TILE_H * near_y", "row * TILE_H"),
]


@pytest.fixture(autouse=True)
def tiles_that_are_not_square(monkeypatch):
    monkeypatch.setenv("GPUCONV_BACKEND", "numba_cuda")
    small = {"TILED_BLOCK": (4, 8), "TILED_ROWS": 3, "CONV1D_THREADS": 8, "CONV1D_TILE": 150}
    small |= {"LAYER_BLOCK": (4, 3), "LAYER_TILE": 900}
    sizes = small if simulated() else {"TILED_ROWS": 2, "LAYER_BLOCK": (8, 16)}
    sizes |= {"CONV1D_TAPS": 4, "LAYER_ROWS": 2, "LAYER_CHANNELS": 4, "LAYER_TAPS": 16}
    for name, value in sizes.items():
        monkeypatch.setattr(launches, name, value)


@pytest.fixture
def kernels(monkeypatch):
    """A function that replaces the kernels by ones with a fault."""

    def put_in(fault: Fault | None) -> None:
        backend._kernel.cache_clear()
        for name in MODULES:
            path = sources.kernel_folder() / f"numba_{name}.py"
            text = path.read_text()
            if fault is not None and fault.module == name:
                parts = text.split(fault.right)
                assert len(parts) > fault.nth + 1, f"{path} has no {fault.right!r} to replace"
                text = fault.right.join(parts[: fault.nth + 1]) + fault.wrong + fault.right.join(parts[fault.nth + 1 :])
            module = ModuleType(f"gpuconv.kernels.numba_{name}")
            monkeypatch.setitem(sys.modules, module.__name__, module)
            exec(compile(text, str(path), "exec"), module.__dict__)

    yield put_in
    backend._kernel.cache_clear()


@pytest.mark.parametrize("case", [tiled, separable, conversion, signal, layer])
def test_without_a_fault(kernels, case):
    kernels(None)
    case()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the simulator computes with what it finds in memory
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_fault(kernels, fault):
    kernels(fault)
    with pytest.raises(Exception, match=r"exact|not equal|out of bounds|CUDA error"):
        fault.case()


@pytest.mark.skipif(simulated(), reason="the simulator misses races, or not, by chance")
@pytest.mark.parametrize("fault", BARRIERS, ids=str)
def test_missing_barrier(kernels, fault):
    kernels(fault)
    with pytest.raises(Exception, match="CUDA error"):
        fault.case()
    assert numba_driver.findings[-1].startswith(("race: ", "uninit: "))
