"""The demo: a photograph and what the filters make of it, side by side in one picture."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

import gpuconv
from gpuconv import backends, filters, imagefile

PHOTOGRAPH = Path(str(files("gpuconv") / "data" / "astronaut.jpg"))
STEPS: tuple[tuple[str, Callable[..., Any], str, dict[str, float]], ...] = (
    ("Blurred", filters.gaussian, "photo", {"sigma": 4}),
    ("Sharpened", filters.unsharp_mask, "photo", {"sigma": 2, "amount": 1.5}),
    ("Edges", filters.sobel, "grey", {}),
    ("Laplacian", filters.laplace, "grey", {}),
    ("Embossed", filters.emboss, "grey", {}),
)  # title, filter, of which image, with which parameters
INK = "#1a1a1a"
SMALL: dict[str, Any] = {"size": 10, "color": "#6b6b6b"}


@dataclass(frozen=True)
class Panel:
    """One image of the demo."""

    title: str
    call: str  # what computed it, as Python
    image: np.ndarray
    backend: str = ""  # where it was computed


def photograph() -> np.ndarray:
    """Return the photograph that comes with gpuconv, a portrait of Eileen Collins by NASA, as uint8 (512, 512, 3).

    Examples
    --------
    >>> photograph().shape
    (512, 512, 3)
    """
    return imagefile.read(PHOTOGRAPH).pixels


def grey(photo: np.ndarray) -> np.ndarray:
    """Return the luminance of an RGB image (ITU-R BT.601), as uint8 (H, W)."""
    luminance: np.ndarray = photo @ np.array([0.299, 0.587, 0.114])
    return luminance.round().astype(np.uint8)


def results(backend: str | None = None) -> list[Panel]:
    """Return the panels of the demo: the photograph and what every filter makes of it."""
    photo = photograph()
    images = {"photo": photo, "grey": grey(photo)}
    panels = [Panel("Original", "photo", photo)]
    for title, run, name, parameters in STEPS:
        call = ", ".join([name, *(f"{key}={value}" for key, value in parameters.items())])
        axis = -1 if name == "photo" else None
        image = run(images[name], channel_axis=axis, backend=backend, **parameters)
        panels.append(Panel(title, f"{run.__name__}({call})", image, backends.last_used() or ""))
    return panels


def write_demo(output: Path, backend: str | None = None) -> str:
    """Write the demo's picture and return the name of the backend, or the names of those, that computed it.

    Parameters
    ----------
    output : Path
        A file with the suffix of an image format.
    backend : str, optional
        As in `gpuconv.convolve`.

    Raises
    ------
    FileError
        If the picture cannot be written there.
    ValueError, BackendUnavailableError
        If the backend is unknown, or cannot run here.
    """
    imagefile.check_target(output)
    panels = results(backend)
    used = [status for status in backends.report() if any(panel.backend == status.name for panel in panels)]
    caption = " and ".join(f"{status.name} ({status.detail})" for status in used)
    imagefile.write(output, imagefile.Picture(_drawn(panels, caption)))
    return " and ".join(status.name for status in used)


def _drawn(panels: list[Panel], backend: str) -> np.ndarray:
    """Draw the panels into one image, (H, W, 3) uint8, without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 9.63), dpi=130, facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)
    figure.text(0.02, 0.962, "gpuconv", size=20, weight="bold", color=INK, va="center")
    figure.text(0.98, 0.962, f"version {gpuconv.__version__}, backend {backend}", **SMALL, ha="right", va="center")
    figure.text(0.98, 0.012, "Photograph: NASA, public domain", **SMALL, ha="right")
    axes = figure.subplots(2, 3)
    figure.subplots_adjust(left=0.02, right=0.98, top=0.875, bottom=0.04, wspace=0.04, hspace=0.15)
    for axis, panel in zip(axes.flat, panels, strict=True):
        axis.imshow(panel.image, cmap="gray", vmin=0, vmax=255, interpolation="lanczos")
        axis.set_axis_off()
        axis.text(0, 1.065, panel.title, transform=axis.transAxes, size=13, weight="bold", color=INK)
        axis.text(0, 1.02, panel.call, transform=axis.transAxes, family="monospace", **SMALL)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]
