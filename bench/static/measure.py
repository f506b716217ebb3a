"""One kernel for one architecture: its figures, read from the machine code."""

import functools
import math
import os
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "tests"))
from standin import ARCHITECTURES, compile_all, sassrun

GATE = "spill_instrs==0, bank_ways<=1"
ANALYSED = ("sm_80", "sm_120")  # by cuxray, which takes a second each: conflicts do not depend on the architecture
MULTIPLY_ADDS = {"FFMA": 1, "FFMA2": 2, "DFMA": 1, "IDP": 4}


@dataclass(frozen=True)
class Case:
    """What is measured: a text and its kernel, with the block it is launched with."""

    name: str
    text: str
    entry: str
    block: tuple[int, int, int]
    shared_bytes: int = 0  # dynamic
    options: tuple[str, ...] = ()
    gate: str = GATE  # of cuxray
    multiply_adds: int | None = None  # in the code, if every tap of every output is unrolled


def measure_all(cases: list[Case], architectures: tuple[str, ...] = ARCHITECTURES) -> list[dict[str, Any]]:
    """One row of figures for each case and architecture."""
    _cuxray()  # before the threads: it sets the environment
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # most of the time goes to the disassembler's processes
        return list(pool.map(lambda job: _measure_one(*job), product(cases, architectures)))


def _measure_one(case: Case, arch: str) -> dict[str, Any]:
    return measure(case, arch, compile_all(case.text, [arch], case.options)[arch])


def measure(case: Case, arch: str, cubin: bytes) -> dict[str, Any]:
    """Figures of one cubin, and the sentences of the gates that it fails."""
    static = sassrun().Cubin(cubin).static(case.entry)
    opcodes = Counter(row[2].split(".")[0] for row in sassrun().disassemble(cubin, case.entry) if row[2] != "NOP")
    shared = _static_shared(static["shared_bytes"], arch)
    row = {
        "kernel": case.name,
        "arch": arch,
        "registers": static["registers"],
        "spills": opcodes["LDL"] + opcodes["STL"],
        "stack_bytes": static["local_bytes"],
        "shared_bytes": shared + case.shared_bytes,
        "occupancy": _occupancy(case, arch, static["registers"], shared),
        "instructions": sum(opcodes.values()),
        "multiply_adds": sum(count * opcodes[opcode] for opcode, count in MULTIPLY_ADDS.items()),
        "bank_ways": None,
        "unknown_accesses": None,
    }
    failures = [f"{figure}={row[figure]} violates {figure}==0" for figure in ("spills", "stack_bytes") if row[figure]]
    if case.multiply_adds not in (None, row["multiply_adds"]):
        failures.append(f"multiply_adds={row['multiply_adds']} is not {case.multiply_adds}: an unroll was given up")
    if arch in ANALYSED:
        access, violations = _analyse(case, cubin)
        row["bank_ways"], row["unknown_accesses"] = access["worst_bank_conflict_ways"], access["unanalyzed_count"]
        failures += violations
    return {**row, "failures": failures}


def _occupancy(case: Case, arch: str, registers: int, shared_bytes: int) -> float:
    """Per cent of a multiprocessor's warps that fit."""
    from cuxray.archspec import lookup
    from cuxray.occupancy import compute

    threads = math.prod(case.block)
    found = compute(lookup(arch), registers, threads, smem_static=shared_bytes, smem_dynamic=case.shared_bytes)
    return float(found.occupancy_pct)


def _static_shared(section_bytes: int, arch: str) -> int:
    """From sm_90 on, the section counts 1024 bytes that belong to the system."""
    return max(0, section_bytes - 1024) if int(arch[3:]) >= 90 else section_bytes


def _analyse(case: Case, cubin: bytes) -> tuple[dict[str, Any], list[str]]:
    """Cuxray's report on the kernel, and the gates that it fails."""
    from cuxray.diffgate import eval_gate, parse_gate

    cuxray, toolchain = _cuxray()
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        threads = ",".join(map(str, case.block))
        document = cuxray.build_report(file.name, toolchain, threads=threads, smem_dynamic=case.shared_bytes)
    (kernel,) = [k for k in document["units"][0]["kernels"] if k["name"] == case.entry]
    document["units"][0]["kernels"] = [kernel]
    return kernel["access"], [violation["reason"] for violation in eval_gate(document, parse_gate(case.gate))]


@functools.cache
def _cuxray() -> tuple[ModuleType, Any]:
    """Cuxray and its tools: NVIDIA's wheels; nothing is downloaded."""
    import nvidia

    tools = [path for root in nvidia.__path__ for path in Path(root).glob("cu*/bin") if (path / "nvdisasm").exists()]
    if not tools:
        raise FileNotFoundError("no nvdisasm: pip install nvidia-cuda-nvdisasm nvidia-cuda-cuobjdump")
    os.environ.update(CUXRAY_TOOLCHAIN=str(tools[0]), CUXRAY_NO_FETCH="1")
    from cuxray import report, toolchain

    return report, toolchain.resolve(allow_fetch=False, quiet=True)
