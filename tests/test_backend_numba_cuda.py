"""The Numba backend: its kernels under Numba's simulator and as machine code, and what it says where it cannot run.

Both runs take processes of their own: the simulator is chosen before Numba is imported, and the stand-in driver must
be there before anything looks for a driver. No test here needs a GPU.
"""

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from gpuconv.backends import numba_probe as probe

TESTS = Path(__file__).parent
ARCHITECTURES = ("sm_86", "sm_75", "sm_80", "sm_89", "sm_90", "sm_100", "sm_120")  # the first with every kernel variant


@pytest.fixture
def numba():
    pytest.importorskip("numba.cuda", reason="the Numba backend needs Numba: pip install 'numba-cuda[cu13]'")


@pytest.fixture
def machine_code(numba):
    if not sys.platform.startswith("linux") or shutil.which("g++") is None:
        pytest.skip("machine code is executed on Linux, and needs g++: apt-get install g++")


def run(*arguments, **environment):
    """Run Python in tests/; its output is shown if it fails."""
    command = [sys.executable, *arguments, "-q", "-p", "no:cacheprovider"]
    result = subprocess.run(command, cwd=TESTS, env=os.environ | environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]
    return result.stdout


def simulate(*arguments):
    run("-m", "pytest", *arguments, NUMBA_ENABLE_CUDASIM="1")


def execute(architectures, *arguments):
    output = run("-m", "numba_driver", *architectures, "--", *arguments)
    assert "skipped" not in output, output[-2000:]


@pytest.mark.parametrize("file", ["cases", "conversions", "mutations"])
def test_under_the_simulator(numba, file):
    simulate(f"numba_sim/{file}.py")


@pytest.mark.slow
def test_faces_under_the_simulator(numba):
    """Calls drawn from all arguments, beside SciPy's, OpenCV's and torch's: a minute."""
    simulate("test_faces.py", "test_faces_opencv.py", "test_faces_layers.py", "-k", "numba_cuda and test_calls")


def test_machine_code_computes_the_right_thing(machine_code):
    execute(("sm_75", "sm_86", "sm_90"), "numba_driver/cases.py")


def test_machine_code_is_good_code(machine_code):
    execute(ARCHITECTURES, "numba_driver/static.py")


def test_machine_code_converts_as_numpy_does(machine_code):
    execute(("sm_80",), "numba_sim/conversions.py", "-k", "uint8 or (int64 and half_even) or to_float")


def test_faults_in_machine_code_are_caught(machine_code):
    execute(("sm_86",), "numba_sim/mutations.py", "-k", "tiled or barrier or without")


@pytest.mark.slow
def test_machine_code_passes_the_tests_of_the_core(machine_code):
    files = [f"test_{name}.py" for name in ("core", "dtypes", "nn", "filters", "verify")]
    execute(("sm_89",), *files, "-k", "numba_cuda")


@pytest.mark.parametrize(("missing", "name"), [("numba", "Numba"), ("numba_cuda", "numba-cuda")])
def test_not_installed(monkeypatch, missing, name):
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: None if module == missing else object())
    assert probe.unavailable() == f"{name} is not installed: pip install 'gpuconv[cuda13]'"


@pytest.fixture
def cuda(monkeypatch):
    """Numba on a machine with a device and a driver for CUDA 13.0; tests take away from it."""
    library = SimpleNamespace(
        is_available=lambda: True,
        cuda_error=lambda: None,
        device_array=lambda shape, dtype: None,
        runtime=SimpleNamespace(get_version=lambda: (13, 5)),
        cudadrv=SimpleNamespace(driver=SimpleNamespace(driver=SimpleNamespace(get_version=lambda: (13, 0)))),
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda module: object())
    monkeypatch.setattr(probe, "numba_cuda", lambda: library)
    monkeypatch.setattr(probe, "simulated", lambda: False)
    return library


def test_available(cuda):
    assert probe.unavailable() is None


def test_numba_does_not_load(monkeypatch, cuda):
    def fails():
        raise ImportError("Numba needs NumPy 2.3 or less.\nGot 2.4.")

    monkeypatch.setattr(probe, "numba_cuda", fails)
    assert probe.unavailable() == (
        "Numba does not load (Numba needs NumPy 2.3 or less.): pip install 'gpuconv[cuda13]'"
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "Numba finds no CUDA compiler (NVVM): pip install 'gpuconv[cuda13]'"),
        (
            "\nCUDA driver library cannot be found.\nEnsure",
            "no NVIDIA driver is installed: https://www.nvidia.com/drivers",
        ),
        ("CUDA_ERROR_NO_DEVICE (100)", "the NVIDIA driver finds no CUDA device"),
        (
            "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)",
            "the NVIDIA driver does not start (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)): https://www.nvidia.com/drivers",
        ),
    ],
)
def test_no_driver(monkeypatch, cuda, error, reason):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    cuda.is_available, cuda.cuda_error = (lambda: False), (lambda: error)
    assert probe.unavailable() == reason


def test_hidden_devices(monkeypatch, cuda):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cuda.is_available, cuda.cuda_error = (lambda: False), (lambda: "CUDA_ERROR_NO_DEVICE (100)")
    assert probe.unavailable() == ("the NVIDIA driver finds no CUDA device: unset CUDA_VISIBLE_DEVICES, which is ''")


@pytest.mark.parametrize(
    ("driver", "mend"),
    [((12, 4), "pip install 'gpuconv[cuda12]'"), ((11, 8), "a newer driver from https://www.nvidia.com/drivers")],
)
def test_driver_too_old(cuda, driver, mend):
    cuda.cudadrv.driver.driver.get_version = lambda: driver
    assert probe.unavailable() == (
        f"the NVIDIA driver is for CUDA {driver[0]}.{driver[1]}, Numba's compiler for CUDA 13: {mend}"
    )


def test_device_without_memory(cuda):
    def fails(shape, dtype):
        raise MemoryError("CUDA_ERROR_OUT_OF_MEMORY")

    cuda.device_array = fails
    assert probe.unavailable() == "the CUDA device does not allocate memory (CUDA_ERROR_OUT_OF_MEMORY)"


def test_without_a_driver_numba_itself_says_so(numba):
    """The sentences above are found by the text of Numba's errors: here is the real one."""
    from numba import cuda

    if cuda.is_available():
        pytest.skip("there is a driver and a device here")
    assert probe.unavailable() in (
        "no NVIDIA driver is installed: https://www.nvidia.com/drivers",
        "the NVIDIA driver finds no CUDA device",
    )


def test_describe_under_the_simulator(monkeypatch, numba):
    monkeypatch.setattr(probe, "simulated", lambda: True)
    version = importlib.metadata.version("numba-cuda")
    assert probe.describe() == f"numba-cuda {version}, CUDA simulator on the CPU"
    assert probe.limits().name == "CUDA simulator"
    assert probe.unavailable() is None
