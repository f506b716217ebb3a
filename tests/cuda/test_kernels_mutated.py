"""Faults put into the kernels are found: each by the checks that are there for its kind."""

from dataclasses import replace

import numpy as np
import pytest
import standin
from kernel_runs import ORDERS, REPRESENTATIVE, out_of, record
from standin import mutate, mutations

BARRIERS = [
    (case, name.rpartition(" ")[2])
    for case in ("tiled", "separable", "1D", "layer")
    for name, _ in mutations(record(REPRESENTATIVE[case][0], REPRESENTATIVE[case][1]()).text)
]

# (case, what is replaced, by what, checks that must find it); the result of what leaves its arrays is not looked at
FAULTS = [
    ("tiled", "y < TILE_H + FILTER_H - 1", "y < TILE_H + FILTER_H - 2", {"result", "machine code"}),  # halo
    ("tiled", "x < TILE_W + FILTER_W - 1", "x < TILE_W + FILTER_W - 2", {"result", "machine code"}),
    ("tiled", "[TILE_W + FILTER_W - 1];", "[TILE_W + FILTER_W - 2];", {"address"}),  # inside the array, outside its row
    (
        "tiled",
        "sample(image, height, width, pitch, tile_y",
        "sample(image, width, height, pitch, tile_y",
        {"result"},
    ),
    ("tiled", "if (x < out_w && y < out_h) out", "if (x < out_w) out", {"address", "machine code"}),
    ("tiled", "if (x < out_w && y < out_h) out", "if (x < out_w - 1 && y < out_h) out", {"result"}),
    ("tiled", "+ y) * out_pitch + x", "+ y) * out_image_rows + x", {"address", "machine code"}),
    ("tiled", "weights.at[r * FILTER_W + s]", "weights.at[s * FILTER_W + r]", {"result"}),
    (
        "tiled",
        "const index_t period = max(index_t(1), 2 * (extent - 1))",
        "const index_t period = 2 * extent",
        {"result"},
    ),
    ("tiled", "position >= 0 && position < extent", "position >= 0 && position <= extent", {"address", "machine code"}),
    ("separable", "position < 0 ? 0 : extent - 1", "position < 0 ? 0 : extent", {"address", "machine code"}),
    ("separable", "filtered[y * TILE_W] = sum", "filtered[y * strip_w] = sum", {"address", "machine code"}),
    ("separable", "if (y < rows) filtered", "filtered", {"address", "machine code"}),
    ("separable", "x < strip_w; x +=", "x < strip_w - 1; x +=", {"result", "machine code"}),
    ("separable", "factors.at[taps_h + s]", "factors.at[s]", {"result"}),
    ("1D", "(count - 1) * dilation + 1", "(count - 1) * dilation", {"result", "machine code"}),
    ("1D", "window = shared + piece", "window = shared + piece - 1", {"result", "machine code"}),
    ("1D", "start = first * stride - pad", "start = first * stride", {"result"}),
    ("layer", "(filter_w - 1) * dilation_w + 1", "(filter_w - 1) * dilation_w", {"result", "machine code"}),
    ("layer", "(count_r - 1) * dilation_h + 1", "(count_r - 1) * dilation_h", {"result", "machine code"}),
    ("layer", "c < channels ? weights", "c <= channels ? weights", {"address", "machine code"}),
    ("layer", "if (part + c >= channels_out) break;", "", {"address", "machine code"}),
    ("layer", "y + row % in_h, x + i", "y + row, x + i", {"result"}),
    ("layer", "bias ? bias[first + c]", "bias ? bias[part + c]", {"result"}),
    (
        "layer",
        "(n_group * channels_out + part) * plane",
        "(n_group * channels_in + part) * plane",
        {"address", "machine code"},
    ),
    ("direct", "c / channels_out) * channels_in", "c % channels_out) * channels_in", {"address", "machine code"}),
    ("direct", "if (index >= outputs) return;", "", {"address", "machine code"}),
]


def recorded(case: str) -> standin.Launch:
    return record(REPRESENTATIVE[case][0], REPRESENTATIVE[case][1]())


def changes_the_result(launch: standin.Launch) -> bool:
    """Whether some order of the threads gives another result than the kernel as it is."""
    expected = out_of(launch, launch.results)
    return not all(np.array_equal(out_of(launch, launch.replay_cpu(order)), expected) for order in ORDERS)


def machine_code_finding(launch: standin.Launch) -> str | None:
    """The kind of error that the emulator raises."""
    try:
        launch.replay_sass("sm_86")
    except standin.sassrun().SassError as error:
        return str(error.kind)
    return None


@pytest.mark.parametrize(("case", "line"), BARRIERS)
@pytest.mark.usefixtures("nvrtc")
def test_every_barrier_is_needed(case, line):
    launch = recorded(case)
    (text,) = [text for name, text in mutations(launch.text) if name.endswith(f" {line}")]
    mutant = replace(launch, text=text)
    assert changes_the_result(mutant)
    report = mutant.replay_sanitized("thread")
    assert not report.ok
    assert "data race" in report.log
    assert machine_code_finding(mutant) in ("race", "uninit")


@pytest.mark.parametrize(("case", "pattern", "replacement", "checks"), FAULTS)
@pytest.mark.usefixtures("nvrtc")
def test_faults_are_found(case, pattern, replacement, checks):
    launch = recorded(case)
    mutant = replace(launch, text=mutate(launch.text, pattern, replacement))
    found = {
        "result": "result" in checks and changes_the_result(mutant),
        "address": "address" in checks and not mutant.replay_sanitized("address").ok,
        "machine code": "machine code" in checks and machine_code_finding(mutant) is not None,
    }
    assert {name for name, result in found.items() if result} == checks
