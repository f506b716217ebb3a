"""One kernel for one architecture: its figures, read from the machine code."""

import functools
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

GATE = "spill_instrs==0, stack==0, bank_ways<=1"
MULTIPLY_ADDS = {"FFMA": 1, "FFMA2": 2, "DFMA": 1}


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
    analysis, failures = _analyse(case, cubin)
    static = sassrun().Cubin(cubin).static(case.entry)
    opcodes = Counter(row[2].split(".")[0] for row in sassrun().disassemble(cubin, case.entry) if row[2] != "NOP")
    multiply_adds = sum(count * opcodes[opcode] for opcode, count in MULTIPLY_ADDS.items())
    if case.multiply_adds not in (None, multiply_adds):
        failures.append(
            f"multiply_adds={multiply_adds} violates multiply_adds=={case.multiply_adds}: an unroll was given up"
        )
    return {
        "kernel": case.name,
        "arch": arch,
        "registers": static["registers"],
        "spills": analysis["spills"]["store_instructions"] + analysis["spills"]["load_instructions"],
        "stack_bytes": static["local_bytes"],
        "shared_bytes": _static_shared(static["shared_bytes"], arch) + case.shared_bytes,
        "bank_ways": analysis["access"]["worst_bank_conflict_ways"],
        "unknown_accesses": analysis["access"]["unanalyzed_count"],
        "occupancy": analysis["occupancy"]["occupancy_pct"],
        "instructions": sum(opcodes.values()),
        "multiply_adds": multiply_adds,
        "failures": failures,
    }


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
    return kernel, [violation["reason"] for violation in eval_gate(document, parse_gate(case.gate))]


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
