"""Machine code on disk: found again, checked, never in the way, and safe with several processes."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gpuconv
from gpuconv.cache_directory import VARIABLE
from gpuconv.cpu import cache, jit
from gpuconv.cpu.rows import load_kernel
from gpuconv.cpu.target import host
from gpuconv.cpu.warm import default_kernels, warmup

FIRST = """
import numpy as np, gpuconv
x = np.arange(6000, dtype="f4").reshape(60, 100)
assert gpuconv.convolve(x, np.ones((3, 3)), size="valid", backend="cpu").sum() == 9 * x[1:-1, 1:-1].sum()
"""
SECOND = """
import time, numpy as np, gpuconv, llvmlite.binding
from gpuconv.cpu import jit
def compile(text): raise AssertionError("compiled again")
jit._compile = compile
start = time.perf_counter()
"""
KERNEL = load_kernel("u1", "f4")


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


def run(program, directory, **environment):
    environment = os.environ | {VARIABLE: str(directory)} | environment
    return subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)


def test_a_second_process_compiles_nothing_and_starts_at_once(directory):
    assert run(FIRST, directory).returncode == 0
    kept = sorted(path.name for path in directory.glob("*/*/*"))
    assert len(kept) == 2  # the filter, and the loading of its rows
    result = run(SECOND + FIRST + "print(time.perf_counter() - start)", directory)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout) < 0.5
    assert sorted(path.name for path in directory.glob("*/*/*")) == kept


def test_processes_at_once(directory):
    environment = os.environ | {VARIABLE: str(directory)}
    processes = [subprocess.Popen([sys.executable, "-c", FIRST], env=environment) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert len(list(directory.glob("*/*/*"))) == 2  # no temporary file is left


def test_a_damaged_file_is_compiled_again(directory):
    code = jit.compiled(KERNEL)
    (file,) = directory.glob("*/*/*")
    whole = file.read_bytes()
    for damaged in (whole[:-1], whole[: cache.DIGEST], b"", whole.replace(code[:8], b"12345678")):
        file.write_bytes(damaged)
        assert cache.read(str(KERNEL)) is None
        assert jit.compiled(KERNEL) == code
        assert file.read_bytes() == whole


def test_a_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    for directory in (tmp_path / "file" / "below", "/dev/null", "/proc/1/no"):
        assert run(FIRST, directory).returncode == 0


def test_a_full_disk(directory, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert jit.compiled(KERNEL)
    assert cache.read(str(KERNEL)) is None
    assert list(directory.glob("*/*/*")) == []


def test_machine_code_is_found_only_where_it_was_made_for(tmp_path):
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "tiles.py").write_text("one")
    before = cache.fingerprint(sources, host(), "0.50")
    assert cache.fingerprint(sources, host(), "0.50") == before
    assert cache.fingerprint(sources, host(), "0.51") != before
    assert cache.fingerprint(sources, "another processor", "0.50") != before
    (sources / "tiles.py").write_text("two")
    assert cache.fingerprint(sources, host(), "0.50") != before


def test_where_it_is_kept(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache.directory() == Path("/somewhere/gpuconv/cpu")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("HOME", "/home/me")
    assert cache.directory() == Path("/home/me/Library/Caches/gpuconv/cpu")
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache.directory() == Path("/local/gpuconv/cpu")


def test_information_and_clearing(directory):
    assert cache.cache_info() == (directory / "cpu", 0, 0)
    code = jit.compiled(KERNEL)
    assert cache.cache_info() == (directory / "cpu", 1, len(code) + cache.DIGEST)
    cache.clear_cache()
    cache.clear_cache()
    assert cache.cache_info() == (directory / "cpu", 0, 0)


def test_warmup_compiles_what_is_missing(directory, monkeypatch):
    few = list(default_kernels())[-3:]
    monkeypatch.setattr("gpuconv.cpu.warm.default_kernels", lambda: iter(few + few))
    monkeypatch.setattr(jit, "_loaded", {})
    seen = []
    assert warmup(lambda done, total: seen.append((done, total))) == 3
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert warmup() == 0


def test_every_default_kernel_is_valid(directory):
    """Written and verified by LLVM; code generation is left out."""
    import llvmlite.binding as llvm

    kernels = set(default_kernels())
    assert len({str(kernel) for kernel in kernels}) == len(kernels)
    for kernel in kernels:
        llvm.parse_assembly(kernel.write(host(), *kernel.parameters)).verify()


def test_the_example_of_the_emitter():
    import ctypes

    from gpuconv.cpu.emitter import Emitter
    from gpuconv.cpu.values import Lanes

    def write(target):
        e = Emitter(("x", "y", "a", "bytes"))
        lanes = Lanes("f4", 4)
        a = e.broadcast(lanes, e.a)
        with e.loop(0, e.bytes, lanes.bytes) as i:
            e.store(e.muladd(e.load(lanes.type, e.x + i), a, e.load(lanes.type, e.y + i)), e.y + i)
        return e.text()

    x, y, a = np.arange(12, dtype="f4"), np.ones(12, "f4"), np.float32([3])
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 4)(jit.address(jit.Kernel(write)))
    function(x.ctypes.data, y.ctypes.data, a.ctypes.data, y.nbytes)
    np.testing.assert_array_equal(y, 3 * x + 1)


def test_an_auto_call_after_import_compiles_nothing(directory):
    program = "import gpuconv, sys; gpuconv.convolve([1.0, 2.0], [1.0]); print(gpuconv.backends.last_used())"
    assert run(program, directory).stdout == "numpy\n"
    assert list(directory.glob("*/*/*")) == []
    assert gpuconv.convolve([1.0, 2.0], [1.0], backend="cpu").tolist() == [1, 2]
