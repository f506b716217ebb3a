"""What `gpuconv tune` shows: a bar for the cases, and what was found."""

from rich.console import Console
from rich.text import Text

from gpuconv import tuned_file, tuning, tuning_cases
from gpuconv.cli.warmup import bars


def tune(seconds: float, sizes: list[int], dtypes: list[str]) -> None:
    """Measure the cases of some sizes and dtypes, and list the fastest candidates."""
    wanted = list(tuning_cases.cases(sizes or tuning_cases.SIZES, dtypes or tuning_cases.DTYPES))
    with bars() as progress:
        task = progress.add_task("", total=len(wanted), visible=False)  # there may be no GPU

        def show(done: int, text: str) -> None:
            progress.update(task, completed=done, description=text, visible=True)

        found = tuning.tune(wanted, seconds, show)
    console = Console()
    for name, choice in found.items():
        console.print(Text(f"{name}: {choice}"))
    console.print(Text(f"{len(found)} choices measured; they are kept in {tuned_file.path()}"))
