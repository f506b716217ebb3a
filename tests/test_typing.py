"""What type checkers see: stubs that say what the functions do, and calls that keep the type of an array."""

from pathlib import Path

import pytest
import stubs

ROOT = Path(__file__).parent.parent
PROJECT = ["--config-file", str(ROOT / "pyproject.toml")]  # as `python -m mypy`, whose cache then serves


@pytest.mark.parametrize("face", stubs.FACES)
def test_stubs_are_up_to_date(face: str) -> None:
    """`python tests/stubs.py` writes them."""
    assert stubs.path_of(face).read_text(encoding="utf-8") == stubs.stub(face)


def test_calls_keep_the_type_of_an_array() -> None:
    """tests/typed_calls.py: every assert_type in it holds, every `type: ignore` is needed."""
    api = pytest.importorskip("mypy.api", reason="mypy is not installed: pip install -e '.[lint]'")
    report, errors, status = api.run([*PROJECT, str(ROOT / "tests" / "typed_calls.py")])
    assert status == 0, report + errors


def test_tensors_stay_tensors(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed: nothing to type")
    api = pytest.importorskip("mypy.api", reason="mypy is not installed: pip install -e '.[lint]'")
    calls = tmp_path / "tensors.py"
    calls.write_text(TENSORS, encoding="utf-8")
    report, errors, status = api.run([*PROJECT, str(calls)])
    assert status == 0, report + errors


TENSORS = """
from typing import assert_type
import gpuconv.torch, torch
x = torch.ones(1, 3, 8, 8)
assert_type(gpuconv.convolve(x, [[1, 2]]), torch.Tensor)
assert_type(gpuconv.nn.conv2d(x, x, padding_mode="reflect"), torch.Tensor)
assert_type(gpuconv.torch.conv2d(x, x), torch.Tensor)
assert_type(gpuconv.filters.gaussian(x, 2), torch.Tensor)
"""
