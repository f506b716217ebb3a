"""The examples run and write their pictures."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example, tmp_path):
    if example.stem == "digits":
        pytest.importorskip("torch", reason="torch is not installed")
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    picture = tmp_path / "picture.png"
    subprocess.run([sys.executable, example, picture], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert picture.stat().st_size > 10_000
    assert list(tmp_path.iterdir()) == [picture]
