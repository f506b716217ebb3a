"""Which kernel takes which problem, and launches that fit the kernels and the device; all decided without one."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from gpuconv import planner, sources
from gpuconv.facts import DeviceLimits, Facts
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda import LAUNCHERS, unsupported
from gpuconv.launches.cuda_common import GRID_LIMIT, as_planes
from gpuconv.launches.cuda_defaults import default_launches, default_specializations
from gpuconv.launches.cuda_filters import SIZES, conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.problem import Problem

HOST = Facts(weights_sum=1, zero_taps=False)
DEVICE = replace(HOST, weights_place="device")
FACTORS = replace(HOST, separable=True)
SIZE_OF = {"int": 4, "float": 4, "double": 8, "long long": 8, "unsigned long long": 8, "float16": 2, "unsigned char": 1}


def make(extent=(60, 70), filter_=(5, 5), *, dtype="float32", out=None, images=3, channels=(1, 1, 1), **changes):
    """A problem of size "same" over some images."""
    rank, compute = len(extent), np.dtype(dtype)
    pads = {"pad_before": tuple(n // 2 for n in filter_), "pad_after": tuple((n - 1) // 2 for n in filter_)}
    geometry = {"stride": (1,) * rank, "dilation": (1,) * rank, "boundary": "edge", "fill": 0, **pads, **changes}
    dtypes = {f"{name}_dtype": compute for name in ("image", "weights", "compute")} | {
        "out_dtype": np.dtype(out or dtype)
    }
    return Problem((images,), *channels, extent, filter_, **(dtypes | geometry))


def chosen(problem: Problem, facts: Facts = HOST) -> str:
    """Name of the kernel that the planner takes."""
    plan = planner.make_plan(problem, facts, "cupy")
    assert not isinstance(plan, str), plan
    return plan.algorithm


@pytest.mark.parametrize(
    ("problem", "facts", "kernel"),
    [
        (make(), HOST, "conv2d_tiled"),
        (make(filter_=(15, 15)), HOST, "conv2d_tiled"),
        (make(filter_=(15, 15), dtype="float64"), HOST, "conv2d_tiled"),
        (make(), DEVICE, "conv2d_layer"),  # nothing is fetched from the device in order to plan
        (make(filter_=(4, 2)), HOST, "conv2d_layer"),
        (make(filter_=(31, 31)), HOST, "conv2d_layer"),
        (make(stride=(2, 1)), HOST, "conv2d_layer"),
        (make(dilation=(1, 2)), HOST, "conv2d_layer"),
        (make(stride=(1, 20)), HOST, "conv2d_layer"),  # with one position a thread
        (make(stride=(100, 100)), HOST, "conv2d_direct"),
        (make(filter_=(1, 20000)), HOST, "conv2d_direct"),
        (make(filter_=(20000, 1)), HOST, "conv2d_layer"),  # its rows come in steps
        (make(), FACTORS, "conv2d_separable"),
        (make(filter_=(201, 255)), FACTORS, "conv2d_separable"),
        (make(filter_=(301, 255)), FACTORS, "conv2d_layer"),
        (make(stride=(2, 2)), FACTORS, "conv2d_layer"),
        (make((700,), (31,)), HOST, "conv1d"),
        (make((700,), (31,)), FACTORS, "conv1d"),
        (make((700,), (100000,)), DEVICE, "conv1d"),
        (make((700,), (31,), stride=(3,), dilation=(2,)), HOST, "conv1d"),
        (make((700,), (31,), dilation=(5000,)), HOST, "conv1d"),
        (make((700,), (31,), stride=(5000,)), HOST, "conv2d_direct"),
        (make(channels=(6, 4, 2)), HOST, "conv2d_layer"),
        (make((700,), (3,), channels=(6, 4, 1)), HOST, "conv2d_layer"),
        (make((2**31, 5), (3, 3), images=1), HOST, "conv2d_direct"),  # positions beyond an int
        (make((2**33,), (3,), images=1), HOST, "conv1d"),
    ],
)
def test_kernel_for_problem(problem, facts, kernel):
    assert chosen(problem, facts) == kernel


@pytest.mark.parametrize(
    ("launcher", "problem", "facts", "sentence"),
    [
        (
            conv2d_tiled,
            make(filter_=(3, 5)),
            HOST,
            "conv2d_tiled is compiled for square filters of .* taps; got (3, 5)",
        ),
        (conv2d_tiled, make(), DEVICE, "takes its weights from the host"),
        (conv2d_tiled, make((9,), (3,)), HOST, "filters images of two axes, one channel at a time"),
        (conv2d_tiled, make(stride=(2, 1)), HOST, "needs stride and dilation 1; got (2, 1) and (1, 1)"),
        (conv2d_tiled, make((2**30, 5)), HOST, "no further than 1073741824 samples; got "),
        (conv2d_tiled, make(), replace(HOST, device=DeviceLimits(parameter_bytes=200)), "in 200 bytes; got (5, 5)"),
        (
            conv2d_tiled,
            make(),
            replace(HOST, device=DeviceLimits(shared_bytes=9000)),
            "needs 9792 bytes of shared memory",
        ),
        (conv2d_separable, make(), HOST, "needs weights given as 1D factors"),
        (conv2d_separable, make(filter_=(300, 300)), FACTORS, "at most 480 taps; got 300 + 300"),
        (conv2d_separable, make(filter_=(400, 3)), FACTORS, "needs .* bytes of shared memory for its smallest tile"),
        (conv1d, make(), HOST, "filters signals, one channel at a time"),
        (conv1d, make((9,), (3,), stride=(10**6,)), HOST, "needs .* bytes of shared memory"),
        (conv2d_layer, make(stride=(100, 100)), HOST, "a block has 49152"),
        (
            conv2d_direct,
            make((2**21, 2**21)),
            HOST,
            f"conv2d_direct launches at most {GRID_LIMIT} blocks; this would take ",
        ),
    ],
)
def test_refusals(launcher, problem, facts, sentence):
    assert re.search(re.escape(sentence).replace(r"\.\*", ".*"), launcher(problem, facts))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"extent": (4, 4, 4), "filter_": (3, 3, 3)}, "one or two spatial axes; got 3"),
        ({"dtype": "complex64"}, "real numbers; got complex64"),
        ({"out": "complex64"}, "real numbers; got float32 into complex64"),
        ({"out": "uint8", "overflow": "raise"}, "overflow='raise' needs a look at the whole result"),
        ({"dtype": "int64", "out": "uint8", "overflow": "raise"}, "overflow='raise' needs"),
    ],
)
def test_unsupported(changes, sentence):
    assert sentence in unsupported(make(**changes), replace(HOST, image_max=100))


@pytest.mark.parametrize(
    "changes", [{"overflow": "raise"}, {"dtype": "int64", "overflow": "raise"}, {}]
)
def test_supported(changes):
    assert unsupported(make(**changes), replace(HOST, image_max=100)) is None


# ------------------------------------------------------------------------------------------ every launch is well formed


def every_launch() -> list[LaunchPlan]:
    problems = [
        make(dtype=dtype, filter_=size) for dtype in ("float32", "float64") for size in ((3, 3), (15, 15), (4, 6))
    ]
    problems += [make((extent,), (taps,), stride=(s,)) for extent in (1, 5000) for taps in (1, 999) for s in (1, 7)]
    problems += [make((h, w), channels=c) for h in (1, 7, 100) for w in (1, 14, 60) for c in ((3, 9, 3), (32, 64, 1))]
    launches = [launcher(problem, facts) for problem in problems for launcher in LAUNCHERS for facts in (HOST, FACTORS)]
    return [launch for launch in launches if isinstance(launch, LaunchPlan)] + list(default_launches())


def signature(launch: LaunchPlan) -> list[tuple[str, str]]:
    """(C type, name) of every parameter of a kernel, qualifiers left out."""
    text = sources.read(f"{launch.specialization.kernel}.cu")
    parameters = re.search(rf"\b{launch.specialization.kernel}\(([^)]*)\)", text[text.index('extern "C"') :])[1]
    plain = re.sub(r"\b(const|__restrict__|__grid_constant__)\b|\*", "", parameters)
    return [tuple(parameter.strip().rsplit(maxsplit=1)) for parameter in plain.split(",")]


@pytest.mark.parametrize("launch", default_launches(), ids=lambda launch: str(launch.specialization))
def test_arguments_are_the_kernel_s(launch):
    types = dict(launch.specialization.types)
    expected = [(name, types.get(type_, type_)) for type_, name in signature(launch)]
    structs = {"Weights": types["acc_t"], "Factors": types["acc_t"]}
    assert [(a.name, a.type) for a in launch.arguments] == [(name, structs.get(t, t)) for name, t in expected]


def test_launches_keep_to_the_limits():
    for launch in every_launch():
        constants = dict(launch.specialization.constants)
        assert 0 < launch.grid[0] <= GRID_LIMIT
        assert launch.grid[1:] == (1, 1)
        assert math.prod(launch.block) <= 256
        assert math.prod(launch.block) % 32 == 0
        assert launch.shared_bytes <= DeviceLimits().shared_bytes
        taps = {
            "weights": constants.get("FILTER_H", 0) * constants.get("FILTER_W", 0),
            "factors": constants.get("TAPS"),
        }
        sizes = [SIZE_OF[a.type] * taps[a.kind] if a.by_value else 8 for a in launch.arguments]
        assert sum(sizes) <= DeviceLimits().parameter_bytes


def test_shared_bytes_are_those_of_the_headers():
    for launch in every_launch():
        values = dict(launch.specialization.constants) | {a.name: a.value for a in launch.arguments}
        size = SIZE_OF[dict(launch.specialization.types)["acc_t"]]
        assert launch.shared_bytes == size * SHARED[launch.specialization.kernel](values, launch.block)


def _separable_values(v, block):
    tile_h, tile_w = v["BLOCK_H"] * v["ROWS"], v["BLOCK_W"]
    return v["BLOCK_H"] * (tile_w + v["filter_w"] - 1) + (tile_h + v["filter_h"] - 1) * tile_w


def _conv1d_values(v, block):
    return v["piece"] + (v["OUTPUTS"] * block[0] - 1) * v["stride"] + (v["piece"] - 1) * v["dilation"] + 1


def _layer_values(v, block):
    tile_h = block[1] + (v["POSITIONS"] - 1) * v["spread_h"]
    tile_w = block[0] + (v["POSITIONS"] - 1) * v["spread_w"]
    in_h = (tile_h - 1) * v["stride_h"] + (v["step_r"] - 1) * v["dilation_h"] + 1
    in_w = (tile_w - 1) * v["stride_w"] + (v["filter_w"] - 1) * v["dilation_w"] + 1
    return v["step_k"] * (v["step_r"] * v["filter_w"] * v["CHANNELS"] + in_h * in_w)


SHARED = {
    "conv2d_tiled": lambda v, block: 0,
    "conv2d_direct": lambda v, block: 0,
    "conv2d_separable": _separable_values,
    "conv1d": _conv1d_values,
    "conv2d_layer": _layer_values,
}


def test_blocks_cover_the_output_and_no_more():
    for launch in every_launch():
        values = {a.name: a.value for a in launch.arguments}
        if launch.specialization.kernel != "conv2d_layer":
            continue
        positions = launch.specialization.constant("POSITIONS")
        high = launch.block[1] + (positions - 1) * values["spread_h"]
        wide = launch.block[0] + (positions - 1) * values["spread_w"]
        for tile, tiles, out in (
            (high, values["tiles_h"], values["out_h"]),
            (wide, values["tiles_w"], values["out_w"]),
        ):
            assert (tiles - 1) * tile < out <= tiles * tile
        assert values["spread_h"] in (0, launch.block[1])
        assert values["spread_w"] in (0, launch.block[0])


# ------------------------------------------------------------------------------------------ few specialisations


@pytest.mark.parametrize("facts", [HOST, FACTORS, DEVICE])
def test_what_changes_with_the_image_is_an_argument(facts):
    """Image size, batch, origin, fill value: a new one compiles nothing."""
    first = make(boundary="constant")
    others = [
        make((99, 301), boundary="constant"),
        make(boundary="constant", images=70000),
        make(boundary="constant", fill=3.5),
        make(boundary="constant", pad_before=(4, 0), pad_after=(0, 4)),
    ]
    plans = [planner.make_plan(problem, facts, "cupy") for problem in (first, *others)]
    assert len({plan.launches[0].specialization for plan in plans}) == 1


def test_filter_sizes_that_compile_are_few():
    sizes = [(h, w) for h in range(1, 40) for w in range(1, 40)]
    for facts in (HOST, FACTORS):
        plans = [planner.make_plan(make(filter_=size), facts, "cupy") for size in sizes]
        assert len({plan.launches[0].specialization for plan in plans}) <= len(SIZES) + 2


def test_constants_that_make_no_difference_have_one_value():
    same = [make(), make(rounding="floor"), make(overflow="wrap"), make(skip_zero_taps=True)]
    assert len({conv2d_tiled(problem, HOST).specialization for problem in same}) == 1
    inside = [make(pad_before=(0, 0), pad_after=(0, -1), boundary=b) for b in ("edge", "wrap", "constant")]
    assert len({conv2d_tiled(problem, HOST).specialization for problem in inside}) == 1
    skipping = conv2d_tiled(make(skip_zero_taps=True), replace(HOST, zero_taps=True)).specialization
    assert skipping.constant("SKIP_ZERO_TAPS") == 1
    factors = conv2d_separable(make(skip_zero_taps=True), replace(FACTORS, zero_taps=True)).specialization
    assert factors.constant("SKIP_ZERO_TAPS") == 0


@pytest.mark.parametrize(
    ("dtype", "out", "overflow", "saturate"),
    [
        ("float32", "uint8", "saturate", 1),
        ("float32", "uint8", "wrap", 0),
        ("int64", "int64", "saturate", 0),
        ("int64", "uint64", "saturate", 1),
        ("int64", "int16", "wrap", 0),
        ("int64", "float16", "saturate", 0),
    ],
)
def test_saturation(dtype, out, overflow, saturate):
    launch = conv2d_tiled(make(dtype=dtype, out=out, overflow=overflow), replace(HOST, image_max=100))
    assert launch.specialization.constant("SATURATE") == saturate


def test_default_specializations():
    defaults = default_specializations()
    assert len(set(defaults)) == len(defaults) <= 32
    assert {s.constant("BOUNDARY") for s in defaults} == set(range(5))
    types = {dict(s.types)[name] for s in defaults for name in ("image_t", "out_t", "acc_t")}
    assert {"float", "double", "float16", "unsigned char", "int"} <= types


def test_signals_are_planes_of_one_row():
    problem = make((50,), (7,), stride=(3,), dilation=(2,), pad_before=(4,), pad_after=(8,))
    planes = as_planes(problem)
    assert planes.rank == 2
    assert planes.out_shape == (3, 1, 1, *problem.out_extent)
    assert planes.taps == problem.taps
    assert as_planes(planes) is planes
