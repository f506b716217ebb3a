"""Kernels that take rows and images which lie apart: right, within the view, and without a copy of it."""

from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import assert_right, factors, few, image_filter, layer, out_of, planned
from standin import mutate

import gpuconv
from gpuconv.backends import cupy as backend
from gpuconv.backends.cupy_arrays import as_view
from gpuconv.backends.cupy_pitch import as_it_lies
from gpuconv.launches.cuda_bytes import conv2d_bytes
from gpuconv.launches.cuda_depthwise import depthwise_large, depthwise_small
from gpuconv.launches.cuda_direct import conv2d_large, conv2d_small
from gpuconv.launches.cuda_filters import conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_separable import separable_stream
from gpuconv.launches.cuda_volume import conv3d_small, separable_volume

cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("launches are recorded by the stand-in cupy; this process has the real one", allow_module_level=True)

CASES = {
    "small": (conv2d_small, lambda: image_filter((2, 70, 140), (5, 5), boundary="mirror")),
    "small, bytes": (conv2d_small, lambda: image_filter((2, 70, 139), (3, 3), ("u1", "f4"), out_dtype="u1")),
    "large": (conv2d_large, lambda: image_filter((2, 70, 140), (15, 15), boundary="wrap")),
    "separable": (separable_stream, lambda: factors((2, 40, 600), (5, 7), boundary="edge")),
    "separable, bytes": (separable_stream, lambda: factors((2, 40, 600), (5, 7), ("u1", "f4"), out_dtype="u1")),
    "column": (separable_stream, lambda: image_filter((2, 40, 600), (5, 1))),
    "depthwise": (depthwise_small, lambda: layer((2, 3, 70, 75), (6, 1, 3, 3), groups=3, padding=1)),
    "large depthwise": (depthwise_large, lambda: layer((2, 2, 70, 140), (4, 1, 13, 13), groups=2, padding=6)),
    "tiled": (conv2d_tiled, lambda: image_filter((2, 67, 37), (5, 5), boundary="symmetric")),
    "bytes": (conv2d_bytes, lambda: image_filter((2, 9, 300), (5, 5), ("u1", "i1"), boundary="mirror")),
    "volume": (conv3d_small, lambda: image_filter((5, 35, 70), (3, 3, 3), boundary="mirror")),
    "separable, volume": (separable_volume, lambda: factors((5, 35, 70), (3, 3, 3), boundary="mirror")),
    "both passes in a tile": (conv2d_separable, lambda: factors((2, 35, 37), (5, 5), boundary="edge")),
}
# (above, in front, behind): the first leaves no row aligned; the second aligns those of any width.
MARGINS = {"odd": (3, 5, 2), "aligned": (1, 16, 1)}


def apart(values, margins):
    """An array of 77s with the values inside it, and where they are; of a stack, every other image."""
    above, front, behind = margins
    if front % 4 == 0:
        behind += -(values.shape[-1] + behind) % 4
    widths = [(0, 0)] * (values.ndim - 2) + [(above, 1), (front, behind)]
    step = 2 if values.shape[1] == 1 else 1  # channels lie beside each other
    around = np.repeat(np.pad(values, widths, constant_values=77), step, axis=0)
    rows, columns = (slice(start, start + n) for start, n in zip((above, front), values.shape[-2:], strict=True))
    return cupy.asarray(around), (slice(None, None, step), ..., rows, columns)


def recorded(case, margins):
    """One case on views that lie apart: its call, the launch, the array around the result, and where that is."""
    launcher, make = CASES[case]
    call = make()
    image, inside_image = apart(np.asarray(call.operands.image), margins)
    around, inside = apart(np.full(call.problem.out_shape, 77, call.problem.out_dtype), margins)
    x, out = as_view(image[inside_image]), as_view(around[inside])
    plan = planned(launcher, call)
    with standin.recording() as launches:
        backend.run(plan, replace(call.operands, image=x), out)
    assert all(as_it_lies(plan.launches, kind, view)[1] for kind, view in (("image", x), ("out", out)))
    (launch,) = launches
    return call, launch, around.get(), inside


@pytest.mark.parametrize("margins", MARGINS)
@pytest.mark.parametrize("case", few(CASES, "small", "large", "separable", "depthwise", "tiled"))
def test_views_are_taken_as_they_lie(case, margins):
    call, _, around, inside = recorded(case, MARGINS[margins])
    assert_right(CASES[case][0], call, around[inside])
    around[inside] = 77
    np.testing.assert_array_equal(around, np.full_like(around, 77))


@pytest.mark.slow  # a build of its own for the sanitizer
@pytest.mark.parametrize("case", ["small", "large", "separable", "depthwise", "tiled"])
def test_views_are_not_left(case):
    report = recorded(case, MARGINS["odd"])[1].replay_sanitized("address")
    assert report.ok, report.log


@pytest.mark.parametrize("margins", few(MARGINS, "aligned"))
@pytest.mark.parametrize("arch", few(("sm_75", "sm_86", "sm_90"), "sm_86"))
@pytest.mark.parametrize("case", few(CASES, "depthwise"))
@pytest.mark.usefixtures("nvrtc")
def test_machine_code_takes_views_as_they_lie(case, arch, margins):
    """An access that is not aligned is an error there."""
    call, launch, _, _ = recorded(case, MARGINS[margins])
    assert_right(CASES[case][0], call, out_of(launch, launch.replay_sass(arch)[0]))


# (case, what is replaced, by what): each takes a pitch for a width, or a size for the rows of an image.
FAULTS = [
    ("small", "{height, width, pitch,", "{height, width, width,"),
    ("small", "sums[0], out_pitch, rows", "sums[0], out_w, rows"),
    ("large", "place.n * out_image_rows", "place.n * out_h"),
    ("separable", "tile, height, width, pitch,", "tile, height, width, width,"),
    ("separable", "n * out_image_rows", "n * out_h"),
    ("depthwise", "pitch, image_rows, fill}", "pitch, height, fill}"),
    ("bytes", "shared, height, width, pitch,", "shared, height, width, width,"),
    ("tiled", "height, width, pitch, tile_y", "height, width, width, tile_y"),
]


@pytest.mark.parametrize("fault", few(range(len(FAULTS)), 0, 3))
def test_a_pitch_is_no_width(fault):
    case, pattern, replacement = FAULTS[fault]
    _, launch, _, _ = recorded(case, MARGINS["odd"])
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    assert not np.array_equal(out_of(faulty, faulty.replay_cpu()), out_of(launch, launch.results))


@pytest.mark.usefixtures("nvrtc")
@pytest.mark.slow  # compiles machine code
def test_alignment_is_that_of_the_pitch():
    _, launch, _, _ = recorded("small", MARGINS["odd"])  # whose width is a multiple of a vector
    faulty = replace(launch, text=mutate(launch.text, "return pitch % VECTOR == 0 &&", "return true ||"))
    with pytest.raises(standin.sassrun().SassError):
        faulty.replay_sass("sm_86")


@pytest.mark.parametrize(
    ("index", "taken"),
    [
        (np.s_[:, 1:-1, 2:-2], True),
        (np.s_[:, ::-1], True),
        (np.s_[::-1, 1:], True),
        (np.s_[:, ::2], True),
        (np.s_[:, ::3], False),  # images begin between its rows
        (np.s_[:, :, ::2], False),
        (np.s_[:1, ::3], True),
        (np.s_[:, :1], True),
    ],
)
def test_which_views_are_taken(index, taken):
    x = cupy.asarray(np.arange(2 * 40 * 50, dtype="f4").reshape(2, 40, 50))[index]
    launches = planned(conv2d_small, image_filter(x.shape, (3, 3))).launches
    (launch,), lying = as_it_lies(launches, "image", as_view(x))
    assert lying == taken
    if taken:
        values = {argument.name: argument.value for argument in launch.arguments}
        n, y = np.ogrid[: x.shape[0], : x.shape[1]]
        starts = (n * values["image_rows"] + y) * values["pitch"]
        np.testing.assert_array_equal(starts, x.get()[:, :, 0] - x.get()[0, 0, 0])


@pytest.fixture(params=[-1, -2], ids=["conv1d_rows", "conv1d_columns"])
def launch(request) -> standin.Launch:
    """A filter over the inner part of a larger array, into that of another one."""
    x, out = cupy.asarray(random((2, 70, 50), "f4")), cupy.asarray(np.zeros((2, 80, 60), "f4"))
    w = random((40, 1) if request.param == -2 else (40,), "f4", 1)
    with standin.recording() as launches:
        gpuconv.convolve(x[:, :, 3:-2], w, boundary="mirror", backend="cupy", method="direct", out=out[:, :70, 5:50])
    return launches[0]


@pytest.mark.slow  # a build of its own for the sanitizer
def test_nothing_beyond_the_view_is_touched(launch):
    report = launch.replay_sanitized("address")
    assert report.ok, report.log


@pytest.mark.slow  # compiles machine code
@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("arch", ["sm_75", "sm_90"])
def test_machine_code_computes_the_same(launch, arch):
    arrays, _ = launch.replay_sass(arch)
    terms = 40 * np.finfo("f4").eps * 45 * 5
    np.testing.assert_allclose(out_of(launch, arrays), out_of(launch, launch.results), rtol=0, atol=terms)
