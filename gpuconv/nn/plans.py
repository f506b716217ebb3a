"""Planning a layer for many arrays: everything but the arrays is done once."""

from collections.abc import Callable
from typing import Any

from gpuconv.arrays import DeviceView, adopt
from gpuconv.layouts import empty_in
from gpuconv.nn.planned import PlannedLayer, prepared_of
from gpuconv.nn.repeated import ready_steps
from gpuconv.nn.stated import Question, asking, whole


def plan(layer: Callable[..., Any], *arguments: Any, **options: Any) -> PlannedLayer:
    """Plan a layer, a transposed layer or a gradient for many arrays.

    All that depends on shapes, strides and options alone is done once: checks, the choice of backend and algorithm,
    compilation, workspace. What is left for each call is the launches.

    Parameters
    ----------
    layer : function
        Of `gpuconv.nn`: conv1d, conv2d, conv_transpose2d, conv2d_input, conv2d_weight and so on.
    *arguments, **options
        As the layer takes them. Of the arrays shape, strides, dtype and place count; see `PlannedLayer` for values.

    Returns
    -------
    PlannedLayer
        To be called with arrays, ``planned(*arrays, out=None, stream=None)``; the results are those of the layer.

    Raises
    ------
    TypeError
        If `layer` is another function.
    RuntimeError, ValueError
        As the layer raises them.

    Examples
    --------
    >>> import numpy as np
    >>> from gpuconv import nn
    >>> images, filters = np.ones((8, 3, 32, 32), "float32"), np.ones((16, 3, 3, 3), "float32")
    >>> layer = nn.plan(nn.conv2d, images, filters, padding=1)
    >>> layer(2 * images).shape, float(layer(images, 2 * filters)[0, 0, 5, 5])
    ((8, 16, 32, 32), 54.0)
    """
    if not getattr(layer, "__module__", "").startswith("gpuconv.nn."):
        raise TypeError(f"layer must be a function of gpuconv.nn; got {layer!r}")
    with asking():
        question = layer(*arguments, **options)
    if not isinstance(question, Question):
        raise TypeError(f"layer must be a layer of gpuconv.nn or a gradient; got {layer!r}")
    stated, prepared = prepared_of(question, example=True)
    x, made = stated.x, prepared[0].plan
    layout = stated.layout if stated.result else prepared[0].call.layout
    result = stated.result or empty_in(layout, x, prepared[0].shape, made.problem.out_dtype)
    steps = ready_steps(prepared, result.view) if x.on_device else ()
    held = tuple(step.held() for step in steps)  # type: ignore[attr-defined]
    arrays = tuple(_lying(array) for array in question.arrays)
    from gpuconv.backends.cupy_plans import LayerOnDevice

    split = None if stated.split is whole else stated.split
    names = dict.fromkeys(each.plan.algorithm for each in prepared)
    workspace = sum(step.workspace_bytes for step in held) if held else None
    runner = LayerOnDevice(held, split, made.backend, arrays, result.view) if held else None
    swapped = layer.__name__.endswith("_input")
    shape, dtype = tuple(result.view.shape), made.problem.out_dtype
    return PlannedLayer(
        layer.__name__, made.backend, "+".join(names), workspace, shape, dtype, question, layout, runner, swapped
    )


def _lying(array: Any) -> Any:
    """How an array on a device lies; one on the host itself."""
    view = None if array is None else adopt("array", array).view
    return view if isinstance(view, DeviceView) else array
