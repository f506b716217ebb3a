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
    names: dict[str, object] = {}
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for block in re.finditer(r"(?ms)^```python\n(.*?)^```$", text):
        # a blank line in a block is printed, it does not end what is expected
        source = block[1].replace("\n\n", "\n<BLANKLINE>\n")
        line = text.count("\n", 0, block.start(1))
        examples = doctest.DocTestParser().get_doctest(source, names, page.name, str(page), line)
        runner.run(examples, out=report.append, clear_globs=False)
        names = examples.globs
    assert runner.tries > 0
    assert runner.failures == 0, "".join(report)
