"""Planning of the Numba kernels: which kernel takes a problem, with what tiles, blocks and arguments. Pure Python."""

import itertools
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from gpuconv.engine import facts_of
from gpuconv.launches import LaunchPlan
from gpuconv.launches import numba_cuda as launches
from gpuconv.launches.numba_cuda import conv1d, conv2d_layer, conv2d_tiled, unsupported
from gpuconv.launches.numba_defaults import default_launches, default_specializations
from gpuconv.launches.numba_staging import Staging, staging
from gpuconv.nn import layer_call
from gpuconv.options import Options
from gpuconv.planning.facts import Facts
from gpuconv.planning.planner import Plan, make_plan
from gpuconv.statements import filter_call


def planned(call):
    return make_plan(call.problem, facts_of(call), "numba_cuda")


def filter_plan(shape, filter_, dtype="float32", **options):
    x, w = np.ones(shape, dtype), np.ones(filter_, options.pop("weights", "float32"))
    w.flat[-1] = 2  # no outer product
    return planned(filter_call(x, w, Options(**options), flipped=True))


def layer_plan(image, weights, **options):
    return planned(layer_call(len(weights) - 2, np.ones(image, "float32"), np.ones(weights, "float32"), **options))


def scalars(plan):
    return {argument.name: argument.value for argument in plan.launches[0].arguments if argument.kind == "scalar"}


@pytest.mark.parametrize(
    ("shape", "filter_", "options", "kernel"),
    [
        ((9, 9), (3, 3), {}, "conv2d_tiled"),
        ((9, 9), (15, 15), {}, "conv2d_tiled"),
        ((9, 9), (3, 5), {}, "conv2d_layer"),
        ((9, 9), (4, 4), {}, "conv2d_layer"),
        ((9, 9), (17, 17), {}, "conv2d_layer"),
        ((9, 9), (3, 3), {"stride": 2}, "conv2d_layer"),
        ((9, 9), (3, 3), {"dilation": 2}, "conv2d_layer"),
        ((9, 9), (3,), {"stride": 7, "dilation": 3}, "conv1d"),
        ((9,), (1000,), {}, "conv1d"),
        ((9, 9), (5, 5), {"method": "separable"}, "conv2d_separable"),
    ],
)
def test_kernel_of_a_filter(shape, filter_, options, kernel):
    call = filter_call(np.ones(shape, "float32"), np.ones(filter_, "float32"), Options(**options), flipped=True)
    plan = planned(call) if "method" in options else filter_plan(shape, filter_, **options)
    assert plan.algorithm == kernel


def test_kernel_of_a_layer():
    assert layer_plan((2, 3, 9, 9), (4, 3, 3, 3)).algorithm == "conv2d_layer"
    assert layer_plan((2, 3, 9), (4, 3, 3)).algorithm == "conv2d_layer"
    assert layer_plan((2, 3, 9, 9), (6, 1, 3, 3), groups=3).algorithm == "conv2d_tiled"
    assert layer_plan((2, 3, 9, 9), (6, 1, 3, 3), groups=3, stride=2).algorithm == "conv2d_layer"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (((3, 3, 3), (3, 3, 3), "float32", {}), "the Numba CUDA kernels have one or two spatial axes; got 3"),
        (
            ((9, 9), (3, 3), "complex64", {}),
            "the Numba CUDA kernels compute real numbers; got complex64 into complex64",
        ),
        (
            ((9, 9), (3, 3), "uint8", {"out_dtype": "uint8", "overflow": "raise"}),
            "a CUDA kernel cannot raise; overflow='raise' needs a backend on the CPU",
        ),
    ],
)
def test_refusals(arguments, reason):
    shape, filter_, dtype, options = arguments
    call = filter_call(np.ones(shape, dtype), np.ones(filter_, "float32"), Options(**options), flipped=True)
    assert unsupported(call.problem, facts_of(call)) == reason
    assert reason in planned(call)


def test_overflow_raise_is_taken_where_nothing_can_overflow():
    assert isinstance(filter_plan((9, 9), (3, 3), "uint8", weights="int8", overflow="raise"), Plan)
    assert isinstance(filter_plan((9, 9), (3, 3), overflow="raise"), Plan)


def test_too_many_blocks():
    problem = filter_call(np.ones((9, 9), "float32"), np.ones((2, 2)), Options(), flipped=True).problem
    reason = conv2d_layer(replace(problem, batch=(2**31,)), Facts())
    assert reason == f"conv2d_layer launches at most {2**31 - 1} blocks; this would take {2**31}"


def test_every_block_of_a_tiled_launch_has_outputs():
    launch = filter_plan((5, 33, 65), (5, 5)).launches[0]
    assert launch.grid == (5 * 2 * 3, 1, 1)  # tiles of 32 x 32
    assert launch.block == (32, 8, 1)
    assert launch.shared_bytes == 0
    assert dict(launch.specialization.constants) == {
        "FILTER_H": 5,
        "FILTER_W": 5,
        "BIASED": 0,
        "BLOCK_H": 8,
        "BLOCK_W": 32,
        "ROWS": 4,
        "SKIP_ZERO_TAPS": 0,
        "ROUNDING": 0,
        "OVERFLOW": 0,
    }


def test_blocks_of_signals_and_layers():
    assert filter_plan((7, 1000), (5,)).launches[0].grid == (7 * 2, 1, 1)  # 128 threads, four outputs each
    assert filter_plan((7, 128), (5,)).launches[0].grid == (7, 1, 1)  # one output each
    launch = layer_plan((2, 6, 40, 37), (20, 3, 3, 5), groups=2).launches[0]
    assert launch.grid == (2 * 2 * 2 * 2 * 2, 1, 1)  # 38 x 33 outputs, two groups, 8 + 2 channels a group, two images
    assert launch.block == (32, 8, 1)
    assert layer_plan((2, 6, 600), (10, 3, 3), groups=2).launches[0].block == (256, 1, 1)


def test_arguments_are_in_the_order_of_the_kernels():
    tiled = filter_plan((9, 9), (3, 3), boundary="wrap").launches[0]
    names = ["image", "weights", "bias", "out", "boundary", "fill", "pad_y", "pad_x"]
    assert [argument.name for argument in tiled.arguments] == names
    layer = layer_plan((1, 2, 9, 9), (4, 1, 3, 3), groups=2, stride=2, padding=1, dilation=3)
    assert [argument.kind for argument in layer.launches[0].arguments[:4]] == ["image", "weights", "bias", "out"]
    expected = {"boundary": 1, "fill": 0.0, "groups": 2, "pad_y": 1, "pad_x": 1, "step_y": 1, "step_x": 1}
    expected |= {"near_y": 2, "near_x": 2, "dilation_y": 3, "dilation_x": 3, "far_y": 3, "far_x": 3}
    assert scalars(layer) == expected | {"piece_h": 3, "piece_w": 3}


def test_fill_has_the_type_of_the_sum():
    plan = filter_plan((9, 9), (3, 3), "uint8", weights="int8", boundary="constant", fill=7)
    fill = next(argument for argument in plan.launches[0].arguments if argument.name == "fill")
    assert (fill.type, fill.value, type(fill.value)) == ("int32", 7, int)


@pytest.mark.parametrize(
    ("dtype", "weights", "types"),
    [
        ("float16", "float32", ("float16", "float32", "float16")),
        ("bool", "float32", ("uint8", "float32", "float32")),
        ("uint8", "int8", ("uint8", "int32", "int64")),
        ("uint32", "uint32", ("uint32", "uint64", "uint64")),
        ("int32", "float32", ("int32", "float64", "float64")),
    ],
)
def test_dtypes(dtype, weights, types):
    specialization = filter_plan((9, 9), (3, 3), dtype, weights=weights).launches[0].specialization
    assert tuple(dict(specialization.types).values()) == types


def test_nothing_is_compiled_twice():
    """Options that make no difference to a kernel lead to the same specialisation."""
    plans = [
        filter_plan(shape, (3, 3), boundary=boundary, rounding=rounding, overflow=overflow)
        for shape in ((9, 9), (4, 100, 70))
        for boundary in ("zero", "mirror")
        for rounding, overflow in (("half_even", "saturate"), ("floor", "wrap"))
    ]
    assert len({plan.launches[0].specialization for plan in plans}) == 1
    rounded = [
        filter_plan((9, 9), (3, 3), "uint8", out_dtype="uint8", rounding=rounding) for rounding in ("floor", "trunc")
    ]
    assert len({plan.launches[0].specialization for plan in rounded}) == 2


@pytest.mark.parametrize("outputs", [8, 256])
@pytest.mark.parametrize(("samples", "taps"), [(300, 16), (2304, 512)])
def test_staging_fits(outputs, samples, taps):
    for filter_, stride, dilation in itertools.product((1, 2, 31, 700), (1, 2, 3, 8, 1000), (1, 2, 3, 64, 5000)):
        staged = staging(outputs, filter_, stride, dilation, samples, taps)
        assert 1 <= staged.piece <= min(filter_, taps)
        assert staged.span(outputs) <= samples
        assert staged.near * staged.step == stride
        assert staged.piece == 1 or staged.far * staged.step == dilation


@pytest.mark.parametrize(
    ("stride", "dilation", "expected"),
    [
        (1, 1, Staging(31, 1, 1, 1)),
        (4, 6, Staging(31, 2, 2, 3)),
        (5, 5, Staging(31, 5, 1, 1)),
        (40, 1, Staging(1, 40, 1, 0)),  # a span of 401 does not fit: tap by tap, only the samples that are met
    ],
)
def test_staging(stride, dilation, expected):
    assert staging(10, 31, stride, dilation, 128, 64) == expected


def test_pieces_of_a_layer_fit():
    for filter_, stride, dilation in itertools.product((1, 3, 11, 60), (1, 2, 5), (1, 2, 7)):
        plan = layer_plan((1, 2, 800, 800), (4, 2, filter_, filter_ + 1), stride=stride, dilation=dilation)
        constants, values = dict(plan.launches[0].specialization.constants), scalars(plan)
        assert constants["CHANNELS"] * values["piece_h"] * values["piece_w"] <= constants["TAPS"]
        spans = [
            (constants[f"BLOCK_{side}"] - 1) * values[f"near_{axis}"]
            + (values[f"piece_{side.lower()}"] - 1) * values[f"far_{axis}"]
            + 1
            for side, axis in (("H", "y"), ("W", "x"))
        ]
        assert spans[0] * spans[1] <= constants["TILE"]


def test_default_launches_are_distinct_and_reach_every_kernel():
    specializations = default_specializations()
    assert len(set(specializations)) == len(specializations) == len(default_launches())
    kernels = {launcher.__name__ for launcher in launches.LAUNCHERS} | {"copy"}
    assert {specialization.kernel for specialization in specializations} == kernels
    assert all(isinstance(launch, LaunchPlan) for launch in default_launches())


def test_refused_kernels_are_named_in_the_plan():
    assert filter_plan((9, 9), (4, 4)).reasons[:3] == (
        "conv2d_separable needs the two factors of the weights",
        "conv2d_tiled takes square filters of size 3, 5, 7, 9, 11, 13, 15; got (4, 4)",
        "conv1d filters single channels along one axis",
    )


def test_planners_take_what_they_say():
    signal = filter_call(np.ones(9), np.ones(3), Options(), flipped=True).problem
    layer = layer_call(2, np.ones((1, 2, 5, 5)), np.ones((2, 2, 3, 3))).problem
    assert conv2d_tiled(layer, Facts()) == "conv2d_tiled filters every channel for itself"
    assert "square filters" in conv2d_tiled(signal, Facts())
    assert conv1d(layer, Facts()) == "conv1d filters single channels along one axis"
    assert isinstance(conv2d_layer(signal, Facts()), LaunchPlan)


def test_planning_imports_no_numba():
    code = "import gpuconv.launches.numba_defaults, sys; sys.exit('numba' in sys.modules or 'cupy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
