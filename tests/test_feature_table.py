"""The table in docs/features.md is what the backends answer."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_table_is_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python docs/feature_table.py` writes it; bfloat16 needs ml_dtypes."""
    pytest.importorskip("ml_dtypes", reason="bfloat16 needs ml_dtypes")
    spec = importlib.util.spec_from_file_location("feature_table", ROOT / "docs" / "feature_table.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    text = module.PAGE.read_text(encoding="utf-8")
    assert module.page(text) == text
