"""What a launch executes, counted by the emulator: per output, and the time that the counts bound."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Device:
    """Peak rates; an instruction of a lane is what one multiply-add takes."""

    name: str
    arch: str
    instructions: float  # a second
    bandwidth: float  # bytes a second


DEVICES = (Device("H100 SXM", "sm_90", 66.9e12 / 2, 3.35e12), Device("RTX 4090", "sm_89", 82.6e12 / 2, 1.008e12))


NEARBY = (0, 1, 3)  # the middle of a grid may be a block at the edge of an image


@dataclass(frozen=True)
class Work:
    """A case: what is computed, and the least that an output needs."""

    family: str
    name: str
    multiply_adds: float  # of an output
    bytes: float  # of ideal traffic for an output
    blocks: int = 1  # consecutive ones that are executed, from the middle of the grid; 1: the cheapest near it


@dataclass(frozen=True)
class Cost:
    """Executed by the sampled blocks of all launches of a case, for each output."""

    family: str
    case: str
    arch: str
    kernel: str
    instructions: float  # of a lane
    multiply_adds: float
    wavefronts: float  # of shared memory, times 32
    bank_conflicts: int
    coalescing: float
    registers: int
    spilled_bytes: int
    passes: int  # launches, each of which reads and writes an image

    @property
    def share(self) -> float:
        """Multiply-adds among the instructions: the bound on the fraction of the FP32 peak."""
        return self.multiply_adds / self.instructions

    def modelled(self, work: Work, device: Device) -> tuple[float, float]:
        """Fractions of a device's FP32 peak and bandwidth; the slowest of issue, shared memory and memory decides."""
        issue = max(self.instructions, 4 * self.wavefronts)  # four schedulers, one wavefront a clock
        time = max(issue / device.instructions, self.passes * work.bytes / device.bandwidth)
        return work.multiply_adds / device.instructions / time, work.bytes / device.bandwidth / time


def cost(work: Work, launches: Sequence[Any], arch: str, outputs: int = -1) -> Cost:
    """Execute blocks in the middle of every launch; `outputs` is the index of the argument that they write."""
    nearby = NEARBY if work.blocks == 1 else (0,)
    parts = [
        min((_executed(launch, arch, work.blocks, near, outputs) for near in nearby), key=lambda part: part[0])
        for launch in launches
    ]
    kernels = "+".join(dict.fromkeys(launch.name for launch in launches))
    each = np.sum([counts for counts, _ in parts], axis=0)
    stats = [one for _, one in parts]
    return Cost(
        *(work.family, work.name, arch, kernels, *map(float, each)),
        bank_conflicts=sum(one.bank_conflicts for one in stats),
        coalescing=min(one.coalescing for one in stats),
        registers=max(one.static["registers"] for one in stats),
        spilled_bytes=max(one.static["local_bytes"] for one in stats),
        passes=len(launches),
    )


def as_row(found: Cost, work: Work) -> dict[str, Any]:
    """A cost with what it is modelled to reach."""
    row = asdict(found) | {"share": found.share}
    for device in DEVICES:
        if found.arch == device.arch:
            row["device"], (row["peak"], row["bandwidth"]) = device.name, found.modelled(work, device)
    return row


def _executed(launch: Any, arch: str, count: int, near: int, outputs: int) -> tuple[list[float], Any]:
    """(instructions, multiply-adds, wavefronts) of an output of the sampled blocks; and the emulator's statistics."""
    grid_w, grid_h, grid_d = launch.grid
    middle = grid_w // 2 + grid_w * (grid_h // 2 + grid_h * (grid_d // 2)) + near
    first = max(0, min(middle, grid_w * grid_h * grid_d - count))
    arrays, stats = launch.replay_sass(arch, blocks=(first, min(first + count, grid_w * grid_h * grid_d)))
    pointers = [array for array in arrays if array is not None]
    written = int(np.count_nonzero(~np.isnan(pointers[outputs])))  # they were nan before
    wavefronts = sum(totals["wavefronts"] for totals in stats.shared.values())
    counted = (stats.warp_instructions, stats.ffma_share * stats.warp_instructions, wavefronts)
    return [32 * number / written for number in counted], stats
