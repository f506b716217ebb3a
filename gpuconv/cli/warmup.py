"""What `gpuconv warmup` shows: a bar for each backend, and how many kernels are ready."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from gpuconv.warming import warmup


@contextmanager
def bars() -> Iterator[Progress]:
    """Progress bars on stderr: what is done, in numbers, and the time."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield progress


def warm(backend: str | None) -> None:
    """Compile for one backend, or for all that compile."""
    tasks: dict[str, TaskID] = {}
    with bars() as progress:

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(f"{name}: kernels", total=total)
            progress.update(tasks[name], completed=done)

        counts = warmup(None if backend == "auto" else backend, show)
    for name, count in counts.items():
        print(f"{name}: {count} kernels are ready")
    if not counts:
        print("no backend that compiles is available here: `gpuconv info` says why")
