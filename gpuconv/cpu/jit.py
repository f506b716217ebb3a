"""From LLVM IR to a function in memory: compiled once per machine, then read from the disk."""

import functools
import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpuconv.cpu import cache
from gpuconv.cpu.target import Target, host

COMPILE_SECONDS = 0.1  # for the kernels of one problem; decides whether compiling pays


@dataclass(frozen=True)
class Kernel:
    """WHAT IS COMPILED: the function that writes it and that function's parameters. The compile-cache key."""

    write: Callable[..., str]  # (target, *parameters) -> a module of LLVM IR with a function "kernel"
    parameters: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return "_".join(
            map(str, (self.write.__module__.rpartition(".")[2], self.write.__name__.strip("_"), *self.parameters))
        )


_loaded: dict[Kernel, tuple[int, Any]] = {}  # address, and the library that must stay alive
_lock = threading.Lock()
_numbers = itertools.count()  # no two libraries may have one name


def address(kernel: Kernel) -> int:
    """Return the address of a kernel, compiled or read from the disk at its first use."""
    found = _loaded.get(kernel)
    return found[0] if found else _load(kernel)


def ready(kernel: Kernel) -> bool:
    """Whether a kernel can be used without compiling it."""
    return kernel in _loaded or cache.read(str(kernel)) is not None


def compiled(kernel: Kernel) -> bytes:
    """Return the object file of a kernel, from the disk if it is there."""
    code = cache.read(str(kernel))
    if code is None:
        code = _compile(kernel.write(host(), *kernel.parameters))
        cache.write(str(kernel), code)
    return code


def _load(kernel: Kernel) -> int:
    import llvmlite.binding as llvm

    with _lock:
        if kernel not in _loaded:
            builder = llvm.JITLibraryBuilder().add_object_img(compiled(kernel)).export_symbol("kernel")
            library = builder.add_current_process().link(_linker(), f"{kernel}_{next(_numbers)}")
            _loaded[kernel] = library["kernel"], library
        return _loaded[kernel][0]


def _compile(text: str) -> bytes:
    """Only variables are turned into registers before code generation: the kernels are written as they should run."""
    import llvmlite.binding as llvm

    machine = _machine(host())
    module = llvm.parse_assembly(text)
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(2))
    passes = llvm.create_new_function_pass_manager()
    passes.add_sroa_pass()
    for function in module.functions:
        if not function.is_declaration:
            passes.run(function, builder)
    code: bytes = machine.emit_object(module)
    return code


@functools.cache
def _machine(target: Target) -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    description = llvm.Target.from_triple(target.triple)
    return description.create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, jit=True, codemodel="jitdefault"
    )


@functools.cache
def _linker() -> Any:
    import llvmlite.binding as llvm

    return llvm.create_lljit_compiler(_machine(host()))
