"""The examples in the README and in docs/ do what they show."""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    if "```python\n>>>" in page.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples(page: Path) -> None:
    """The blocks of a page run one after another, like a session."""
    text = page.read_text(encoding="utf-8")
    blocks = re.sub(r"(?ms)^```python\n(.*?)^```$|.", lambda match: match[1] or "\n" * match[0].count("\n"), text)
    examples = doctest.DocTestParser().get_doctest(blocks, {}, page.name, str(page), 0)
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=report.append)
    assert result.attempted > 0
    assert result.failed == 0, "".join(report)
