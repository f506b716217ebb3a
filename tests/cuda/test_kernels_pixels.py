"""Kernels that take channels side by side, as red, green and blue of a pixel are: right, and no slower than planes."""

import functools
import itertools
from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import Launcher, assert_right, check, factors, few, image_filter, out_of, planned, record, run
from standin import mutate, mutations

import gpuconv
from gpuconv.backends.cupy import OPTIONS
from gpuconv.engine import Call
from gpuconv.launches import LaunchPlan
from gpuconv.launches.cuda_direct import SMALL_SIZES, conv2d_large, conv2d_small
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.planning.facts import Facts
from gpuconv.problem import BOUNDARIES
from gpuconv.sources import source

LAST = {"channel_axis": -1}
KERNELS = {
    "small": (conv2d_small, lambda shape, **o: image_filter(shape, (5, 5), **LAST, **o)),
    "large": (conv2d_large, lambda shape, **o: image_filter(shape, (6, 13), **LAST, **o)),
    "separable": (separable_stream, lambda shape, **o: factors(shape, (5, 7), **LAST, **o)),
}
# With and without inner tiles, rows that are vectors and rows that are not; a pixel, a column, less than a filter.
INNER, ODD = (101, 96), (37, 31)
SHAPES = [(1, 1), (40, 1), (3, 2), ODD]
TYPES = [
    ("u1", "f4", "u1"),
    ("f8", "f8", None),
    ("f2", "f4", None),
    ("i2", "f4", "i2"),
    ("u1", "u1", "u1"),
    ("u1", "f4", None),
]


def call_of(kernel: str, shape: tuple[int, ...], **options: object) -> Call:
    call = KERNELS[kernel][1](shape, **options)
    assert constants_of(kernel, call)["PIXEL"] == shape[-1]
    return call


def constants_of(kernel: str, call: Call) -> dict[str, int]:
    return dict(planned(KERNELS[kernel][0], call).launches[0].specialization.constants)


# ------------------------------------------------------------------------------------------ right


EDGES = list(itertools.product(KERNELS, SHAPES, BOUNDARIES[1:]))
USUAL = [(kernel, ODD, boundary) for kernel, boundary in zip(KERNELS, ("mirror", "symmetric", "wrap"), strict=True)]


@pytest.mark.parametrize(("kernel", "shape", "boundary"), few(EDGES, *USUAL))
def test_the_boundary_is_that_of_pixels(kernel, shape, boundary):
    check(KERNELS[kernel][0], call_of(kernel, (*shape, 3), boundary=boundary))


@pytest.mark.parametrize(("kernel", "channels"), few(itertools.product(KERNELS, (2, 3, 4)), ("small", 4)))
def test_several_tiles_and_images(kernel, channels):
    check(KERNELS[kernel][0], call_of(kernel, (2, *INNER, channels), boundary="edge"))


@pytest.mark.slow  # a compilation for each size
@pytest.mark.parametrize(("taps", "channels"), list(itertools.product(SMALL_SIZES, (2, 3, 4))))
def test_sizes_of_small_filters(taps, channels):
    check(conv2d_small, image_filter((40, 131, channels), (taps, taps), boundary="mirror", **LAST))


@pytest.mark.slow  # a compilation for each size
@pytest.mark.parametrize("taps", [(1, 1), (4, 2), (15, 15), (3, 33), (40, 64), (70, 1)])
def test_sizes_of_large_filters(taps):
    check(conv2d_large, image_filter((34, 70, 3), taps, boundary="edge", **LAST))


@pytest.mark.slow  # a compilation for each size
@pytest.mark.parametrize("taps", [(3, 3), (7, 3), (15, 15), (31, 31), (3, 31)])
def test_sizes_of_factors(taps):
    check(separable_stream, factors((33, 150, 4), taps, boundary="mirror", **LAST))


@pytest.mark.parametrize(
    ("kernel", "types"),
    few(itertools.product(KERNELS, TYPES), *((kernel, TYPES[0]) for kernel in KERNELS), ("small", TYPES[1])),
)
def test_dtypes(kernel, types):
    image, weights, out = types
    dtypes = (image, "i1" if weights == "u1" and kernel == "separable" else weights)
    check(KERNELS[kernel][0], call_of(kernel, (35, 60, 3), dtypes=dtypes, boundary="symmetric", out_dtype=out))


@pytest.mark.parametrize("options", few([{"size": "full"}, {"size": "valid"}, {"origin": (2, -2)}], {"size": "full"}))
@pytest.mark.parametrize("kernel", KERNELS)
def test_a_pad_compiles_nothing(kernel, options):
    call = call_of(kernel, (2, 40, 70, 3), boundary="wrap", **options)
    check(KERNELS[kernel][0], call)
    plain = call_of(kernel, (30, 70, 3), boundary="wrap")
    assert constants_of(kernel, call) == constants_of(kernel, plain) or options["size"] == "valid"


@pytest.mark.slow  # a compilation for each
@pytest.mark.parametrize("kernel", KERNELS)
def test_fill(kernel):
    check(KERNELS[kernel][0], call_of(kernel, (20, 50, 3), boundary="constant", fill=np.nan))


def test_magnitudes():
    cupy = pytest.importorskip("cupy")
    image = random((70, 60, 3), "f4")
    with standin.recording() as launches:
        result = gpuconv.filters.sobel(cupy.asarray(image), channel_axis=-1, backend="cupy")
    assert "PIXEL = 3" in launches[0].text
    planes = [gpuconv.filters.sobel(cupy.asarray(image[..., c].copy()), backend="cupy").get() for c in range(3)]
    np.testing.assert_array_equal(result.get(), np.stack(planes, -1))


@pytest.mark.parametrize("kernel", few(KERNELS, "small", "separable"))
@pytest.mark.usefixtures("standin_cupy")
def test_nothing_is_copied(kernel, monkeypatch):
    """Whole images, and slices of larger ones; a new result keeps the order of the axes."""
    cupy, call = pytest.importorskip("cupy"), call_of(kernel, (2, 40, 36, 3))
    image = np.moveaxis(call.operands.image[:, :, 0], 1, -1)
    around, written = np.full((2, 45, 51, 3), 77, "f4"), cupy.asarray(np.full((2, 45, 51, 3), 88, "f4"))
    around[:, 3:43, 9:45] = image
    x, inside = cupy.asarray(image), cupy.asarray(around)[:, 3:43, 9:45]
    for name in ("ascontiguousarray", "copyto"):
        monkeypatch.setattr(cupy, name, lambda *_: pytest.fail("values were copied"))
    if kernel == "separable":
        filtered = functools.partial(gpuconv.sepconvolve, weights=[random((n,), "f4", s) for s, n in ((1, 5), (2, 7))])
    else:
        filtered = functools.partial(gpuconv.correlate, weights=call.operands.weights[0, 0], method="direct")
    results = [filtered(view, **LAST, backend="cupy") for view in (x, inside)]
    assert filtered(inside, **LAST, backend="cupy", out=written[:, 1:41, 2:38]) is not None
    assert_right(KERNELS[kernel][0], call, np.moveaxis(results[0].get(), -1, 1)[:, :, None])
    assert results[0].flags.c_contiguous
    np.testing.assert_array_equal(results[1].get(), results[0].get())
    np.testing.assert_array_equal(written.get()[:, 1:41, 2:38], results[0].get())
    assert (written.get() == 88).sum() == 2 * 3 * (45 * 51 - 40 * 36)


# ------------------------------------------------------------------------------------------ as machine code

CASES = {
    "small": ("small", (97, 65, 3), {}),
    "small, bytes": ("small", (2, 35, 43, 3), {"dtypes": ("u1", "f4"), "out_dtype": "u1"}),
    "large": ("large", (70, 141, 4), {}),
    "large, bytes": ("large", (40, 90, 3), {"dtypes": ("u1", "f4"), "out_dtype": "u1"}),
    "separable": ("separable", (20, 200, 4), {}),
    "separable, bytes": ("separable", (13, 266, 3), {"dtypes": ("u1", "f4"), "out_dtype": "u1"}),
}


def recorded(case: str) -> tuple[Call, standin.Launch]:
    kernel, shape, options = CASES[case]
    call = call_of(kernel, shape, boundary="mirror", **options)
    return call, record(KERNELS[kernel][0], call)


def assert_pixels_right(case: str, call: Call, pixels: np.ndarray) -> None:
    """Compare what lies in memory as (..., 1, H, W, channels)."""
    assert_right(KERNELS[CASES[case][0]][0], call, np.moveaxis(pixels, -1, -4))


@pytest.mark.slow  # builds of their own for the sanitizers
@pytest.mark.parametrize("kind", ["address", "thread"])
@pytest.mark.parametrize("case", CASES)
def test_sanitizers_are_content(case, kind):
    call, launch = recorded(case)
    report = launch.replay_sanitized(kind, "random:3")
    assert report.ok, report.log
    assert_pixels_right(case, call, out_of(launch, report.arrays))


@pytest.mark.parametrize(
    ("case", "arch"),
    few(
        itertools.product(CASES, ("sm_75", "sm_86", "sm_90", "sm_120")),
        ("small", "sm_90"),
        ("large, bytes", "sm_86"),
        ("separable, bytes", "sm_90"),
    ),
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(case, arch):
    call, launch = recorded(case)
    arrays, stats = launch.replay_sass(arch)
    assert_pixels_right(case, call, out_of(launch, arrays))
    assert stats.static["local_bytes"] == 0


def launch_of(kernel: Launcher, taps: int, channels: int, *, interleaved: bool = True) -> LaunchPlan:
    """The launch for a large image, or for its channels as planes."""
    call = (factors if kernel is separable_stream else image_filter)((64, 64, channels), (taps, taps), **LAST)
    facts = Facts(interleaved=interleaved, separable=kernel is separable_stream, zero_taps=False)
    launch = kernel(replace(call.problem, extent=(6144, 2048)), facts)
    assert isinstance(launch, LaunchPlan), launch
    return launch


def multiply_adds(launch: LaunchPlan, arch: str) -> tuple[int, int]:
    """Those that stand in the code, and the bytes of a thread's local memory."""
    specialization, emulator = launch.specialization, standin.sassrun()
    cubin = standin.compile_all(source(specialization), [arch], OPTIONS)[arch]
    opcodes = [row[2].split(".")[0] for row in emulator.disassemble(cubin, specialization.kernel)]
    local_bytes = emulator.Cubin(cubin).static(specialization.kernel)["local_bytes"]
    return opcodes.count("FFMA") + 2 * opcodes.count("FFMA2"), local_bytes


STATIC = [(conv2d_small, taps, channels) for taps in SMALL_SIZES for channels in (3, 4)]
STATIC += [(conv2d_large, taps, 3) for taps in (4, 31)]
STATIC += [(separable_stream, taps, channels) for taps in (3, 5, 7, 11, 15, 31) for channels in (3, 4)]


@pytest.mark.parametrize(
    ("kernel", "taps", "channels", "arch"),
    few(
        [(*case, arch) for case in STATIC for arch in standin.ARCHITECTURES],
        (conv2d_small, 7, 3, "sm_90"),
        (separable_stream, 7, 3, "sm_89"),
    ),
)
@pytest.mark.usefixtures("nvrtc")
def test_everything_is_unrolled_and_nothing_spilled(kernel, taps, channels, arch):
    """As many multiply-adds stand in the code as a thread's outputs have taps, or as there are for planes."""
    launch = launch_of(kernel, taps, channels)
    found, local_bytes = multiply_adds(launch, arch)
    if kernel is conv2d_small:
        assert found == taps * taps * launch.specialization.constant("ROWS") * 4
    else:
        assert found == multiply_adds(launch_of(kernel, taps, channels, interleaved=False), arch)[0]
    assert local_bytes == 0


# Instructions that an inner block issues for an output, by those for planes: windows are wider, and that is all.
COSTS = [(conv2d_small, 3, 1.01), (conv2d_small, 7, 1.04), (conv2d_small, 11, 1.05), (conv2d_large, 15, 1.04)]
COSTS += [(separable_stream, 3, 1.02), (separable_stream, 7, 1.08)]


@pytest.mark.slow  # executes millions of instructions
@pytest.mark.parametrize(
    ("kernel", "taps", "most", "channels"), [(*case, channels) for case in COSTS for channels in (3, 4)]
)
@pytest.mark.usefixtures("nvrtc")
def test_an_output_costs_as_much_as_in_a_plane(kernel, taps, most, channels):
    costs = [
        _executed(kernel, taps, shape, **last) for shape, last in (((2304, 768, channels), LAST), ((2304, 2304), {}))
    ]
    assert costs[0][0] <= most * costs[1][0], costs
    assert costs[0][1] == 0


def _executed(kernel: Launcher, taps: int, shape: tuple[int, ...], **options: int) -> tuple[float, int]:
    """(instructions of a lane for an output, bank conflicts) of a block in the middle."""
    call = (factors if kernel is separable_stream else image_filter)(shape, (taps, taps), boundary="mirror", **options)
    with standin.recording(run=False) as launches:
        run(kernel, call)
    (launch,) = launches
    w, h, d = launch.grid
    middle = w // 2 + w * (h // 2 + h * (d // 2)) + 1
    arrays, stats = launch.replay_sass("sm_90", blocks=(middle, middle + 1))
    written = int(np.count_nonzero(~np.isnan(out_of(launch, arrays))))
    return 32 * stats.warp_instructions / written, stats.bank_conflicts


# ------------------------------------------------------------------------------------------ faults

# (case, what is replaced, by what): each forgets that a pixel has several elements, or how they lie.
FAULTS = [
    ("small", "window[OFFSET + x + s * PIXEL]", "window[OFFSET + x + s]"),
    ("small", "source_element<GROUP>(", "source_element<1>("),
    ("large", "tile_x * PIXEL + channel", "tile_x * PIXEL"),
    ("large", "(left + tx * COUNT) * SPREAD", "left * SPREAD + tx * COUNT"),
    ("large", "SPREAD * source_element", "source_element"),
    ("large", "out[x * SPREAD] =", "out[x] ="),
    ("separable", "ahead % PIXEL == 0 &&", ""),
    ("separable", "/ GROUP) * GROUP + channel", "/ GROUP) * GROUP"),
]


@pytest.mark.parametrize("fault", few(range(len(FAULTS)), 1, 3))
def test_faults_are_found(fault):
    case, pattern, replacement = FAULTS[fault]
    _, launch = recorded(case)
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    assert not np.array_equal(out_of(faulty, faulty.replay_cpu()), out_of(launch, launch.results))


@pytest.mark.slow  # builds of their own for the sanitizer
@pytest.mark.parametrize("case", ["small", "separable"])  # the large filter's are those of planes
def test_every_barrier_is_needed(case):
    launch = recorded(case)[1]
    texts = list(mutations(launch.text))
    assert texts
    for name, text in texts:
        assert not replace(launch, text=text).replay_sanitized("thread").ok, name
