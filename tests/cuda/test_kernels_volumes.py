"""separable_volume, conv3d_small and what stands behind them: right at every edge; what their machine code costs."""

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import assert_right, check, factors, few, image_filter, out_of, planned, record
from standin import mutate, mutations

import gpuconv
from gpuconv import ndimage
from gpuconv.engine import Call, facts_of
from gpuconv.launches.cuda_volume import conv3d_small, separable_volume
from gpuconv.launches.cuda_volume_any import conv3d_direct, separable_passes
from gpuconv.options import Options
from gpuconv.planning.facts import DeviceLimits, Facts
from gpuconv.problem import BOUNDARIES, Problem
from gpuconv.sources import source
from gpuconv.statements import filter_call, separable_call

KERNELS = {"separable": (separable_volume, factors), "small": (conv3d_small, image_filter)}
# A tile is 32 x 64 or 16 x 128 of float32. All edges in one block; several tiles, strips and volumes; odd rows.
ONE, SMALL, WIDE, ODD = (1, 1, 1), (5, 17, 40), (2, 5, 34, 68), (11, 67, 133)
TYPES = [
    ("u1", "f4", "u1"),
    ("f2", "f4", None),
    ("f8", "f8", None),
    ("i2", "f4", "i2"),
    ("i1", "i1", None),
    ("u2", "u2", "u1"),
    ("c8", "c8", None),
    ("c16", "c16", None),
    ("bool", "f4", None),
]


def call_of(kernel, shape=SMALL, taps=(3, 5, 3), dtypes=("f4", "f4"), **options):
    return KERNELS[kernel][1](shape, taps, dtypes, **{"boundary": "mirror"} | options)


def recorded(kernel, *arguments, **options):
    return record(KERNELS[kernel][0], call_of(kernel, *arguments, **options))


@pytest.mark.parametrize(
    ("shape", "boundary"),
    few(itertools.product((ONE, SMALL, WIDE, ODD), BOUNDARIES[1:]), (WIDE, "mirror"), (SMALL, "constant")),
)
@pytest.mark.parametrize("kernel", KERNELS)
def test_sizes_and_boundaries(kernel, shape, boundary):
    check(KERNELS[kernel][0], call_of(kernel, shape, boundary=boundary))


@pytest.mark.slow  # a compilation each
@pytest.mark.parametrize("taps", [(1, 3, 3), (3, 1, 1), (1, 1, 5), (2, 4, 3), (5, 5, 5), (7, 3, 2), (3, 3, 9)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_filter_sizes(kernel, taps):
    check(KERNELS[kernel][0], call_of(kernel, (9, 20, 70), taps))


@pytest.mark.slow  # long to compile and to run
@pytest.mark.parametrize("taps", [(9, 9, 9), (31, 3, 3), (3, 31, 31), (31, 31, 31)])
def test_long_factors(taps):
    check(separable_volume, call_of("separable", (12, 20, 40), taps))


def with_factors(shape, taps, image, weights, out) -> Call:
    """A filter whose whole results fit their dtypes."""
    w = [random((n,), weights, n) for n in taps]
    w = w if weights[0] == "c" else [factor % 3 for factor in w]
    return separable_call(random(shape, image), w, Options(boundary="mirror", out_dtype=out))


@pytest.mark.parametrize(("image", "weights", "out"), few(TYPES, TYPES[0]))
@pytest.mark.parametrize("kernel", KERNELS)
def test_dtypes(kernel, image, weights, out):
    call = with_factors(SMALL, (3, 4, 5), image, weights, out)
    if kernel == "small":
        operands = replace(call.operands, weights=call.operands.full_weights(), factors=())
        call = replace(call, operands=operands)
    check(KERNELS[kernel][0], call)


@pytest.mark.slow  # a compilation each
@pytest.mark.parametrize("size", ["full", "valid"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_output_sizes_and_batches(kernel, size):
    check(KERNELS[kernel][0], call_of(kernel, (2, 3, 9, 11, 70), size=size, boundary="wrap"))


@pytest.mark.parametrize("kernel", few(KERNELS, "separable"))
def test_origin_and_margins(kernel):
    """They do not compile anew."""
    calls = [call_of(kernel, WIDE, origin=origin) for origin in ((0, 0, 0), (1, -2, 1))]
    check(KERNELS[kernel][0], calls[1])
    plans = [planned(KERNELS[kernel][0], call).launches[0] for call in calls]
    assert plans[0].specialization == plans[1].specialization


@pytest.mark.slow  # a compilation each
@pytest.mark.parametrize("fill", [2.5, np.nan, np.inf])
@pytest.mark.parametrize("dtype", ["f4", "u1"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_fill(kernel, fill, dtype):
    check(KERNELS[kernel][0], call_of(kernel, SMALL, dtypes=(dtype, "f4"), boundary="constant", fill=fill))


@pytest.mark.slow  # a compilation of its own
def test_zero_taps_may_be_left_out():
    """As scipy.ndimage does: zero times nan is zero."""
    x, weights = random(SMALL, "f4"), random((3, 3, 3), "f4", 1)
    weights[0], weights[1, 1] = 0, 0
    x[2, 5, 7] = np.nan
    check(conv3d_small, filter_call(x, weights, Options(skip_zero_taps=True), flipped=False))


@pytest.mark.parametrize("boundary", few(BOUNDARIES[1:], "mirror"))
def test_the_formula_takes_everything(boundary):
    options = {"stride": (2, 1, 3), "dilation": (1, 3, 2), "boundary": boundary}
    check(conv3d_direct, image_filter((2, 7, 9, 10), (2, 3, 5), **options))


@pytest.mark.parametrize(("image", "weights", "out"), few(TYPES, TYPES[0]))
def test_long_factors_pass_by_pass(image, weights, out):
    """A workspace of sums between the two; nothing is rounded or saturated there."""
    call = with_factors((2, 3, 9, 20), (35, 3, 5), image, weights, out)
    assert len(planned(separable_passes, call).launches) == 2
    check(separable_passes, call)


# ------------------------------------------------------------------------------------------ sanitizers, machine code

CASES = [("separable", "f4"), ("separable", "u1"), ("small", "f4"), ("small", "u1")]


@pytest.mark.parametrize("shape", [WIDE, pytest.param(ODD, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("kernel", "dtype"), few(CASES, CASES[1]))
def test_sanitizers_are_content(kernel, dtype, shape):
    call = call_of(kernel, shape, dtypes=(dtype, "f4"))
    launch = record(KERNELS[kernel][0], call)
    result = out_of(launch, launch.results)
    assert_right(KERNELS[kernel][0], call, result)
    for kind in ("address", "thread"):
        report = launch.replay_sanitized(kind, "random:3")
        assert report.ok, report.log
        np.testing.assert_array_equal(out_of(launch, report.arrays), result)


@pytest.mark.parametrize("arch", few(("sm_75", "sm_86", "sm_90"), "sm_90"))
@pytest.mark.parametrize(("kernel", "dtype"), few(CASES, CASES[2]))
@pytest.mark.parametrize("shape", [WIDE, pytest.param(ODD, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(shape, kernel, dtype, arch):
    call = call_of(kernel, shape, dtypes=(dtype, "f4"))
    launch = record(KERNELS[kernel][0], call)
    arrays, stats = launch.replay_sass(arch)
    assert_right(KERNELS[kernel][0], call, out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0


UNROLLED = list(itertools.product(KERNELS, (3, 5, 7)))


@pytest.mark.parametrize("arch", few(standin.ARCHITECTURES, "sm_90"))
@pytest.mark.parametrize(("kernel", "taps"), few(UNROLLED, ("separable", 7)))
@pytest.mark.usefixtures("nvrtc")
def test_nothing_is_spilled_and_everything_unrolled(kernel, taps, arch):
    """A plane takes VECTOR * ROWS multiply-adds a tap and thread, those along x VECTOR a row that is filtered."""
    specialization = planned(KERNELS[kernel][0], call_of(kernel, WIDE, (taps,) * 3)).launches[0].specialization
    cubin = standin.compile_all(source(specialization), [arch])[arch]
    rows = standin.sassrun().disassemble(cubin, specialization.kernel)
    products = sum(row[2].split(".")[0] in ("FFMA", "FMUL", "FFMA2", "FMUL2") for row in rows)
    outputs = 4 * specialization.constant("ROWS")
    assert products == (taps**3 * outputs if kernel == "small" else taps * (2 * outputs + 4))
    assert standin.sassrun().Cubin(cubin).static(specialization.kernel)["local_bytes"] == 0


# What a block inside the volume may issue for an output, but for the planes around its strip.
ISSUED = {("separable", 3): 27, ("separable", 5): 35, ("separable", 9): 55, ("small", 3): 39, ("small", 5): 150}


def on_one_multiprocessor(kernel):
    """Long strips, as in a volume that is large for its device."""

    def launcher(problem: Problem, facts: Facts):
        return KERNELS[kernel][0](problem, replace(facts, device=DeviceLimits(multiprocessors=1)))

    return launcher


@pytest.mark.parametrize("arch", few(("sm_75", "sm_90"), "sm_90"))
@pytest.mark.parametrize(("kernel", "taps"), few(ISSUED, ("separable", 5), ("small", 3)))
@pytest.mark.usefixtures("nvrtc")
def test_what_an_output_costs(kernel, taps, arch):
    call = call_of(kernel, (24, 96, 384), (taps,) * 3)
    launch = planned(on_one_multiprocessor(kernel), call).launches[0]
    values = {a.name: a.value for a in launch.arguments}
    constants = dict(launch.specialization.constants)
    assert (values["strips"], values["tiles_w"] >= 3, values["tiles_h"] >= 3) == (1, True, True)
    block = values["tiles_w"] + 1
    stats = record(on_one_multiprocessor(kernel), call).replay_sass(arch, blocks=(block, block + 1))[1]
    outputs = 24 * 4 * 256 * constants["ROWS"]
    assert 32 * stats.warp_instructions / outputs <= ISSUED[kernel, taps] * (24 + taps) / 24
    assert stats.bank_conflicts == 0
    assert stats.global_written == 4 * outputs
    assert stats.coalescing > 0.8  # rows of a tile begin in the middle of a sector


# (kernel, what is replaced, by what): each is found by the result, AddressSanitizer or the machine code.
FAULTS = [
    ("separable", "+ FILTER_D - 1;\n    acc_t sums", "+ FILTER_D - 2;\n    acc_t sums"),
    ("separable", "place.z - pad_d", "place.z"),
    ("separable", "factors.at[FILTER_D - 1 - j]", "factors.at[j]"),
    ("separable", "factors.at[FILTER_D + FILTER_H + s]", "factors.at[FILTER_D + s]"),
    ("separable", "i < FILTER_D - 1", "i < FILTER_D - 2"),
    ("small", "if (row == i) sum", "if (row + 1 == i) sum"),
    ("small", "FILTER_D - 1 - j) * FILTER_H", "j) * FILTER_H"),
    ("small", "place.n * depth * plane", "place.n * height * plane"),
    ("small", "(place.n * out_d + place.z)", "(place.n * out_d)"),
    ("small", "place.y + TILE_H <= height", "place.y <= height"),
    ("small", "row < rows ? columns : 0", "columns"),
    ("small", "strip % strips * strip_d", "strip % strips"),
    ("small", "min((width - left) / VECTOR, SHARED_W)", "SHARED_W"),
    ("small", "top + SHARED_H <= height", "top <= height"),
    ("small", "i % 2 * SHARED", "i * 0"),
    ("small", "y + BLOCK_H > SHARED_H && y + ty >= SHARED_H", "y + ty >= SHARED_H - 1"),
    ("small", "(SHARED_W - last + first) * VECTOR", "(SHARED_W - last + first) * VECTOR - 1"),
]
FEW_FAULTS = [FAULTS[0], FAULTS[9]]


def is_found(launch: standin.Launch) -> bool:
    expected = out_of(launch, launch.results)
    try:
        if not np.array_equal(out_of(launch, launch.replay_sass("sm_86")[0]), expected):
            return True
    except standin.sassrun().SassError:
        return True
    return not launch.replay_sanitized("address").ok


@pytest.mark.parametrize(("kernel", "pattern", "replacement"), few(FAULTS, *FEW_FAULTS))
@pytest.mark.usefixtures("nvrtc")
def test_faults_are_found(kernel, pattern, replacement):
    launch = recorded(kernel, (2, 6, 70, 400), (3, 3, 3), boundary="edge")
    launch = replace(launch, results=launch.replay_sass("sm_86")[0])  # to the bit, products fused into sums
    assert is_found(replace(launch, text=mutate(launch.text, pattern, replacement)))


def barriers():
    for kernel in KERNELS:
        for name, _ in mutations(source(planned(KERNELS[kernel][0], call_of(kernel)).launches[0].specialization)):
            yield kernel, name


@pytest.mark.slow  # a build for the sanitizer each
@pytest.mark.parametrize(("kernel", "name"), list(barriers()))
def test_every_barrier_is_needed(kernel, name):
    launch = recorded(kernel)
    (text,) = [text for other, text in mutations(launch.text) if other == name]
    assert "data race" in replace(launch, text=text).replay_sanitized("thread").log


# ------------------------------------------------------------------------------------------ which kernel, which launch


@pytest.mark.parametrize(
    ("launcher", "taps", "options", "sentence"),
    [
        (separable_volume, (3, 3, 33), {}, "at most 31 taps"),
        (separable_volume, (3, 3, 3), {"stride": 2}, "stride and dilation 1"),
        (separable_volume, (3, 3), {}, "three axes"),
        (separable_passes, (33, 3, 3), {"dilation": 2}, "stride and dilation 1"),
        (separable_passes, (33, 3, 3), {"boundary": "constant", "fill": 1}, "must be 0"),
        (separable_passes, (3, 300, 300), {}, "a kernel for images takes"),
        (conv3d_small, (3, 3, 3), {"dilation": 2}, "stride and dilation 1"),
        (conv3d_small, (11, 11, 11), {}, "at most 3000 products"),
        (conv3d_small, (33, 1, 1), {}, "at most 31 planes"),
        (conv3d_small, (3, 3), {}, "three axes"),
        (conv3d_direct, (3, 3), {}, "three axes"),
    ],
)
def test_refusals(launcher, taps, options, sentence):
    call = factors((4,) * len(taps), taps, **options)
    refusal = launcher(call.problem, facts_of(call))
    assert isinstance(refusal, str)
    assert sentence in refusal


def test_weights_on_the_device_are_read_there():
    call = image_filter((4, 4, 4), (3, 3, 3))
    on_device = replace(facts_of(call), weights_place="device")
    assert "from the host" in conv3d_small(call.problem, on_device)
    (weights,) = [a for a in conv3d_direct(call.problem, on_device).arguments if a.kind == "weights"]
    assert not weights.by_value


@pytest.mark.parametrize("extent", [(1, 1, 1), (64, 64, 64), (300, 512, 512), (5000, 3, 3), (3, 5000, 5000)])
@pytest.mark.parametrize("kernel", KERNELS)
def test_strips_cover_the_output(kernel, extent):
    problem = replace(call_of(kernel, (1, 1, 1)).problem, extent=extent, batch=(2,))
    launch = KERNELS[kernel][0](problem, Facts(separable=True, weights_sum=1))
    values = {argument.name: argument.value for argument in launch.arguments}
    constants = dict(launch.specialization.constants)
    assert (values["strips"] - 1) * values["strip_d"] < extent[0] <= values["strips"] * values["strip_d"]
    tile = constants["BLOCK_H"] * constants["ROWS"], constants["BLOCK_W"] * 4
    for count, outputs, n in zip((values["tiles_h"], values["tiles_w"]), tile, extent[1:], strict=True):
        assert (count - 1) * outputs < n <= count * outputs
    assert launch.grid == (values["strips"] * values["tiles_h"] * values["tiles_w"] * 2, 1, 1)


# ------------------------------------------------------------------------------------------ as users call them


@pytest.mark.parametrize(
    ("taps", "kernel"), [((3, 3, 3), "separable_volume"), ((33, 3, 5), "separable_passes"), (None, "conv3d_small")]
)
def test_explained(taps, kernel):
    """Weights that are an outer product take passes, any others the sum over all taps."""
    weights = random((3, 3, 3), "f4") if taps is None else functools.reduce(np.multiply.outer, map(np.ones, taps))
    found = gpuconv.explain((20, 30, 40), weights, boundary="edge", backend="cupy")
    assert found.algorithm == kernel
    assert gpuconv.explain((20, 30, 40), weights, method="direct", backend="cupy").algorithm.startswith("conv3d")


@pytest.mark.usefixtures("standin_cupy")
def test_ndimage_filters_a_volume_in_one_walk():
    import cupy

    x = random((6, 20, 40), "f4")
    with standin.recording() as launches:
        result = ndimage.gaussian_filter(cupy.asarray(x), 0.7)
    assert [launch.name for launch in launches] == ["separable_volume"]
    with gpuconv.backend("numpy"):
        np.testing.assert_allclose(
            result.get(), ndimage.gaussian_filter(x, 0.7), rtol=0, atol=np.spacing(np.abs(x).max())
        )  # rounded once


@pytest.mark.usefixtures("standin_cupy")
def test_a_volume_too_large_for_the_device_goes_in_parts(monkeypatch):
    x, weights = random((40, 16, 40), "f4"), random((5, 3, 3), "f4")
    expected = gpuconv.convolve(x, weights, boundary="mirror", backend="cupy")
    monkeypatch.setenv("GPUCONV_STANDIN_MEMORY", str(x.nbytes))
    np.testing.assert_array_equal(gpuconv.convolve(x, weights, boundary="mirror", backend="cupy"), expected)
