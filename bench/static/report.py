"""The committed report: figures of every default specialisation, as JSON to compare and as Markdown to read."""

import ctypes
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .measure import Case, measure_all

HERE = Path(__file__).parent
# What must not change unnoticed: with the compiler of the committed report, and with another one.
GATED = ("spills", "stack_bytes", "shared_bytes", "bank_ways", "multiply_adds", "failures")
GATED_ELSEWHERE = ("spills", "shared_bytes", "failures")
COLUMNS = {
    "arch": "architecture",
    "registers": "registers",
    "spills": "spills",
    "stack_bytes": "stack",
    "shared_bytes": "shared bytes",
    "bank_ways": "bank ways",
    "unknown_accesses": "unknown",
    "occupancy": "occupancy, %",
    "instructions": "instructions",
    "multiply_adds": "multiply-adds",
}
LEGEND = """Instructions and multiply-adds (FFMA, DFMA, and four for an IDP) count what stands in the code, not what
runs. Spills are loads and stores of local memory. Bank ways are the worst conflict in shared memory, 1 being none;
unknown, the accesses to which that analysis gives no verdict (the emulator's tests count conflicts as they happen).
Occupancy is the share of a multiprocessor's warps that fit."""


def cases_of_gpuconv() -> list[Case]:
    """Every default specialisation of the CUDA C++ kernels, with the launch that it is measured for."""
    from gpuconv.launches.cuda_defaults import default_launches

    return [_case(launch) for launch in default_launches()]


def _case(launch: Any) -> Case:
    from gpuconv.sources import source

    compiled = launch.specialization
    constants = dict(compiled.constants)
    expected = _multiply_adds(compiled.kernel, dict(compiled.types)["acc_t"], constants)
    text = source(compiled)
    gate = f"spill_instrs==0, bank_ways<={_bank_ways(compiled.kernel, constants)}"
    return Case(
        str(compiled), text, compiled.kernel, launch.block, launch.shared_bytes, gate=gate, multiply_adds=expected
    )


def _bank_ways(kernel: str, constants: dict[str, int]) -> int:
    """Bank ways that the analysis may find: in edge blocks, or where it does not follow which lanes take part.

    Executed, the inner blocks of all these have no conflict: dynamic.md, and the tests of each kernel.
    """
    if constants.get("TURNS"):
        return 16
    if constants.get("WHOLE") or constants.get("FILTERS", 1) > 1:
        return 4
    # Where a block is up to 16 threads wide, single values that edge blocks copy lie two to a bank; its windows do not.
    return 2 if constants.get("BLOCK_W") in (4, 8, 16) or kernel == "depthwise_large" else 1


def _multiply_adds(kernel: str, sums: str, constants: dict[str, int]) -> int | None:
    """Taps times outputs of a thread, where a kernel unrolls every tap of one filter; None where it does not."""
    vector = {"float": 4, "double": 2}.get(sums)
    across = {"conv2d_tiled": 1} | dict.fromkeys(
        ("conv2d_small", "depthwise_small", "depthwise_strided", "conv3d_small"), vector
    )
    if vector is None or kernel not in across or (kernel == "conv2d_small" and constants["FILTERS"] > 1):
        return None
    outputs = constants["ROWS"] * across[kernel] // constants.get("STRIDE_W", 1)
    return constants.get("FILTER_D", 1) * constants["FILTER_H"] * constants["FILTER_W"] * outputs


def fresh(cases: Sequence[Case]) -> dict[str, Any]:
    """The report as it is now."""
    return {"nvrtc": _nvrtc_version(), "rows": measure_all(list(cases))}


def _nvrtc_version() -> str:
    from standin import sassrun

    major, minor = ctypes.c_int(), ctypes.c_int()
    sassrun()._nvrtc().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"{major.value}.{minor.value}"


def write(report: dict[str, Any], folder: Path = HERE) -> None:
    """Write report.json, a row a line, and report.md."""
    rows = ",\n".join(json.dumps(row) for row in report["rows"])
    (folder / "report.json").write_text(f'{{"nvrtc": {json.dumps(report["nvrtc"])}, "rows": [\n{rows}\n]}}\n')
    (folder / "report.md").write_text(markdown(report))


def markdown(report: dict[str, Any]) -> str:
    """A table for each kernel."""
    written = f"Written by `python -m bench.static`, NVRTC {report['nvrtc']}."
    lines = ["# What the compiler makes of the kernels", "", written, "", LEGEND]
    for name in dict.fromkeys(row["kernel"] for row in report["rows"]):
        lines += ["", f"## `{name}`", "", "| " + " | ".join(COLUMNS.values()) + " |", "|" + " --- |" * len(COLUMNS)]
        rows = [row for row in report["rows"] if row["kernel"] == name]
        lines += [
            "| " + " | ".join("" if row[column] is None else str(row[column]) for column in COLUMNS) + " |"
            for row in rows
        ]
    return "\n".join(lines) + "\n"


def differences(committed: dict[str, Any], current: dict[str, Any]) -> list[str]:
    """Sentences on rows that came, went, or changed in a gated figure."""
    old, new = ({(row["kernel"], row["arch"]): row for row in report["rows"]} for report in (committed, current))
    figures = GATED if committed["nvrtc"] == current["nvrtc"] else GATED_ELSEWHERE
    found = [f"{' '.join(key)} is missing from the report" for key in new.keys() - old.keys()]
    found += [f"{' '.join(key)} is no longer a default specialisation" for key in old.keys() - new.keys()]
    for key in new.keys() & old.keys():
        for figure in figures:
            if new[key][figure] != old[key][figure]:
                found.append(f"{' '.join(key)}: {figure} was {old[key][figure]}, is {new[key][figure]}")
    return sorted(found)


def failures(report: dict[str, Any]) -> list[str]:
    """Sentences on the gates that the report's kernels fail."""
    return [f"{row['kernel']} {row['arch']}: {reason}" for row in report["rows"] for reason in row["failures"]]
