"""NVRTC for every architecture, and a launch in the machine-code emulator."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from .memory import Value

if TYPE_CHECKING:
    from .launch import Launch

ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")  # CuPy adds them to every compilation


def sassrun() -> ModuleType:
    """The emulator's module, from tests/sassrun."""
    folder = str(Path(__file__).parents[2] / "sassrun")
    if folder not in sys.path:
        sys.path.append(folder)
    import sassrun

    return sassrun


def nvrtc_options(options: Sequence[str]) -> tuple[str, ...]:
    """What CuPy hands to NVRTC for these options."""
    standard = () if any("-std=" in option for option in options) else ("--std=c++17",)
    return (*options, *standard, *CUPY_OPTIONS)


def compile_all(
    text: str, architectures: Sequence[str] = ARCHITECTURES, options: Sequence[str] = ()
) -> dict[str, bytes]:
    """{architecture: cubin}, compiled as CuPy would; raises sassrun.CompileError with NVRTC's log."""
    return {arch: sassrun().compile(text, arch, nvrtc_options(options)) for arch in architectures}


def run(launch: Launch, arch: str, **options: object) -> tuple[list[np.ndarray | None], object]:
    """Run `launch` in the emulator; the arrays of its arguments, and the Stats."""
    emulator, before = sassrun(), launch.before
    regions, paddings = _padded(launch)
    arguments = []
    for place in before.places:
        if isinstance(place, Value):
            arguments.append(place.to_bytes())
        else:
            offset = paddings[place.region] + place.offset
            arguments.append(emulator.At(regions[place.region], offset, readonly=_is_read_only(launch, place.region)))
    cubin = emulator.compile(launch.text, arch, nvrtc_options(launch.options))
    stats = emulator.run(
        cubin, launch.name, launch.grid, launch.block, arguments, shared_bytes=launch.shared_mem, **options
    )
    return before.arrays([region[padding:] for region, padding in zip(regions, paddings, strict=True)]), stats


def _padded(launch: Launch) -> tuple[list[np.ndarray], list[int]]:
    """Copies of the regions; the emulator aligns their beginnings, so one that was not aligned gets bytes in front."""
    before = launch.before
    paddings = list(before.alignments)
    regions = [np.concatenate([np.zeros(p, np.uint8), r]) for r, p in zip(before.regions, paddings, strict=True)]
    return regions, paddings


def _is_read_only(launch: Launch, region: int) -> bool:
    """Whether every parameter that points into the region points to const."""
    pairs = zip(launch.kernel.parameters, launch.before.places, strict=True)
    return all(p.is_const_pointer for p, place in pairs if not isinstance(place, Value) and place.region == region)
