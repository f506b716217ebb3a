"""Launches fit the kernels they are for: arguments, shared memory, tiles, and the limits of a device."""

import math
import re

import pytest
from cuda_problems import FACTORS, HOST, KERNELS, make

from gpuconv import sources
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_common import GRID_LIMIT, as_planes
from gpuconv.launches.cuda_defaults import default_launches
from gpuconv.planning.facts import DeviceLimits

SIZE_OF = {"int": 4, "float": 4, "double": 8, "long long": 8, "unsigned long long": 8, "float16": 2, "unsigned char": 1}


def every_launch() -> list[LaunchPlan]:
    problems = [
        make(dtype=dtype, filter_=size) for dtype in ("float32", "float64") for size in ((3, 3), (15, 15), (4, 6))
    ]
    problems += [make((extent,), (taps,), stride=(s,)) for extent in (1, 5000) for taps in (1, 999) for s in (1, 7)]
    problems += [make((h, w), channels=c) for h in (1, 7, 100) for w in (1, 14, 60) for c in ((3, 9, 3), (32, 64, 1))]
    launches = [launcher(problem, facts) for problem in problems for launcher in KERNELS for facts in (HOST, FACTORS)]
    launches += default_launches()
    return [x for x in launches if isinstance(x, LaunchPlan) and x.specialization.kernel in SHARED]


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
    structs = dict.fromkeys(("Weights", "Weights<CAPACITY>::Argument", "Factors", "Terms"), types["acc_t"])
    structs["Words"] = "unsigned int"
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


def test_signals_are_planes_of_one_row():
    problem = make((50,), (7,), stride=(3,), dilation=(2,), pad_before=(4,), pad_after=(8,))
    planes = as_planes(problem)
    assert planes.rank == 2
    assert planes.out_shape == (3, 1, 1, *problem.out_extent)
    assert planes.taps == problem.taps
    assert as_planes(planes) is planes
