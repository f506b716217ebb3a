"""SciPy's calls computed here within a block, and nowhere else."""

import asyncio
import contextvars
import logging
import threading

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
from agreement import random
from scipy.ndimage import convolve as bound_before

import gpuconv
from gpuconv import backends, ndimage, signal

X, W = random((12, 13), "f8"), random((3, 3), "f8", 1)
MODULES = {scipy.signal: signal, scipy.ndimage: ndimage}
ORIGINALS = {(module, name): getattr(module, name) for module, face in MODULES.items() for name in face.__all__}


@pytest.fixture(autouse=True)
def scipy_as_it_was():
    yield
    assert {place: getattr(*place) for place in ORIGINALS} == ORIGINALS


def here(function=lambda: scipy.ndimage.convolve(X, W)) -> bool:
    """Whether a call of SciPy is computed here."""
    backends.used("none")
    function()
    return backends.last_used() != "none"


def test_every_function_is_ours_inside_and_scipys_outside():
    with gpuconv.scipy_patch():
        inside = {place: getattr(*place) for place in ORIGINALS}
        assert here(lambda: scipy.signal.fftconvolve(X, W))
        assert here(lambda: scipy.ndimage.gaussian_filter(X, 1.0))
        assert here(lambda: scipy.signal.savgol_filter(X, 5, 2))
        np.testing.assert_array_equal(scipy.signal.convolve2d(X, W, "same"), signal.convolve2d(X, W, "same"))
    for place, function in inside.items():
        assert function is not ORIGINALS[place]
        assert (function.__name__, function.__doc__) == (place[1], ORIGINALS[place].__doc__)
    assert not here()
    assert not here(lambda: inside[scipy.ndimage, "convolve"](X, W))  # bound in the block, called outside


def test_functions_bound_before_stay_scipys():
    with gpuconv.scipy_patch():
        assert not here(lambda: bound_before(X, W))


def test_blocks_nest_and_end_with_errors():
    with gpuconv.scipy_patch():
        with gpuconv.scipy_patch():
            assert here()
        assert here()
        with pytest.raises(ZeroDivisionError), gpuconv.scipy_patch():
            raise ZeroDivisionError
        assert here()
    assert not here()


def test_a_block_that_ends_in_another_context():
    def fixture():
        with gpuconv.scipy_patch():
            yield

    generator = fixture()
    contextvars.copy_context().run(next, generator)
    with pytest.raises(ValueError, match="different Context"):
        next(generator)
    assert scipy.ndimage.convolve is ORIGINALS[scipy.ndimage, "convolve"]


def test_as_a_decorator():
    @gpuconv.scipy_patch()
    def function():
        return here()

    assert function()
    assert function()
    assert not here()


def test_other_threads_keep_scipy():
    entered, checked, found = threading.Event(), threading.Event(), {}

    def work():
        found["before"] = here()
        with gpuconv.scipy_patch():
            found["inside"] = here()
            entered.set()
            checked.wait(60)
            found["still inside"] = here()

    with gpuconv.scipy_patch():
        other = threading.Thread(target=work)
        other.start()
        assert entered.wait(60)
    assert not here()  # while the other thread's block goes on
    checked.set()
    other.join()
    assert found == {"before": False, "inside": True, "still inside": True}


def test_tasks_inherit_the_block():
    async def task():
        await asyncio.sleep(0)
        return here()

    async def patched():
        with gpuconv.scipy_patch():
            started = asyncio.create_task(task())
            await asyncio.sleep(0)
            return await started

    async def main():
        return await asyncio.gather(patched(), task())

    assert asyncio.run(main()) == [True, False]


@pytest.mark.parametrize(
    "x",
    [X[0].astype("longdouble"), X[0].astype(object), np.ma.masked_greater(X[0], 1)],
    ids=["longdouble", "object", "masked"],
)
def test_what_is_not_taken_goes_to_scipy(x, caplog):
    expected = scipy.signal.convolve(x, W[0], method="direct")
    with gpuconv.scipy_patch(), caplog.at_level(logging.INFO, "gpuconv"):
        result = scipy.signal.convolve(x, W[0], method="direct")
    np.testing.assert_array_equal(result, expected)
    assert "SciPy computes convolve: " in caplog.text


def test_problems_without_a_backend_go_to_scipy_unless_one_is_named(monkeypatch, caplog):
    def refuse(*arguments, **options):
        raise gpuconv.UnsupportedProblemError("no kernel")

    monkeypatch.setattr(ndimage, "convolve", refuse)
    with gpuconv.scipy_patch(), caplog.at_level(logging.INFO, "gpuconv"):
        np.testing.assert_array_equal(scipy.ndimage.convolve(X, W), bound_before(X, W))
        assert "SciPy computes convolve: no kernel" in caplog.text
        with gpuconv.backend("numpy"), pytest.raises(gpuconv.UnsupportedProblemError, match="no kernel"):
            scipy.ndimage.convolve(X, W)


def test_errors_are_those_of_the_faces():
    with gpuconv.scipy_patch():
        with pytest.raises(RuntimeError, match="mode must be one of"):
            scipy.ndimage.convolve(X, W, mode="blue")
        with pytest.raises(OverflowError, match="a result must fit int64"):
            scipy.signal.convolve(np.full(9, 1 << 62), np.ones(3, int))


def test_what_somebody_else_put_there_stays():
    def theirs(*arguments):
        return "theirs"

    with gpuconv.scipy_patch():
        scipy.ndimage.sobel = theirs
    found, scipy.ndimage.sobel = scipy.ndimage.sobel, ORIGINALS[scipy.ndimage, "sobel"]
    assert found is theirs


@pytest.mark.parametrize("name", ["sobel", "scharr"])
def test_filters_of_scikit_image_run_here(name):
    """They call scipy.ndimage by its name; sums of these pixels are exact."""
    filters = pytest.importorskip("skimage.filters", reason="scikit-image is not installed")
    function, pixels = getattr(filters, name), np.rint(X)
    expected = function(pixels)
    with gpuconv.scipy_patch():
        assert here(lambda: np.testing.assert_array_equal(function(pixels), expected))


def test_the_gaussian_of_scikit_image_is_ours():
    filters = pytest.importorskip("skimage.filters", reason="scikit-image is not installed")
    with gpuconv.scipy_patch():
        result = filters.gaussian(X, sigma=1.5)
    np.testing.assert_array_equal(result, ndimage.gaussian_filter(X, 1.5, mode="nearest"))
