"""What `gpuconv filter` does between reading and writing: which filter, and what becomes of transparency."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from gpuconv import filters
from gpuconv.cli.weights import parse_weights
from gpuconv.conversion import convert
from gpuconv.imagefile import Picture


@dataclass(frozen=True)
class Job:
    """A filter with its parameters."""

    text: str  # what it does, in words
    run: Callable[..., Any]  # (image, **filters.Options) -> image
    total: float = 1.0  # sum of its weights
    signed: bool = False  # whether zero is shown as mid-grey


def _own_weights(text: str) -> Job:
    weights = parse_weights(text)
    total, rounding = float(weights.sum()), weights.size * np.finfo(float).eps * np.abs(weights).sum()
    words = f"{weights.shape[0]} x {weights.shape[1]} weights"
    return Job(words, partial(filters.apply, taps=weights), total if abs(total) > rounding else 0.0)


# One entry per option of the command line: the option's value -> the job.
JOBS: dict[str, Callable[[Any], Job]] = {
    "gaussian": lambda sigma: Job(f"Gaussian blur, sigma {sigma:g}", partial(filters.gaussian, sigma=sigma)),
    "box": lambda n: Job(f"mean of {n} x {n} pixels", partial(filters.box, n=n)),
    "sharpen": lambda _: Job("sharpened", filters.sharpen),
    "unsharp": lambda _: Job("unsharp mask", filters.unsharp_mask),
    "sobel": lambda _: Job("Sobel gradient magnitude", filters.sobel, total=0),
    "laplace": lambda _: Job("Laplacian", filters.laplace, total=0, signed=True),
    "emboss": lambda _: Job("embossed", filters.emboss, total=0, signed=True),
    "weights": _own_weights,
}


def choose(values: Mapping[str, Any]) -> Job:
    """Return the job of the one option that was given; ValueError if it is none, or more than one."""
    given = [name for name, value in values.items() if value is not None and value is not False]
    if len(given) != 1:
        names = ", ".join(f"--{name}" for name in JOBS)
        got = " and ".join(f"--{name}" for name in given) or "none"
        raise ValueError(f"exactly one filter must be chosen, of {names}; got {got}")
    return JOBS[given[0]](values[given[0]])


def filtered(picture: Picture, job: Job, **options: Any) -> Picture:
    """Return the picture after a job; transparent pixels lend no colour to others.

    Colours are filtered premultiplied with alpha. Alpha is filtered with the same weights, divided by their sum;
    weights whose sum is zero (edges, reliefs) leave it as it is. Opaque pictures come out as they do without alpha.
    """
    if not picture.alpha:
        axis = None if picture.channels == 1 else -1
        return replace(picture, pixels=job.run(picture.pixels, channel_axis=axis, **options))
    dtype = picture.pixels.dtype
    straight: np.ndarray = picture.pixels.astype(np.float32 if dtype.itemsize <= 2 or dtype.kind == "f" else np.float64)
    colours, alpha = straight[..., :-1], straight[..., -1:]
    run = partial(job.run, channel_axis=-1, **options)
    opaque = np.iinfo(dtype).max if dtype.kind in "iu" else max(1.0, float(alpha.max()))
    alpha_out = alpha if job.total == 0 else np.clip(run(alpha) / job.total, 0, opaque)
    product = run(colours * alpha)
    colours_out = np.divide(product, alpha_out, out=np.zeros_like(product), where=alpha_out > 0)
    if job.signed:
        colours_out += filters.mid_grey(picture.pixels)
    pixels = convert(np.concatenate([colours_out, alpha_out], axis=-1), dtype, "half_even", "saturate")
    return replace(picture, pixels=pixels)
