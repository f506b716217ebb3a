"""What machine code is made for: the host's processor, its vector width and registers."""

import functools
import os
from dataclasses import dataclass

WIDTHS = (128, 256, 512)
VECTOR_VARIABLE = "GPUCONV_CPU_VECTOR"  # bits: narrower vectors than the host has
CPU_VARIABLE = "GPUCONV_CPU"  # "generic": no instructions beyond the architecture's baseline


@dataclass(frozen=True)
class Target:
    """A processor, as LLVM names it, and what the kernels are shaped by."""

    triple: str
    cpu: str
    features: str
    bits: int  # of a vector
    registers: int  # vector registers
    fused: bool  # multiply-add in one instruction
    half: bool  # conversion between half and single precision

    def lanes(self, size: int) -> int:
        """Elements of `size` bytes in one vector."""
        return self.bits // 8 // size


@functools.cache
def host() -> Target:
    """Return this machine, or the lesser one that the environment asks for.

    Raises
    ------
    ValueError
        If an environment variable holds something else than it may.
    """
    import llvmlite.binding as llvm

    triple = llvm.get_process_triple()
    generic = _choice(CPU_VARIABLE, ("", "generic")) == "generic"
    cpu, features = ("generic", "") if generic else (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    present = set(features.split(","))
    arm = triple.startswith(("aarch64", "arm64"))
    many = arm or "+avx512vl" in present
    return Target(
        triple=triple,
        cpu="" if generic else cpu,
        features=features,
        bits=min(_widest(present), int(_choice(VECTOR_VARIABLE, ("", *map(str, WIDTHS))) or 512)),
        registers=32 if many else 16,
        fused=arm or "+fma" in present,
        half=arm or "+f16c" in present,
    )


def _widest(present: set[str]) -> int:
    if {"+avx512f", "+avx512vl", "+avx512dq", "+avx512bw"} <= present:
        return 512
    return 256 if "+avx2" in present else 128


def _choice(variable: str, choices: tuple[str, ...]) -> str:
    value = os.environ.get(variable, "")
    if value not in choices:
        raise ValueError(f"{variable} must be one of {', '.join(filter(None, choices))}; got {value!r}")
    return value
