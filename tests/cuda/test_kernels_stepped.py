"""Kernels for layers with many channels, over images that overlap, into results that stand between others."""

from dataclasses import replace

import numpy as np
import pytest
import standin
from agreement import random
from kernel_runs import assert_right, layer, out_of, planned
from standin import mutate

from gpuconv.arrays.views import laid
from gpuconv.backends import cupy as backend
from gpuconv.backends.cupy_arrays import as_view
from gpuconv.backends.cupy_pitch import as_it_lies
from gpuconv.launches.cuda_dense import conv2d_dense
from gpuconv.launches.cuda_mma import conv2d_mma

cupy = pytest.importorskip("cupy")
if not hasattr(cupy.ndarray, "_wrap"):
    pytest.skip("launches are recorded by the stand-in cupy; this process has the real one", allow_module_level=True)

CASES = {
    "dense": (conv2d_dense, lambda: layer((3, 16, 9, 10), (16, 16, 3, 3), padding=1)),
    "single taps": (conv2d_dense, lambda: layer((3, 16, 4, 6), (10, 16, 1, 1))),
    "tensor cores": (conv2d_mma, lambda: layer((3, 16, 9, 10), (20, 16, 3, 3), "f2", padding=1)),
}


def windows(slices, images, channels):
    """Images of so many of the slices, each beginning four slices behind the one before."""
    plane = slices.strides[0]
    return laid(slices, (images, channels, *slices.shape[1:]), (4 * plane, plane, *slices.strides[1:]))


def recorded(case):
    """The call, its launch, and the result's channels with images beside each other."""
    launcher, make = CASES[case]
    call = make()
    images, channels, *extent = call.problem.image_shape
    slices = random((4 * (images - 1) + channels, *extent), call.problem.image_dtype)
    call = replace(call, operands=replace(call.operands, image=windows(slices, images, channels)))
    around = cupy.asarray(np.full((*np.array(call.problem.out_shape)[[1, 0, 2, 3]],), 77, call.problem.out_dtype))
    x, out = windows(as_view(cupy.asarray(slices)), images, channels), as_view(around).transpose((1, 0, 2, 3))
    plan = planned(launcher, call)
    with standin.recording() as launches:
        backend.run(plan, replace(call.operands, image=x), out)
    assert all(as_it_lies(plan.launches, kind, view)[1] for kind, view in (("image", x), ("out", out)))
    return call, launches[-1], around


@pytest.mark.parametrize("case", CASES)
def test_views_are_taken_as_they_lie(case):
    call, _, around = recorded(case)
    assert_right(CASES[case][0], call, around.get().swapaxes(0, 1))


@pytest.mark.slow  # a build of its own for the sanitizer
@pytest.mark.parametrize("case", CASES)
def test_views_are_not_left(case):
    report = recorded(case)[1].replay_sanitized("address")
    assert report.ok, report.log


@pytest.mark.slow  # compiles machine code
@pytest.mark.usefixtures("nvrtc")
@pytest.mark.parametrize("case", CASES)
def test_machine_code_computes_the_same(case):
    call, launch, _ = recorded(case)
    assert_right(CASES[case][0], call, out_of(launch, launch.replay_sass("sm_86")[0]))


@pytest.mark.parametrize(
    ("case", "pattern", "replacement"),
    [
        ("dense", "{static_cast<int>(image_n)", "{static_cast<int>(channels_in * image_k)"),
        ("tensor cores", "pitch = image_planes * plane", "pitch = channels_in * plane"),
        ("tensor cores", "inside, out_c)", "inside, out_h * out_w)"),
    ],
)
def test_steps_are_not_those_of_dense_arrays(case, pattern, replacement):
    _, launch, _ = recorded(case)
    faulty = replace(launch, text=mutate(launch.text, pattern, replacement))
    assert not np.array_equal(out_of(faulty, faulty.replay_cpu()), out_of(launch, launch.results))


def test_which_views_are_taken():
    """Of images as the kernels count them: planes one after the other, no further apart than in C order."""
    launches = planned(conv2d_dense, CASES["dense"][1]()).launches
    x = as_view(cupy.asarray(np.zeros((3, 32, 9, 10), "f4")))
    n, k, *rest = x.strides
    for strides, taken in (
        ((n // 2, k), True),
        ((k, k), True),
        ((n, k), False),
        ((k // 2, k), False),
        ((0, 2 * k), False),
    ):
        view = laid(x, (3, 16, 9, 10), (*strides, *rest))
        assert as_it_lies(launches, "image", view)[1] == taken
    assert not as_it_lies(launches, "image", laid(x, (3, 16, 9, 10), (n // 2, k, 80, 4)))[1]
