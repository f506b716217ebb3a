"""Labels of axes: which samples of the input those of a result stand for."""

from gpuconv.arrays.adopted import Adopted, Places
from gpuconv.problem import Ints, Problem, same_pad


def places_of(x: Adopted, problem: Problem, out_order: Ints) -> Places | None:
    """By axis of the caller, the samples of x over which the filter was centred; None where x has no labels.

    Under "same" these are all samples, or every stride-th; under "valid" those of "same" that need nothing outside.
    Under "full" some lie outside x: there are no samples, and none where the view is not of x itself.
    """
    if x.data is None:
        return None
    if tuple(x.view.shape) != tuple(x.original.shape):
        return (None,) * len(out_order)
    batch = len(problem.batch)
    return [slice(None) if axis < batch else _centres(problem, axis - batch - 1) for axis in out_order]


def check_dims(x: Adopted, other: Adopted, name: str) -> None:
    """Refuse a DataArray whose axes would be taken for others of x: axes go by their place, never by their name."""
    if x.library != "xarray" or other.library != "xarray":
        return
    ours, theirs = x.original.dims, other.original.dims
    if any(dim in ours and dim != own for dim, own in zip(theirs[::-1], ours[::-1], strict=False)):
        raise ValueError(f"{name} must have the dimensions of x in their order, {ours}; got {theirs}")


def kept(x: Adopted, shape: Ints, places: Places | None) -> Places:
    """The places that fit a result of x's rank; by default all samples of axes that keep their length."""
    given = places or (slice(None),) * len(shape)
    sizes = zip(x.original.shape, shape, given, strict=True)
    return [place if place is not None and len(range(n)[place]) == m else None for n, m, place in sizes]


def _centres(problem: Problem, axis: int) -> slice | None:
    """Samples under the centre of the filter, along one spatial axis."""
    if axis < 0:  # channels
        return None
    before, after = problem.pad_before[axis], problem.pad_after[axis]
    taps, dilation, stride = problem.filter[axis], problem.dilation[axis], problem.stride[axis]
    centred = before + after == dilation * (taps - 1)  # "same", whatever its origin
    start = 0 if centred else same_pad(taps, dilation) - before
    stop = start + stride * (problem.out_extent[axis] - 1) + 1
    return slice(start, stop, stride) if start >= 0 and stop <= problem.extent[axis] else None
