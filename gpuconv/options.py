"""The options of the core's functions, and the checks of all that a caller passes; every error is raised here, once."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gpuconv.arrays import Adopted, adopt
from gpuconv.arrays.labels import check_dims
from gpuconv.dtypes import check_dtype, is_integer
from gpuconv.errors import check_choice
from gpuconv.problem import BOUNDARIES, METHODS, OVERFLOWS, PRECISIONS, ROUNDINGS, SIZES, DType, Ints, same_pad

PerAxis = int | Sequence[int]
NANS = ("propagate", "omit", "raise")
MISSING = ("nan", "mask", "normalize", "preserve_nan")  # arguments of the core's functions above what Options states


@dataclass(frozen=True)
class Options:
    """The keyword arguments that convolve, correlate and sepconvolve share."""

    size: str = "same"
    boundary: str = "zero"
    fill: Any = 0
    axes: PerAxis | None = None
    channel_axis: int | None = None
    origin: PerAxis = 0
    stride: PerAxis = 1
    dilation: PerAxis = 1
    precision: str = "standard"
    method: str = "auto"
    compute_dtype: Any = None
    out_dtype: Any = None
    overflow: str = "saturate"
    rounding: str = "half_even"
    out: Any = None
    backend: str | None = None
    skip_zero_taps: bool = False

    def check_names(self) -> None:
        """Refuse unknown names and contradictory options."""
        check_choice("size", self.size, SIZES)
        check_boundary(self.boundary)
        check_choice("precision", self.precision, PRECISIONS)
        check_choice("method", self.method, METHODS)
        check_choice("overflow", self.overflow, OVERFLOWS)
        check_choice("rounding", self.rounding, ROUNDINGS)
        if self.axes is not None and self.channel_axis is not None:
            raise ValueError("axes and channel_axis exclude each other; got both")
        if np.ndim(self.fill) != 0:
            raise ValueError(f"fill must be one number; got shape {np.shape(self.fill)}")
        if self.boundary != "constant" and not self.fill == 0:
            raise ValueError(f"fill needs boundary='constant'; got fill={self.fill!r} with boundary={self.boundary!r}")


def check_boundary(boundary: str) -> None:
    """Like check_choice; the bare word reflect means two things."""
    if boundary == "reflect":
        raise ValueError(
            "boundary='reflect' means two things: use 'symmetric' for d c b a | a b c d (scipy.ndimage's reflect) "
            "or 'mirror' for d c b | a b c d (numpy's and torch's reflect)"
        )
    check_choice("boundary", boundary, BOUNDARIES)


def check_place(x: Adopted, other: Adopted, name: str) -> None:
    """Host arrays may go with a device image, not the other way round, and never two devices."""
    if other.on_device and other.place != x.place:
        raise ValueError(f"x and {name} must be in one place; got x on {x.place} and {name} on {other.place}")


def spatial_axes(ndim: int, rank: int, axes: PerAxis | None, channel_axis: int | None) -> Ints:
    """Axes of x that the axes of the weights run over; by default the last ones, channels left out."""
    needed = rank + (channel_axis is not None)
    if ndim < needed:
        channels = " and a channel axis" if channel_axis is not None else ""
        raise ValueError(f"x must have at least as many axes as the weights{channels} ({needed}); got {ndim}")
    if channel_axis is not None:
        channel = axis_number("channel_axis", channel_axis, ndim)
        return tuple(axis for axis in range(ndim) if axis != channel)[-rank:]
    if axes is None:
        return tuple(range(ndim - rank, ndim))
    chosen = tuple(axis_number("axes", axis, ndim) for axis in ([axes] if isinstance(axes, int | np.integer) else axes))
    if len(chosen) != rank or len(set(chosen)) != rank:
        raise ValueError(f"axes must name {rank} different axes, one per axis of the weights; got {axes}")
    return chosen


def per_axis(name: str, value: PerAxis, rank: int, least: int | None = None) -> Ints:
    """One integer per spatial axis; a single number serves all."""
    try:
        values = (
            tuple(map(operator.index, value))
            if isinstance(value, Sequence | np.ndarray)
            else (operator.index(value),) * rank
        )
    except TypeError:
        raise TypeError(f"{name} must be an integer or one per spatial axis; got {value!r}") from None
    if len(values) != rank:
        raise ValueError(f"{name} must be an integer or {rank} of them, one per spatial axis; got {value!r}")
    if least is not None and min(values) < least:
        raise ValueError(f"{name} must be at least {least}; got {value!r}")
    return values


def pads(extent: Ints, filter_: Ints, dilation: Ints, options: Options, *, flipped: bool) -> tuple[Ints, Ints]:
    """Samples before and after the image that full, same or valid need."""
    if 0 in extent:
        raise ValueError(f"x must have at least one sample along each spatial axis; got spatial shape {extent}")
    reach = tuple(d * (k - 1) for d, k in zip(dilation, filter_, strict=True))
    origin = per_axis("origin", options.origin, len(filter_))
    if any(origin) and options.size != "same":
        raise ValueError(f"origin needs size='same'; got origin={options.origin!r} with size={options.size!r}")
    if options.size == "full":
        return reach, reach
    if options.size == "valid":
        if any(n <= r for n, r in zip(extent, reach, strict=True)):
            raise ValueError(
                f"size='valid' needs weights no larger than x; got weights {filter_}, dilation {dilation}, x {extent}"
            )
        return (0,) * len(filter_), (0,) * len(filter_)
    sign = -1 if flipped else 1
    before = tuple(same_pad(k, d) + sign * o for k, d, o in zip(filter_, dilation, origin, strict=True))
    after = tuple(r - b for r, b in zip(reach, before, strict=True))
    if min(before + after) < 0:
        raise ValueError(
            f"origin must keep the output inside the weights (-(n // 2) to (n - 1) // 2); got {options.origin!r}"
        )
    return before, after


def check_out(out: Any, x: Adopted, shape: Ints, dtype: DType) -> Adopted:
    """See `out` as an array, or say what is wrong with it."""
    if isinstance(out, np.ndarray) and not out.dtype.isnative:
        raise TypeError(f"out must have native byte order; got dtype {out.dtype}")
    target = adopt("out", out)
    if target.library == "numpy" and not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an array; got {type(out).__name__}")
    check_dims(x, target, "out")
    if target.view.shape != shape:
        raise ValueError(f"out must have shape {shape}; got {target.view.shape}")
    if target.view.dtype != dtype:
        raise ValueError(f"out must have dtype {dtype} (out_dtype= changes that); got {target.view.dtype}")
    read_only = target.view.read_only if target.on_device else not target.view.flags.writeable
    if read_only:
        raise ValueError("out must be writeable; got a read-only array")
    if target.place != x.place:
        raise ValueError(f"out must be where x is ({x.place}); got {target.place}")
    if 0 not in shape and any(n > 1 and step == 0 for n, step in zip(shape, target.view.strides, strict=True)):
        raise ValueError(f"out must have a place for each sample; got strides {target.view.strides}")
    if target.data is not None and not target.on_device and not _is_seen_in_place(target):
        raise TypeError(f"out must be seen without a copy, which a {type(out).__name__} of its dtypes is not")
    return target


def _is_seen_in_place(out: Adopted) -> bool:
    """Whether what is written to the view is written to the labelled array: not to columns of several dtypes."""
    return out.view.size == 0 or np.may_share_memory(out.view, np.asarray(out.original))


def axis_number(name: str, axis: Any, ndim: int) -> int:
    """An axis counted from the front."""
    number = operator.index(axis)
    if not -ndim <= number < ndim:
        raise ValueError(f"{name} must be between {-ndim} and {ndim - 1} for an array of {ndim} axes; got {number}")
    return number % ndim


def fill_value(fill: Any, compute: DType) -> Any:
    """The fill value as a Python number that the compute dtype can hold."""
    check_dtype("fill", np.asarray(fill).dtype)
    value = np.asarray(fill).item()
    if compute.kind != "c" and isinstance(value, complex):
        raise TypeError(f"fill must be real for a result of dtype {compute}; got {fill!r}")
    if is_integer(compute) and (not np.isfinite(value) or int(value) != value):
        raise ValueError(f"fill must be a whole number for a result of dtype {compute}; got {fill!r}")
    if is_integer(compute) and not np.iinfo(compute).min <= value <= np.iinfo(compute).max:
        raise ValueError(f"fill must fit {compute}; got {fill!r}")
    return int(value) if is_integer(compute) else value
