"""The static report sees what it gates: spills, bank conflicts, an unroll that was given up, changed figures."""

import copy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT))
pytest.importorskip("cuxray", reason="static figures need cuxray: pip install cuxray")
from bench.static import report  # noqa: E402 (found in the checkout)
from bench.static.measure import Case, measure_all  # noqa: E402

pytestmark = pytest.mark.usefixtures("nvrtc")
STENCIL = (Path(__file__).parent / "example_stencil2d.cu").read_text()


def stencil(prelude: str = "TILE_H = 8, TILE_W = 32", **changes: object) -> Case:
    width = int(prelude[-2:])
    text = f"constexpr int {prelude};\n{STENCIL}"
    return Case(**{"name": "stencil", "text": text, "entry": "stencil2d", "block": (width, 8, 1), **changes})


def test_figures_of_a_good_kernel() -> None:
    rows = measure_all([stencil(multiply_adds=9)], ("sm_75", "sm_120"))
    assert [row["bank_ways"] for row in rows] == [None, 1]
    for row in rows:
        assert row["failures"] == []
        assert (row["spills"], row["stack_bytes"], row["multiply_adds"]) == (0, 0, 9)
        assert row["shared_bytes"] == 4 * 10 * 34
        assert 0 < row["registers"] <= 64
        assert row["instructions"] > 50


# 64 values live across a barrier, in the 32 registers that two blocks of 1024 threads leave to each.
CROWDED = """
extern "C" __global__ void __launch_bounds__(1024, 2) crowded(const float* in, float* out)
{
    float value[64];
#pragma unroll
    for (int i = 0; i < 64; ++i) value[i] = in[i * 1024 + threadIdx.x];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 64; ++i) out[i * 1024 + threadIdx.x] = value[i] * value[63 - i];
}
"""


@pytest.mark.parametrize(
    ("case", "failure"),
    [
        (Case("crowded", CROWDED, "crowded", (1024, 1, 1)), "spills="),
        (stencil("TILE_H = 8, TILE_W = 16"), "bank_ways=2 violates bank_ways<=1"),
        (stencil(text=stencil().text.replace("#pragma unroll", "#pragma unroll 1"), multiply_adds=9), "given up"),
    ],
)
def test_gates(case: Case, failure: str) -> None:
    (row,) = measure_all([case], ("sm_80",))
    assert failure in " ".join(row["failures"])


def test_differences() -> None:
    committed = report.fresh([stencil()])
    assert report.differences(committed, committed) == []
    current = copy.deepcopy(committed)
    current["rows"][0]["spills"] = 4
    current["rows"][1]["registers"] += 1  # depends on the compiler's version: not gated
    current["rows"][2]["kernel"] = "renamed"
    current["rows"][3]["multiply_adds"] += 1
    assert report.differences(committed, current) == [
        "renamed sm_86 is missing from the report",
        "stencil sm_75: spills was 0, is 4",
        "stencil sm_86 is no longer a default specialisation",
        "stencil sm_89: multiply_adds was 9, is 10",
    ]
    current["nvrtc"] = "another"
    assert len(report.differences(committed, current)) == 3  # code that is not fully unrolled varies


def test_written_report_can_be_read(tmp_path: Path) -> None:
    current = {"nvrtc": "13.0", "rows": measure_all([stencil()], ("sm_86",))}
    report.write(current, tmp_path)
    assert report.json.loads((tmp_path / "report.json").read_text()) == current
    assert "| sm_86 |" in (tmp_path / "report.md").read_text()
