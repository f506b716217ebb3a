"""Kernel text -> a shared library or a sanitized executable, by g++, kept in a cache directory.

The text is the one that NVRTC gets.  It is changed in one place only: g++ needs a name for the array that
`extern __shared__ T name[];` declares.
"""

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .errors import CompileError, LaunchError

CPP = Path(__file__).parent / "cpp"
COMMON = [
    "-std=c++17",
    "-fmax-errors=5",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-ffp-contract=off",  # a sum means the same on every machine; error bounds allow for both
    "-fno-strict-aliasing",  # CUDA code may read float[4] as float4
    "-fno-tree-loop-distribute-patterns",  # the engine's loops stay loops
]
KERNEL = [
    "-include",
    str(CPP / "cuda_on_cpu.h"),
    "-Wno-unknown-pragmas",
    "-Werror=return-type",
    "-Werror=uninitialized",
]
UNDEFINED = "-fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all"
# flavour -> (flags of the kernel, flags of the engine, flags of the link)
FLAVOURS = {
    "plain": ("-O1 -fPIC", "-O2 -fPIC", "-shared"),
    "address": (
        f"-O1 -g -fno-omit-frame-pointer -fsanitize=address -fsanitize-sections=cuda_shared {UNDEFINED}",
        "-O2 -DFOR_ASAN",
        "",
    ),
    "thread": ("-O1 -g -fsanitize=thread", "-O2 -DFOR_TSAN", ""),
}
IGNORED = re.compile(r"--?(std|ftz|fmad|prec-div|prec-sqrt|use_fast_math|lineinfo|generate-line-info|restrict)\b")


def unavailable() -> str | None:
    """Why kernels cannot be run on the CPU here, or None."""
    if not sys.platform.startswith("linux"):
        return f"running kernels on the CPU needs Linux, this is {sys.platform}"
    if shutil.which("g++") is None:
        return "running kernels on the CPU needs g++: apt-get install g++"
    return None


def build(text: str, name: str, options: tuple[str, ...] = (), flavour: str = "plain") -> Path:
    """The library ("plain") or executable ("address", "thread") that runs the kernel `name` of `text`."""
    kernel_flags, engine_flags, link_flags = (flags.split() for flags in FLAVOURS[flavour])
    sources = ["engine.cc"] if flavour == "plain" else ["engine.cc", "replay_main.cc"]
    objects = [str(_object(source, tuple(engine_flags))) for source in sources]
    flags = [*COMMON, *kernel_flags, *link_flags, "-I", str(CPP), *KERNEL, *_definitions(options)]
    return _cached(name, [*flags, "-x", "c++", "-", "-x", "none", *objects], _complete(text, name))


def _object(source: str, flags: tuple[str, ...]) -> Path:
    text = (CPP / source).read_text()
    return _cached(Path(source).stem, [*COMMON, *flags, "-I", str(CPP), "-c", "-x", "c++", "-"], text)


def _complete(text: str, name: str) -> str:
    """The text between its name for error messages and the description of its kernel."""
    bound = launch_bound(text, name)
    named = re.sub(r"extern(\s+)__shared__([^;{}]*\[\s*\]\s*);", r'extern\1\2 __asm__("cuda_dynamic_shared");', text)
    tail = f'\n#define CUDA_ENTRY {name}\n#define CUDA_LAUNCH_BOUND ({bound})\n#include "cuda_entry.h"\n'
    return f'#line 1 "kernel.cu"\n{named}{tail}'


def launch_bound(text: str, name: str) -> str:
    """The first argument of the kernel's __launch_bounds__, or the limit of the hardware."""
    head = re.search(rf"__global__[^;{{}}]*?\b{re.escape(name)}\s*\(", text)
    if head is None:
        raise LaunchError(f"the text has no __global__ function {name!r}")
    bounds = re.search(r"__launch_bounds__\s*\(", head[0])
    if bounds is None:
        return "1024"
    depth, begin = 1, bounds.end()
    for end in range(begin, len(head[0])):
        character = head[0][end]
        depth += (character == "(") - (character == ")")
        if depth == 0 or (depth == 1 and character == ","):
            return head[0][begin:end]
    raise CompileError(f"__launch_bounds__ of {name} has no end")


def _definitions(options: tuple[str, ...]) -> list[str]:
    """Compiler options of the launch: definitions are passed on, what only matters on a GPU is not."""
    kept = []
    for option in options:
        if re.match(r"-D\w", option):
            kept.append(option)
        elif option.startswith("--define-macro="):
            kept.append("-D" + option.partition("=")[2])
        elif not IGNORED.match(option):
            raise CompileError(f"unrecognized option {option!r}: add it to compiler.py if it is NVRTC's")
    return kept


@functools.cache
def _environment() -> str:
    """What a compiled file depends on besides its text: the compiler and the headers."""
    version = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return version + os.uname().machine + "".join(header.read_text() for header in sorted(CPP.glob("*.h")))


def cache_directory() -> Path:
    """Where compiled kernels are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gpuconv-tests"


def _cached(name: str, command: list[str], text: str) -> Path:
    """The file that g++ makes of `text`, made once: concurrent builds each rename their own into place."""
    key = hashlib.sha256("\0".join([_environment(), *command, text]).encode()).hexdigest()[:24]
    path = cache_directory() / f"{name}-{key}"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    os.close(handle)
    try:
        result = subprocess.run(
            ["g++", *command, "-o", temporary], input=text, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise CompileError(f"g++ refuses {name}:\n{result.stderr}")
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path
