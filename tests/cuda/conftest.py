"""What the tests of CUDA kernels share: no GPU is needed, g++ and CUDA's compiler from a wheel are."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import standin


def _has_real_cupy() -> bool:
    spec = importlib.util.find_spec("cupy")
    return spec is not None and "standin" not in Path(str(spec.origin)).parts


# Some of these files record launches while they are imported, which the stand-in cupy alone can do.
collect_ignore_glob = ["test_kernels_*.py", "test_standin_cupy.py"] if _has_real_cupy() else []


def pytest_report_header() -> str | None:
    """Say what is not collected."""
    return "tests/cuda: kernels are recorded and replayed without a driver only" if collect_ignore_glob else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests of this folder with a sentence where kernels cannot be run on the CPU."""
    reason = standin.unavailable()
    if reason:
        for item in items:
            if "/tests/cuda/" in item.path.as_posix():
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def nvrtc() -> None:
    """For tests that compile with NVRTC or run machine code."""
    if importlib.util.find_spec("nvidia") is None:
        pytest.skip("machine code needs NVIDIA's compiler: pip install nvidia-cuda-nvrtc nvidia-cuda-nvdisasm")


@pytest.fixture(scope="session")
def standin_cupy() -> None:
    """For tests that record what the CuPy backend launches."""
    import cupy

    if not hasattr(cupy.ndarray, "_wrap"):
        pytest.skip("launches are recorded by the stand-in cupy; this process has the real one")


@pytest.fixture(params=["forward", "reverse", "random:1"])
def any_order(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run the test's launches with the threads of a block in each of these orders."""
    with standin.thread_order(request.param):
        yield
