"""Parts of a problem whose arrays do not fit a device at once: images of the batch first, then strips of output rows.

Pure geometry: a Box says which outputs, `part` which problem computes them from which rows of the image.
"""

from dataclasses import replace

from gpuconv.problem import Ints, Problem

Range = tuple[int, int]
Box = tuple[Range, ...]  # [start, stop) along each batch axis and along the first spatial axis of the output


def whole(problem: Problem) -> Box:
    """All outputs of a problem."""
    return tuple((0, n) for n in (*problem.batch, problem.out_extent[0]))


def halves(box: Box) -> tuple[Box, Box] | None:
    """The box cut across its first axis that has more than one place, or None."""
    for axis, (start, stop) in enumerate(box):
        if stop - start > 1:
            middle = (start + stop + 1) // 2
            return (
                (*box[:axis], (start, middle), *box[axis + 1 :]),
                (*box[:axis], (middle, stop), *box[axis + 1 :]),
            )
    return None


def part(problem: Problem, box: Box) -> tuple[Problem, tuple[Range, ...]]:
    """The problem of a box, and the rows of the image that it sees, joined from one range or several.

    Several ranges are needed only where boundary="wrap" brings rows from the other end.
    """
    ranges, pads = _rows(problem, *box[-1])
    smaller = replace(
        problem,
        batch=tuple(stop - start for start, stop in box[:-1]),
        extent=_with_first(problem.extent, sum(stop - start for start, stop in ranges)),
        pad_before=_with_first(problem.pad_before, pads[0]),
        pad_after=_with_first(problem.pad_after, pads[1]),
    )
    return smaller, ranges


def _rows(problem: Problem, first: int, last: int) -> tuple[tuple[Range, ...], tuple[int, int]]:
    """Rows of the image for the output rows [first, last), and the pads before and after them."""
    height, stride, before = problem.extent[0], problem.stride[0], problem.pad_before[0]
    if (first, last) == (0, problem.out_extent[0]):
        return ((0, height),), (before, problem.pad_after[0])
    top = first * stride - before
    bottom = (last - 1) * stride - before + problem.dilation[0] * (problem.filter[0] - 1) + 1
    if problem.boundary == "wrap" and (top < 0 or bottom > height):
        return _wrapped(top, bottom, height), (0, 0)
    start, stop = _seen(problem, top, bottom)
    return ((start, stop),), (start - top, bottom - stop)


def _seen(problem: Problem, top: int, bottom: int) -> Range:
    """Rows of the image that stand for the rows [top, bottom), where some of those may lie outside."""
    height = problem.extent[0]
    if problem.boundary in ("constant", "edge"):  # one row at least: the nearest
        start = min(max(top, 0), height - 1)
        return start, min(max(bottom, start + 1), height)
    if (top < 0 and bottom > height) or top < -height or bottom > 2 * height:
        return 0, height
    if top < 0:  # down to where the reflected rows lie
        return 0, min(max(bottom, 1 - top), height)
    if bottom > height:
        return max(min(top, 2 * height - bottom - 1), 0), height
    return top, bottom


def _wrapped(top: int, bottom: int, height: int) -> tuple[Range, ...]:
    """[top, bottom) modulo height, cut where it starts anew."""
    ranges = []
    while top < bottom:
        start = top % height
        stop = min(start + bottom - top, height)
        ranges.append((start, stop))
        top += stop - start
    return tuple(ranges)


def _with_first(values: Ints, first: int) -> Ints:
    return (first, *values[1:])
