"""Sums over the axes of what a function of the caller's gives for each."""

# ruff: noqa: A002 - scipy.ndimage's parameter names

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gpuconv.arrays import adopt
from gpuconv.ndimage.output import find_target, written
from gpuconv.ndimage.passes import per_axis, run
from gpuconv.ndimage.rules import filter_numbers


def generic_laplace(
    input: Any,
    derivative2: Callable[..., Any],
    output: Any = None,
    mode: Any = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: Any = None,
) -> Any:
    """Add up what a function of one axis gives for each, as `scipy.ndimage.generic_laplace` does.

    Parameters
    ----------
    input, output, mode, cval, axes : optional
        As in `laplace`.
    derivative2 : function
        Called as ``derivative2(input, axis, output, mode, cval, *extra_arguments, **extra_keywords)``; `output` is an
        array to fill or a dtype.
    extra_arguments, extra_keywords : optional
        Passed on.

    Returns
    -------
    array
        Sum of the parts, in the output dtype.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `convolve` raises them.

    See Also
    --------
    scipy.ndimage.generic_laplace : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.generic_laplace(np.eye(3), lambda x, axis, *rest: ndimage.correlate1d(x, [1, -2, 1], axis, *rest))[1]
    array([ 2., -4.,  2.])
    """
    return _sum_of_parts(input, derivative2, output, mode, cval, extra_arguments, extra_keywords, axes)


def generic_gradient_magnitude(
    input: Any,
    derivative: Callable[..., Any],
    output: Any = None,
    mode: Any = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: Any = None,
) -> Any:
    """Root of the sum of squares of what a function gives for each axis, as SciPy's generic_gradient_magnitude does.

    Parameters
    ----------
    input, output, mode, cval, extra_arguments, extra_keywords, axes : optional
        As in `generic_laplace`.
    derivative : function
        As derivative2 there.

    Returns
    -------
    array
        The magnitude, in the output dtype: integers wrap when they are squared, as in SciPy.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        As `convolve` raises them.

    See Also
    --------
    scipy.ndimage.generic_gradient_magnitude : The differences from it are listed in `gpuconv.ndimage`.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import ndimage
    >>> ndimage.generic_gradient_magnitude(np.array([[0.0, 3, 3], [4, 7, 7], [4, 7, 7]]), ndimage.sobel)[1, 1]
    np.float64(20.0)
    """
    return _sum_of_parts(input, derivative, output, mode, cval, extra_arguments, extra_keywords, axes, magnitude=True)


def _sum_of_parts(
    input: Any,
    part: Callable[..., Any],
    output: Any,
    mode: Any,
    cval: complex,
    arguments: Sequence[Any],
    keywords: Mapping[str, Any] | None,
    axes: Any,
    *,
    magnitude: bool = False,
) -> Any:
    """Add up the parts (for a magnitude their squares, and take the root) in the output dtype and array."""
    x = adopt("input", input)
    numbers = filter_numbers(axes, x.view.ndim)
    target = find_target(output, x, x.view.dtype.kind == "c")
    if not numbers:
        return run(input, [], output, cval)
    image, total = x.plain, x.empty(x.view.shape, target.dtype).plain
    first, *others = zip(numbers, per_axis(mode, len(numbers)), strict=True)
    part(image, first[0], total, first[1], cval, *arguments, **(keywords or {}))
    if magnitude:
        total *= total
    for axis, one in others:
        more = part(image, axis, target.dtype, one, cval, *arguments, **(keywords or {}))
        if magnitude:
            more *= more
        total += more
    if magnitude:
        total[...] = np.sqrt(total) if isinstance(total, np.ndarray) else total**0.5
    if target.array is None:
        return x.in_kind(total)
    return written(total, target.array)
