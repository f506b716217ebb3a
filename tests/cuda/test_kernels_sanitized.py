"""Every CUDA C++ kernel under AddressSanitizer with UBSan, and under ThreadSanitizer; and as machine code."""

from dataclasses import replace

import pytest
from kernel_runs import REPRESENTATIVE, assert_right, image_filter, layer, out_of, planned, record

from gpuconv.launches.cuda_filters import conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer


@pytest.mark.parametrize("kind", ["address", "thread"])
@pytest.mark.parametrize("case", REPRESENTATIVE)
def test_sanitizers_are_content(case, kind):
    launcher, call = REPRESENTATIVE[case][0], REPRESENTATIVE[case][1]()
    launch = record(launcher, call)
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    assert_right(launcher, call, out_of(launch, report.arrays))


def test_sums_that_wrap_are_defined():
    """Where only the low bits are asked for, 64-bit sums may overflow: no sanitizer may object."""
    call = image_filter((9, 40), (3, 3), ("i8", "i8"), out_dtype="i4", overflow="wrap")
    call = replace(call, operands=replace(call.operands, image=call.operands.image * 2**20 + 1))
    report = record(conv2d_tiled, call).replay_sanitized("address")
    assert report.ok, report.log


@pytest.mark.parametrize("arch", ["sm_75", "sm_86", "sm_90"])
@pytest.mark.parametrize("case", REPRESENTATIVE)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(case, arch):
    """No check of the emulator finds anything, and the numbers are right."""
    launcher, call = REPRESENTATIVE[case][0], REPRESENTATIVE[case][1]()
    launch = record(launcher, call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(launcher, call, out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0


@pytest.mark.parametrize("arch", ["sm_75", "sm_90"])
@pytest.mark.parametrize("taps", [3, 5, 7])
@pytest.mark.usefixtures("nvrtc")
def test_one_instruction_a_product(arch, taps):
    """A full tile of conv2d_tiled issues FILTER_H * FILTER_W * ROWS multiply-adds a thread: all is unrolled."""
    launch = record(conv2d_tiled, image_filter((64, 32), (taps, taps)))
    stats = launch.replay_sass(arch)[1]
    assert stats.count("FFMA") == 8 * 8 * taps * taps  # warps, rows
    assert stats.bank_conflicts == 0
    assert stats.global_written == 4 * 64 * 32
    assert stats.barriers == 1


@pytest.mark.parametrize("arch", ["sm_75", "sm_90"])
@pytest.mark.usefixtures("nvrtc")
def test_memory_traffic(arch):
    """One read of the image with its halo, one write; neighbours read neighbours; no bank conflicts."""
    launch = record(conv2d_separable, REPRESENTATIVE["separable"][1]())
    stats = launch.replay_sass(arch)[1]
    assert stats.global_written == 4 * 2 * 35 * 37
    tiles = 2 * 2 * 2  # tiles of an image, images; each loads whole strips of eight rows
    assert stats.global_read <= 4 * tiles * 40 * 36
    assert stats.bank_conflicts == 0
    signals = record(conv1d, image_filter((4096,), (64,)))
    stats = signals.replay_sass(arch)[1]
    assert stats.bank_conflicts == 0
    assert stats.global_read <= 4 * (4 * (1024 + 63) + 4 * 64)
    assert stats.coalescing > 0.9


@pytest.mark.usefixtures("nvrtc")
def test_no_bank_conflicts_in_a_layer():
    launch = record(conv2d_layer, layer((1, 8, 32, 32), (8, 8, 3, 3), padding=1))
    assert launch.replay_sass("sm_86")[1].bank_conflicts == 0


def test_a_bias_that_is_not_there():
    """The bias is a null pointer where there is none, and is not read."""
    call = layer((1, 2, 9, 9), (3, 2, 3, 3), bias=False)
    for launcher in (conv2d_layer, conv2d_direct):
        launch = record(launcher, call)
        index = [argument.name for argument in planned(launcher, call).launches[0].arguments].index("bias")
        assert launch.before.places[index].to_bytes() == bytes(8)
        assert launch.replay_sanitized("address").ok
