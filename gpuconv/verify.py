"""Run a backend's kernels on this machine against the oracle: what `gpuconv verify` shows."""

import itertools
import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gpuconv import backends, oracle
from gpuconv.engine import Call, prepare
from gpuconv.errors import BackendUnavailableError, UnsupportedProblemError, check_choice, loses_the_device
from gpuconv.filters.gradient import magnitude_call
from gpuconv.nn.forward import layer_call
from gpuconv.nn.weight_gradient import gradient_call
from gpuconv.options import Options
from gpuconv.statements import filter_call, separable_call

BOUNDARIES = ("zero", "edge", "symmetric", "mirror", "wrap")
SHAPES = ((1, 1), (17, 33), (40, 131))  # smaller than a tile, odd, more than one tile
IMAGE_DTYPES = ("float32", "float64", "float16", "uint8", "int16", "int32", "uint32")
VOLUMES = (*((boundary, (5, 9, 17)) for boundary in BOUNDARIES), ("mirror", (5, 35, 68)))  # the last: several tiles
VOLUME_TAPS = ((3, 3, 3), (2, 5, 4), (33, 1, 3))
TRANSFORMS = (("zero", (9, 14)), ("mirror", (1, 40)), ("wrap", (64,)))  # boundary and taps
LAYERS: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (
    ((2, 3, 17, 20), (4, 3, 3, 3), {"padding": 1}),
    ((1, 4, 33, 35), (6, 2, 5, 3), {"padding": (2, 1), "groups": 2, "stride": (2, 1)}),
    ((2, 6, 16, 16), (6, 1, 3, 3), {"padding": "same", "groups": 6, "dilation": 2}),
    ((2, 3, 17, 21), (6, 1, 3, 3), {"padding": 1, "groups": 3}),
    ((1, 2, 20, 35), (2, 1, 13, 13), {"padding": 6, "groups": 2}),
    ((3, 16, 9, 9), (8, 16, 1, 1), {}),
    ((2, 8, 70), (4, 8, 9), {"padding": 4, "stride": 3}),
    ((2, 6, 40, 44), (6, 1, 3, 3), {"padding": 1, "groups": 6, "stride": 2}),
    ((2, 5, 600), (10, 1, 9), {"padding": 4, "groups": 5}),
    ((2, 3, 5, 9, 10), (4, 3, 3, 3, 3), {"padding": 1}),
    ((1, 4, 5, 9, 10), (4, 2, 3, 3, 3), {"padding": 1, "groups": 2}),
)
WIDE_LAYERS: tuple[tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]], ...] = (  # enough channels for tensor cores
    ((3, 24, 9, 10), (20, 24, 3, 3), {"padding": 1}),
    ((1, 64, 9, 9), (32, 32, 3, 2), {"groups": 2, "stride": 2}),
)
GRADIENTS = (  # input, weights, groups
    ((2, 3, 17, 20), (4, 3, 3, 3), 1),
    ((2, 6, 17, 20), (6, 1, 3, 3), 6),
    ((1, 32, 5, 4), (64, 32, 3, 3), 1),
)


@dataclass(frozen=True)
class Check:
    """One case on one kernel."""

    kernel: str
    case: str
    passed: bool
    detail: str  # what differed
    lost: bool = False  # whether the device cannot be used any more, so that nothing else can be checked


def machine() -> list[tuple[str, str]]:
    """Return what a report on this machine must name, as (label, text)."""
    import gpuconv

    lines = [("gpuconv", gpuconv.__version__), ("Python", platform.python_version()), ("System", platform.platform())]
    return lines + [(status.name, status.detail) for status in backends.report()]


def checks(backend: str) -> Iterator[Check]:
    """Run every case on a backend, one Check each.

    Raises
    ------
    ValueError
        If there is no such backend.
    BackendUnavailableError
        If the backend cannot run here.
    """
    check_choice("backend", backend, backends.NAMES)
    for name, call in cases():
        check = _check(name, replace(call, backend=backend))
        yield check
        if check.lost:
            break


def cases() -> Iterator[tuple[str, Call]]:
    """Named problems that reach every kernel: filters, separable filters, signals and layers."""
    yield from _filters()
    yield from _long()
    for (boundary, size), dtype in itertools.product(TRANSFORMS, ("float32", "float64")):
        options = Options(boundary=boundary, method="fft", stride=2 if len(size) == 2 else 1)
        call = filter_call(_random((20, 131), dtype), _random(size, dtype, 1), options, flipped=True)
        yield f"{size} taps by transforms, 20x131 {dtype}, {boundary}", call
    for boundary, shape in itertools.product(BOUNDARIES, SHAPES):
        factors = [_random(5, "float32", 1), _random(7, "float32", 2)]
        name = f"separable 5x7, {shape[0]}x{shape[1]} float32, {boundary}"
        yield name, separable_call(_random(shape, "float32"), factors, Options(boundary=boundary))
    yield from _volumes()
    for boundary, taps in itertools.product(BOUNDARIES, (1, 6, 31, 600)):
        call = filter_call(
            _random((3, 515), "float32"), _random(taps, "float32", 1), Options(boundary=boundary), flipped=True
        )
        yield f"1D, {taps} taps, 3x515 float32, {boundary}", call
    for (input_, weight, options), dtype in itertools.product(LAYERS, ("float32", "float64")):
        x, w, b = (_random(shape, dtype, seed) for seed, shape in enumerate((input_, weight, weight[:1])))
        yield f"layer {weight} over {input_} {dtype} {options}", layer_call(len(weight) - 2, x, w, b, **options)
    for (input_, weight, groups), dtype in itertools.product(GRADIENTS, ("float32", "float64", "float16")):
        grad = _random((input_[0], weight[0], *input_[2:]), dtype, 1)
        call = gradient_call(2, _random(input_, dtype), weight, grad, padding=1, groups=groups)
        yield f"gradient of weights {weight}, input {input_} {dtype}, {groups} groups", call
    for (input_, weight, options), dtype in itertools.product(WIDE_LAYERS, ("float16", "float32")):
        x, w, b = (_random(shape, dtype, seed) for seed, shape in enumerate((input_, weight, weight[:1])))
        for image, words in ((x, ""), (_channels_last(x), ", channels last")):
            call = layer_call(len(weight) - 2, image, w, b, **options)
            yield f"layer {weight} over {input_} {dtype} {options}, fast{words}", replace(call, precision="fast")


def _channels_last(x: np.ndarray) -> np.ndarray:
    """The same images with their channels side by side in memory."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)


def _filters() -> Iterator[tuple[str, Call]]:
    filters = ((3, 3), (5, 5), (4, 2), (7, 7), (15, 15), (1, 31))
    for boundary, filter_, shape in itertools.product(BOUNDARIES, filters, SHAPES):
        call = filter_call(
            _random(shape, "float32"), _random(filter_, "float32", 1), Options(boundary=boundary), flipped=True
        )
        yield f"{filter_[0]}x{filter_[1]}, {shape[0]}x{shape[1]} float32, {boundary}", call
    for boundary, filter_ in itertools.product(BOUNDARIES, ((9, 6), (40, 5))):
        weights = _random((filter_[0], 2), "float32", 1) @ _random((2, filter_[1]), "float32", 2)
        options = Options(boundary=boundary, method="low_rank")
        call = filter_call(_random((20, 301), "float32"), weights, options, flipped=True)
        yield f"{filter_[0]}x{filter_[1]} of rank 2, 20x301 float32, {boundary}", call
    for dtype, weights, out in itertools.product(IMAGE_DTYPES, ("float32", "int8"), (None, "uint8")):
        options = Options(boundary="symmetric", out_dtype=out)
        call = filter_call(_random((33, 70), dtype), _random((3, 3), weights, 1), options, flipped=False)
        yield f"3x3 {weights}, 33x70 {dtype} to {call.problem.out_dtype}, symmetric", call
    for dtype, filter_ in itertools.product(("complex64", "complex128"), ((3, 3), (6, 13))):
        options = Options(boundary="constant", fill=1 - 2j)
        call = filter_call(_random((33, 70), dtype), _random(filter_, dtype, 1), options, flipped=True)
        yield f"{filter_[0]}x{filter_[1]}, 33x70 {dtype}, constant", call
    for dtype, out in (("float32", None), ("uint8", "uint8"), ("float64", None)):
        pair = _random((3, 3), "float32", 1), _random((3, 3), "float32", 2)
        call = magnitude_call(_random((33, 70), dtype), pair, Options(boundary="symmetric", out_dtype=out))
        yield f"magnitude of two 3x3, 33x70 {dtype}, symmetric", call
    for stride, dilation in ((2, 1), (1, 3), ((3, 1), (1, 2))):
        options = Options(stride=stride, dilation=dilation, boundary="mirror")
        call = filter_call(_random((2, 40, 50), "float32"), _random((3, 5), "float32", 1), options, flipped=False)
        yield f"3x5, 2x40x50 float32, stride {stride}, dilation {dilation}", call


def _long() -> Iterator[tuple[str, Call]]:
    """What takes more taps along an axis than the fast kernels, or steps over some."""
    for dtype in ("float32", "float64", "complex64"):
        column, row = _random(35, dtype, 1), _random(7, dtype, 2)
        yield f"separable 35x7, 20x131 {dtype}", separable_call(_random((20, 131), dtype), [column, row], Options())
        options = Options(boundary="wrap")
        call = filter_call(_random((90, 20), dtype), _random((70, 1), dtype, 1), options, flipped=True)
        yield f"70 taps along columns, 90x20 {dtype}, wrap", call
        options = Options(stride=3, dilation=2, boundary="mirror")
        call = filter_call(_random((3, 515), dtype), _random(31, dtype, 1), options, flipped=True)
        yield f"1D, 31 taps, 3x515 {dtype}, stride 3, dilation 2", call


def _volumes() -> Iterator[tuple[str, Call]]:
    for (boundary, shape), taps in itertools.product(VOLUMES, VOLUME_TAPS):
        sizes = f"{'x'.join(map(str, taps))}, {'x'.join(map(str, shape))} float32, {boundary}"
        factors = [_random(n, "float32", n) for n in taps]
        options = Options(boundary=boundary)
        yield f"separable {sizes}", separable_call(_random(shape, "float32"), factors, options)
        weights = _random(taps, "float32", 1)
        yield sizes, filter_call(_random(shape, "float32"), weights, options, flipped=True)


def _check(name: str, call: Call) -> Check:
    kernel, operands = "none", call.operands
    try:
        prepared = prepare(call)
        plan, kernel = prepared.plan, prepared.plan.algorithm
        result = np.asarray(prepared.finish()).reshape(call.problem.out_shape)
        oracle.assert_agrees(call.problem, plan.bound, result, operands.image, operands.full_weights(), operands.bias)
    except BackendUnavailableError:
        raise
    except UnsupportedProblemError as refusal:
        return Check("refused", name, True, str(refusal))
    except Exception as error:  # whatever goes wrong on a user's machine belongs in the report
        lost = loses_the_device(error)
        words = "; nothing else can be checked: the device is lost to this process" if lost else ""
        return Check(kernel, name, False, f"{type(error).__name__}: {error}{words}", lost)
    return Check(kernel, name, True, "")


def _random(shape: int | tuple[int, ...], dtype: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
    values = rng.standard_normal(shape)
    return (values + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else values).astype(dtype)
