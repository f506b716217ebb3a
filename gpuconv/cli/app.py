"""The commands of `gpuconv`: demo, explain, filter, info, tune, verify, warmup."""

import json
import platform
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import gpuconv
from gpuconv import backends, imagefile
from gpuconv.cli.filter import JOBS, choose, filtered
from gpuconv.files import name_of

app = typer.Typer(
    help="Convolve images on the GPU, or on the CPU where there is none. Start with: [bold]gpuconv demo[/bold]",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

FILTER_HELP = (
    "Filter an image, channel by channel.\n\n"
    "The output has the samples of the input (8 or 16 bits, or float), rounded and clipped once. ICC profile and "
    "resolution are kept, other metadata is not; rotated photographs come out upright; transparent pixels lend no "
    "colour to others."
)
EXAMPLES = """[bold]Examples[/bold]

gpuconv filter photo.jpg soft.jpg --gaussian 2.5

gpuconv filter scan.tif edges.png --sobel --boundary edge

gpuconv filter in.png out.png --weights "1,0,-1; 2,0,-2; 1,0,-1" """

BOUNDARY_HELP = (
    "What lies outside the image abcd: symmetric dcba|abcd|dcba, mirror dcb|abcd|cba, edge aaa|abcd|ddd, "
    "wrap bcd|abcd|abc, or zero: black, and transparent where there is alpha."
)
WEIGHTS_HELP = (
    "Your own: rows of numbers, or a .npy, .txt or .csv file that holds them. They are flipped, as convolution does."
)

DEMO_OUTPUT = Path("gpuconv-demo.png")

BackendOption = Annotated[
    str | None,
    typer.Option("--backend", metavar="NAME", help="cupy, numba_cuda, cpu, numpy, or auto: the first that can."),
]


def _choice(text: str, metavar: str) -> Any:
    return typer.Option(help=text, metavar=metavar, rich_help_panel="The filter: exactly one")


def _flag(name: str, text: str) -> Any:
    return typer.Option(name, help=text, metavar=" ", rich_help_panel="The filter: exactly one")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gpuconv {gpuconv.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Carry the options that stand before a command."""


@app.command("filter", help=FILTER_HELP, epilog=EXAMPLES, no_args_is_help=True)
def filter_image(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="PNG, JPEG, TIFF, WebP or GIF.")],
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help=".png, .jpg, .tif or .webp; may be INPUT.")],
    gaussian: Annotated[float | None, _choice("Blur; standard deviation in pixels.", "SIGMA")] = None,
    box: Annotated[int | None, _choice("Mean of N x N pixels.", "N")] = None,
    sharpen: Annotated[bool, _flag("--sharpen", "Subtract the Laplacian.")] = False,
    unsharp: Annotated[bool, _flag("--unsharp", "Add what a blur of 1 pixel takes away.")] = False,
    sobel: Annotated[bool, _flag("--sobel", "Edges: magnitude of the gradient.")] = False,
    laplace: Annotated[bool, _flag("--laplace", "Second derivative, about mid-grey.")] = False,
    emboss: Annotated[bool, _flag("--emboss", "Relief, about mid-grey.")] = False,
    weights: Annotated[str | None, _choice(WEIGHTS_HELP, "FILE_OR_LIST")] = None,
    boundary: Annotated[str, typer.Option(metavar="NAME", help=BOUNDARY_HELP)] = "symmetric",
    page: Annotated[int | None, typer.Option(metavar="N", help="Which image of a file that holds several.")] = None,
    backend: BackendOption = None,
) -> None:
    """Read, filter, write; the output is checked before the work is done."""
    job = choose({name: context.params[name] for name in JOBS})
    imagefile.check_target(output)
    picture = imagefile.read(source, page)
    imagefile.check_fits(output, picture)
    result = filtered(picture, job, boundary=boundary, backend=backend)
    imagefile.write(output, result)
    if picture.note:
        typer.echo(f"gpuconv: {picture.note}", err=True)
    used = backends.last_used()
    typer.echo(f"{name_of(output)}: {job.text}, boundary {boundary}; {result}; backend {used}")


@app.command()
def demo(
    output: Annotated[Path, typer.Argument(metavar="[OUTPUT]", help="Where the picture goes.")] = DEMO_OUTPUT,
    backend: BackendOption = None,
) -> None:
    """Filter a photograph in five ways and write one picture with the results side by side."""
    from gpuconv.demo import write_demo

    used = write_demo(output, backend)
    typer.echo(f"{name_of(output)}: a photograph blurred, sharpened, embossed and its edges; backend {used}")


@app.command()
def info(as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False) -> None:
    """Show versions, and which backends this machine offers, or why not."""
    versions = {"gpuconv": gpuconv.__version__, "python": platform.python_version(), "numpy": np.__version__}
    about = {**versions, "system": f"{platform.system()} {platform.machine()}"}
    report = backends.report()
    if as_json:
        rows = [{"name": row.name, "available": row.available, "detail": row.detail} for row in report]
        typer.echo(json.dumps({**about, "backends": rows}, indent=2))
        return
    typer.echo(", ".join(f"{name} {text}" for name, text in about.items()))
    table = Table("Backend", "Available", "Detail")
    for row in report:
        mark = "[green]yes[/green]" if row.available else "[red]no[/red]"
        table.add_row(row.name, mark, Text(row.detail))
    Console().print(table)


@app.command()
def explain(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Shape of the image, as 480x640, batch axes first.")],
    taps: Annotated[str, typer.Argument(metavar="TAPS", help="Shape of the weights, as 5x5.")],
    dtype: Annotated[str, typer.Option(metavar="NAME", help="Of the image.")] = "float32",
    separable: Annotated[bool, typer.Option("--separable", help="Weights with a factor for each axis.")] = False,
    boundary: Annotated[str, typer.Option(metavar="NAME", help=BOUNDARY_HELP)] = "zero",
    method: Annotated[str, typer.Option(metavar="NAME", help="auto, direct, separable, low_rank or fft.")] = "auto",
    precision: Annotated[str, typer.Option(metavar="NAME", help="strict, standard or fast.")] = "standard",
    backend: BackendOption = None,
) -> None:
    """Say how a convolution would be computed here, how long that takes as modelled, and why nothing else is taken."""
    from gpuconv.cli.explain import show

    options = {"dtype": dtype, "boundary": boundary, "method": method, "precision": precision, "backend": backend}
    show(image, taps, separable=separable, **options)


@app.command()
def verify(backend: BackendOption = None) -> None:
    """Run the kernels of every backend here, or of one, against exact results; exit code 1 if any differs."""
    from gpuconv.cli.verify import verify_backends

    raise typer.Exit(0 if verify_backends(backend) else 1)


@app.command()
def warmup(
    backend: Annotated[
        str | None, typer.Option("--backend", metavar="NAME", help="cupy or cpu; both if left out.")
    ] = None,
) -> None:
    """Compile the kernels that most calls take, so that none waits for a compiler, and measure how fast this CPU is."""
    from gpuconv.cli.warmup import warm

    warm(backend)


@app.command()
def tune(
    seconds: Annotated[float, typer.Option(metavar="S", min=0, help="About how long it may take.")] = 300,
    size: Annotated[
        list[int] | None, typer.Option(metavar="N", min=1, help="N x N images; repeat for several.")
    ] = None,
    dtype: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Of the images; repeat for several.")] = None,
) -> None:
    """Measure on this GPU which way to launch each kernel is the fastest, and keep it for all later calls."""
    from gpuconv.cli.tune import tune as measure

    measure(seconds, size or [], dtype or [])
