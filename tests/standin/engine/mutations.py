"""Deliberate faults in a kernel's text, to prove that the checks find them."""

import re
from collections.abc import Iterator


def mutations(text: str) -> Iterator[tuple[str, str]]:
    """(name, text) with each __syncthreads() removed in turn; line numbers stay."""
    for match in re.finditer(r"__syncthreads\(\);", text):
        line = text.count("\n", 0, match.start()) + 1
        yield f"no __syncthreads() in line {line}", text[: match.start()] + ";" + text[match.end() :]


def mutate(text: str, pattern: str, replacement: str) -> str:
    """`text` with every `pattern` replaced; raises ValueError if there is none, or if nothing changes."""
    if pattern not in text:
        raise ValueError(f"the text has no {pattern!r} to replace")
    if pattern == replacement:
        raise ValueError(f"the replacement of {pattern!r} changes nothing")
    return text.replace(pattern, replacement)
