"""From a Specialization to the complete text that is compiled.

A typed prelude stands above the kernel's file, and every `#include "name.cuh"` in it is replaced by that file, once. So
the text is all that the compiler reads, which makes it a sound key for caches of compiled code; `#line` directives let
the compiler's messages name the file and line as they are in kernels/.
"""

import functools
import importlib.resources
import re
from importlib.resources.abc import Traversable
from pathlib import Path

from gpuconv.launches import Specialization

INCLUDE = re.compile(r'#include "(\w+\.cuh)"')


def source(specialization: Specialization) -> str:
    """Return the CUDA C++ text of a specialisation; its entry point has the kernel's name."""
    return prelude(specialization) + "\n".join(_pasted(f"{specialization.kernel}.cu", set())) + "\n"


def prelude(specialization: Specialization) -> str:
    """Types and constants, as the kernel's file expects them above it."""
    types = [f"using {name} = {type_};" for name, type_ in specialization.types]
    constants = [f"constexpr int {name} = {value};" for name, value in specialization.constants]
    declared = ["struct bfloat16;", "struct float16;", "template <class T> struct Complex;"]
    return "\n".join(['#line 1 "prelude"', *declared, *types, *constants, ""])


@functools.cache
def read(name: str) -> str:
    """Text of one file of kernels/."""
    return (kernel_folder() / name).read_text(encoding="utf-8")


def kernel_folder() -> Traversable:
    """The installed package gpuconv.kernels; run from a checkout, its folder kernels/."""
    try:
        return importlib.resources.files("gpuconv.kernels")
    except ModuleNotFoundError:
        return Path(__file__).parent.parent / "kernels"


def _pasted(name: str, seen: set[str]) -> list[str]:
    """Lines of a file with the headers that are not in `seen` pasted in."""
    lines = [f'#line 1 "{name}"']
    for number, line in enumerate(read(name).splitlines(), 1):
        include = INCLUDE.fullmatch(line)
        if include is None:
            lines.append(line)
        elif include[1] not in seen:
            seen.add(include[1])
            lines += [*_pasted(include[1], seen), f'#line {number + 1} "{name}"']
        else:
            lines.append("")
    return lines
