"""What `gpuconv verify` shows: progress, a line per kernel, and what is wrong."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gpuconv import backends

MOST_FAILURES = 20  # that are listed


def verify_backends(name: str | None) -> bool:
    """Run every check on one backend, or on all that are available; return whether all passed (and there were any)."""
    from gpuconv import verify

    console = Console()
    names = [status.name for status in backends.report() if status.available] if name in (None, "auto") else [name]
    checks: list[tuple[str, Any]] = []
    with console.status("") as status:
        for backend in names:
            for check in verify.checks(str(backend)):
                status.update(Text(f"{backend}: {check.kernel}, {check.case}"))
                checks.append((str(backend), check))
    for label, text in verify.machine():
        console.print(Text(f"{label}: {text}"))
    console.print(_summary(checks))
    failed = [(backend, check) for backend, check in checks if not check.passed]
    if failed:
        console.print(_failures(failed))
    return bool(checks) and not failed


def _summary(checks: list[tuple[str, Any]]) -> Table:
    """Count what passed and failed, a row per backend and kernel."""
    counts: dict[tuple[str, str], list[int]] = {}
    for backend, check in checks:
        counts.setdefault((backend, check.kernel), [0, 0])[not check.passed] += 1
    table = Table("Backend", "Kernel", "Result", "Passed", "Failed")
    for (backend, kernel), (passed, failed) in counts.items():
        result = "[red]FAIL[/red]" if failed else "[green]pass[/green]"
        table.add_row(backend, Text(kernel), result, str(passed), str(failed))
    return table


def _failures(failed: list[tuple[str, Any]]) -> Table:
    """List the first failures with what is wrong."""
    table = Table("Backend", "Kernel", "Case", "What is wrong")
    for backend, check in failed[:MOST_FAILURES]:
        table.add_row(backend, Text(check.kernel), Text(check.case), Text(check.detail))
    if len(failed) > MOST_FAILURES:
        table.add_row("", "", "", f"and {len(failed) - MOST_FAILURES} more")
    return table
