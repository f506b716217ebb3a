"""Run CUDA kernels without a GPU: on the CPU, under sanitizers, as machine code; see README.md."""

from .engine.compiler import build, cache_directory, unavailable
from .engine.errors import CompileError, LaunchError
from .engine.kernel import Kernel, kernel, thread_order
from .engine.launch import Launch, launch_now, make_launch, recording, run, sanitize, triple
from .engine.machine_code import ARCHITECTURES, compile_all, sassrun
from .engine.memory import Pointer, Value, as_argument
from .engine.mutations import mutate, mutations
from .engine.sanitizer import Report, command

__all__ = [
    "ARCHITECTURES",
    "CompileError",
    "Kernel",
    "Launch",
    "LaunchError",
    "Pointer",
    "Report",
    "Value",
    "as_argument",
    "build",
    "cache_directory",
    "command",
    "compile_all",
    "kernel",
    "launch_now",
    "make_launch",
    "mutate",
    "mutations",
    "recording",
    "run",
    "sanitize",
    "sassrun",
    "thread_order",
    "triple",
    "unavailable",
]
