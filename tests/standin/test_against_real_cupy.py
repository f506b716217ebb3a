"""Every name that the stand-in cupy offers exists in the real one, with the same parameters."""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def describe(path: list[Path], names: list[str]) -> dict[str, object]:
    """describe_cupy.py in a process of its own, where `path` comes before the installed packages."""
    code = (
        f"import sys, runpy; sys.path[:0] = {[str(p) for p in path]}; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    code = f"import sys; sys.argv[:1] = [{str(HERE / 'describe_cupy.py')!r}]; {code}"
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *names], capture_output=True, text=True, cwd="/"
    )
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


@pytest.fixture(scope="module")
def offered() -> dict[str, object]:
    return describe([HERE], [])


@pytest.fixture(scope="module")
def real(offered: dict[str, object]) -> dict[str, object]:
    if not any(_installed(f"cupy-cuda{n}x") for n in (11, 12, 13)):
        pytest.skip("the stand-in is compared with CuPy, which is not installed: pip install cupy-cuda13x")
    return describe([], list(offered))


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def test_list_is_short(offered: dict[str, object]) -> None:
    functions = [name for name, signature in offered.items() if signature != "no function"]
    assert 20 < len(functions) < 100


def test_names(offered: dict[str, object], real: dict[str, object]) -> None:
    assert [name for name in offered if real[name] is None] == []


def test_signatures(offered: dict[str, object], real: dict[str, object]) -> None:
    differences = {name: (mine, real[name]) for name, mine in offered.items() if mine != real[name]}
    without_library = [name for name, (_, other) in differences.items() if other == "no library"]
    assert all(name.startswith("cupy.cuda.cufft") for name in without_library)
    assert differences.keys() == set(without_library), differences
