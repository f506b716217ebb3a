"""Every default specialisation compiles for every architecture, without a warning."""

import ctypes

import pytest
import standin
from standin.engine.machine_code import nvrtc_options

from gpuconv.backends.cupy import OPTIONS
from gpuconv.launches.cuda_defaults import default_specializations
from gpuconv.sources import source

pytestmark = pytest.mark.usefixtures("nvrtc")


def compiler_log(text: str, arch: str) -> str:
    """What NVRTC says while it compiles."""
    library, program, size = standin.sassrun()._nvrtc(), ctypes.c_void_p(), ctypes.c_size_t()
    assert library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None) == 0
    try:
        options = [f"-arch={arch}", *nvrtc_options(OPTIONS)]
        encoded = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        library.nvrtcCompileProgram(program, len(options), encoded)
        library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        library.nvrtcGetProgramLog(program, log)
        return log.value.decode()
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


@pytest.mark.slow
@pytest.mark.parametrize("arch", standin.ARCHITECTURES)
def test_no_warnings(arch):
    logs = {str(s): compiler_log(source(s), arch) for s in default_specializations()}
    assert {name: log for name, log in logs.items() if log.strip()} == {}


def test_the_log_is_read():
    assert "never referenced" in compiler_log('extern "C" __global__ void f() { int unused; }', "sm_75")


def test_an_error_names_the_file_and_line():
    specialization = next(s for s in default_specializations() if s.kernel == "conv2d_tiled")
    text = source(specialization)
    broken = standin.mutate(text, "acc_t sums[ROWS] = {};", "acc_t sums[ROWS] = nonsense;")
    file = (text[: text.index("acc_t sums[ROWS]")].rpartition("#line")[2]).splitlines()
    line = int(file[0].split()[0]) + len(file) - 2
    assert f"conv2d_tiled.cu({line}): error" in compiler_log(broken, "sm_80")
