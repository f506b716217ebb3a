"""conv2d_small and conv2d_large as machine code and under sanitizers; what an output costs; faults that are found."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import ORDERS, assert_right, image_filter, out_of, record
from standin import mutate, mutations
from test_kernels_compile import compiler_log

from gpuconv.backends.cupy import OPTIONS
from gpuconv.launches import LaunchPlan, cuda_direct
from gpuconv.launches.cuda_direct import conv2d_large, conv2d_small
from gpuconv.options import Options
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.sources import source
from gpuconv.statements import filter_call

sys.path.append(str(Path(__file__).parents[2]))
from bench.static.executed_own import own_cost
from bench.static.works import works

CASES = [
    (conv2d_small, (97, 196), (5, 5), ("f4", "f4")),
    (conv2d_small, (2, 35, 93), (3, 3), ("u1", "f4")),
    (conv2d_small, (40, 66), (7, 7), ("f8", "f8")),
    (conv2d_large, (97, 196), (18, 13), ("f4", "f4")),
    (conv2d_large, (2, 34, 70), (5, 33), ("i1", "i1")),
    (conv2d_large, (40, 66), (4, 5), ("f2", "f4")),
]
BIG = DeviceLimits(multiprocessors=1)  # so small that the largest tiles are the best


def call_of(shape, taps, dtypes):
    return image_filter(shape, taps, dtypes, boundary="mirror")


def launch_of(taps: int, extent=(9216, 9216), **facts) -> LaunchPlan:
    """The launch for a large image of float32."""
    launcher = conv2d_small if taps <= 11 else conv2d_large
    problem = replace(image_filter((16, 16), (taps, taps)).problem, extent=extent)
    launch = launcher(problem, Facts(weights_sum=1, zero_taps=False, device=BIG, **facts))
    assert isinstance(launch, LaunchPlan), launch
    return launch


@pytest.mark.parametrize(("launcher", "shape", "taps", "dtypes"), CASES)
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(launcher, shape, taps, dtypes, kind):
    call = call_of(shape, taps, dtypes)
    launch = record(launcher, call)
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    assert_right(launcher, call, out_of(launch, report.arrays))


@pytest.mark.parametrize(("launcher", "shape", "taps", "dtypes"), CASES)
@pytest.mark.parametrize("arch", ["sm_75", "sm_86", "sm_90"])
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(launcher, shape, taps, dtypes, arch):
    call = call_of(shape, taps, dtypes)
    launch = record(launcher, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(launcher, call, out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0


@pytest.mark.parametrize(  # one will do by default
    ("index", "taps"), [(0, (13, 15)), pytest.param(1, (19, 33), marks=pytest.mark.slow)]
)
@pytest.mark.usefixtures("nvrtc")
def test_threads_with_two_rows(index, taps, monkeypatch):
    """Small images get one row a thread, so that all multiprocessors have something to do."""
    tiles = cuda_direct.large_tiles
    monkeypatch.setattr(cuda_direct, "large_tiles", lambda *given: tiles(*given)[index : index + 1])
    call = call_of((97, 260), taps, ("f4", "f4"))
    launch = record(conv2d_large, call)
    assert "ROWS = 2;" in launch.text
    assert launch.replay_sanitized("thread", "random:3").ok
    arrays, stats = launch.replay_sass("sm_90")
    assert_right(conv2d_large, call, out_of(launch, arrays))
    assert stats.bank_conflicts == 0
    faulty = replace(launch, text=mutate(launch.text, "step = 2 * PITCH + SKEW - step", "step = PITCH"))
    assert not np.array_equal(out_of(faulty, faulty.replay_cpu("forward")), out_of(launch, launch.results))


@pytest.mark.parametrize("taps", [7, 31])
@pytest.mark.parametrize("arch", standin.ARCHITECTURES)
@pytest.mark.usefixtures("nvrtc")
def test_everything_is_unrolled_and_nothing_spilled(taps, arch):
    """As many multiply-adds stand in the code as a thread's outputs have taps, or taps in one row of a large filter."""
    specialization = launch_of(taps).specialization
    cubin = standin.compile_all(source(specialization), [arch], OPTIONS)[arch]
    emulator, rows = standin.sassrun(), specialization.constant("ROWS")
    opcodes = [row[2].split(".")[0] for row in emulator.disassemble(cubin, specialization.kernel)]
    expected = taps * taps * rows * 4 if taps <= 11 else taps * rows * specialization.constant("ACROSS") * 4
    assert opcodes.count("FFMA") + 2 * opcodes.count("FFMA2") == expected
    static = emulator.Cubin(cubin).static(specialization.kernel)
    assert static["local_bytes"] == 0
    assert static["registers"] <= 255


@pytest.mark.parametrize("types", [("f8", "f8"), ("f2", "f4"), ("u1", "f4"), ("i2", "i1")])
@pytest.mark.parametrize(("launcher", "taps"), [(conv2d_small, 5), (conv2d_large, 13)])
@pytest.mark.usefixtures("nvrtc")
def test_no_warnings(launcher, taps, types):
    x, w = random((9, 9), types[0]), random((taps, taps), types[1])
    call = filter_call(x, w, Options(boundary="wrap"), flipped=False)
    launch = launcher(call.problem, Facts(weights_sum=100, device=BIG))
    for arch in ("sm_75", "sm_90"):
        assert not compiler_log(source(launch.specialization), arch).strip()


# Share of multiply-adds among all instructions that an inner block of a large image issues.
SHARES = {3: 0.67, 7: 0.905, 11: 0.92, 15: 0.955, 31: 0.97}


@pytest.mark.parametrize("taps", SHARES)
@pytest.mark.parametrize("arch", ["sm_89", "sm_90"])
@pytest.mark.usefixtures("nvrtc")
def test_share_of_multiply_adds(taps, arch):
    cost = own_cost(next(work for work in works() if (work.family, work.name) == ("direct", f"{taps}x{taps}")), arch)
    assert cost.share >= SHARES[taps], cost
    assert cost.bank_conflicts == 0
    assert cost.coalescing >= (0.94 if taps <= 11 else 0.7)  # rows begin within a sector; sums lie 128 bytes apart


# ------------------------------------------------------------------------------------------ faults

SMALL, LARGE = CASES[0], CASES[3]
BARRIERS = [
    (case, name.rpartition(" ")[2])
    for case in (SMALL, LARGE)
    for name, _ in mutations(record(case[0], call_of(*case[1:])).text)
]
FAULTS = [
    (
        SMALL,
        "SHARED_H = TILE_H + FILTER_H - 1",
        "SHARED_H = TILE_H + FILTER_H - 2",
        {"result", "address", "machine code"},
    ),
    (SMALL, "SHARED_H, y, x - OFFSET)", "SHARED_H, y, x - OFFSET + 1)", {"result"}),
    (SMALL, "index = start_of_row<PITCH, SKEW>(y) * VECTOR", "index = y * VECTORS", {"result", "machine code"}),
    (SMALL, "i * STEP, values", "i * (STEP + 1), values", {"result", "machine code"}),
    (SMALL, "cp.async.wait_all;", "", {"machine code"}),
    (SMALL, "(i - row) * FILTER_W + s]", "s * FILTER_W + i - row]", {"result"}),
    (SMALL, "top + rows <= images.height", "top + rows <= images.height + 1", {"address", "machine code"}),
    (SMALL, "y < min(rows, HEIGHT)", "y <= min(rows, HEIGHT)", {"address", "machine code"}),
    (LARGE, "SHARED_H = TILE_H + PIECE_H - 1", "SHARED_H = TILE_H + PIECE_H - 12", {"address", "machine code"}),
    (LARGE, "PITCH = SKEW ? VECTORS : VECTORS | 1", "PITCH = VECTORS - 1", {"result", "machine code"}),
    (LARGE, "TILE_H + rows - 1,", "TILE_H + rows - 2,", {"result", "machine code"}),
    (LARGE, "cp.async.wait_all;", "", {"machine code"}),
    (LARGE, "index += BLOCK_H * filter_w", "index += BLOCK_H * (filter_w + 1)", {"result"}),
    (LARGE, "lane / 2 % 4 + lane / 16 * 4", "lane / 2 % 4 + lane / 16 * 3", {"result"}),
]


@pytest.mark.parametrize(("case", "line"), BARRIERS)
def test_every_barrier_is_needed(case, line):
    launch = record(case[0], call_of(*case[1:]))
    (text,) = [text for name, text in mutations(launch.text) if name.endswith(f" {line}")]
    assert not replace(launch, text=text).replay_sanitized("thread").ok


@pytest.mark.parametrize(("case", "pattern", "replacement", "finders"), FAULTS)
@pytest.mark.usefixtures("nvrtc")
def test_faults_are_found(case, pattern, replacement, finders):
    launch = record(case[0], call_of(*case[1:]))
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    found = set()
    if "result" in finders:
        expected = out_of(launch, launch.results)
        found |= {
            "result" for order in ORDERS if not np.array_equal(out_of(faulty, faulty.replay_cpu(order)), expected)
        }
    if "address" in finders and not faulty.replay_sanitized("address").ok:
        found.add("address")
    if "machine code" in finders:
        with pytest.raises(standin.sassrun().SassError):
            faulty.replay_sass("sm_86")
        found.add("machine code")
    assert found == finders
