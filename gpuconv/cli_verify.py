"""What `gpuconv verify` shows: progress, and a line per kernel."""

from rich.console import Console
from rich.table import Table
from rich.text import Text


def verify_backend(backend: str | None) -> bool:
    """Run every check, show a table, and return whether all passed (and there were any)."""
    from gpuconv import verify

    console = Console()
    for label, text in verify.machine():
        console.print(Text(f"{label}: {text}"))
    counts: dict[str, list[int]] = {}
    failures = Table("Kernel", "Case", "What is wrong", title="Failed")
    with console.status("checking") as status:
        for check in verify.checks(backend):
            status.update(Text(f"{check.kernel}: {check.case}"))
            passed = counts.setdefault(check.kernel, [0, 0])
            passed[not check.passed] += 1
            if not check.passed:
                failures.add_row(Text(check.kernel), Text(check.case), Text(check.detail))
    console.print(_summary(counts))
    if failures.rows:
        console.print(failures)
    return bool(counts) and not failures.rows


def _summary(counts: dict[str, list[int]]) -> Table:
    table = Table("Kernel", "Result", "Passed", "Failed")
    for kernel, (passed, failed) in counts.items():
        table.add_row(Text(kernel), "[red]FAIL[/red]" if failed else "[green]pass[/green]", str(passed), str(failed))
    return table
