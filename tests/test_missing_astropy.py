"""nan=, mask= and normalize= beside astropy.convolution, call for call."""

import itertools

import numpy as np
import pytest
from agreement import random

import gpuconv
from gpuconv.planning.bounds import gamma

astropy = pytest.importorskip("astropy.convolution", reason="astropy is not installed: pip install astropy")

pytestmark = pytest.mark.filterwarnings("ignore:nan_treatment='interpolate', however, NaN values detected")

BOUNDARY = {"fill": "constant", "wrap": "wrap", "extend": "edge", None: "zero"}
GRID = list(itertools.product(BOUNDARY, ("interpolate", "fill"), (True, False), (True, False), (True, False), (1, 2)))


def arguments(rank, masked):
    """An image with single NaN and a hole, odd weights, and perhaps a mask."""
    shape, taps = ((31,), (5,)) if rank == 1 else ((14, 17), (3, 5))
    x, mask = random(shape, "f8"), random(shape, "b", 1) & random(shape, "b", 2)
    x[np.random.default_rng(3).random(shape) < 0.2] = np.nan
    x[tuple(slice(4, 11) for _ in shape)] = np.nan
    return x, np.random.default_rng(4).uniform(0.1, 1, taps), mask if masked else None


def ours(x, weights, mask, boundary, fill, nan_treatment, normalize_kernel, preserve_nan, **options):
    """astropy's call in our words."""
    options |= {"boundary": BOUNDARY[boundary], "fill": fill if boundary == "fill" else 0, "preserve_nan": preserve_nan}
    if nan_treatment == "interpolate":
        holes = np.isnan(x) if mask is None else np.isnan(x) | mask
        scaled = normalize_kernel or holes.any() or np.isnan(fill)
        result = gpuconv.convolve(x, weights, mask=mask, nan="omit", normalize=bool(scaled), **options)
        return result if normalize_kernel or not scaled else result * weights.sum()
    weights = weights / weights.sum() if normalize_kernel else weights
    if fill == 0:
        return gpuconv.convolve(x, weights, mask=mask, nan="omit", **options)
    holes = np.isnan(x) if mask is None else np.isnan(x) | mask
    result = gpuconv.convolve(np.where(holes, fill, x), weights, **options)
    return np.where(holes, np.nan, result) if preserve_nan else result


def bound(x, weights, fill):
    """Of both sides' errors: two sums over a part of the weights, the smallest tap at least, and their quotient."""
    terms = 4 * gamma(2 * weights.size + 12, 2.0**-53)
    largest = np.nanmax(np.abs(x)) + np.nan_to_num(fill)
    return 2 * terms * max(1, weights.sum()) * largest * weights.sum() / weights.min()


@pytest.mark.parametrize(("boundary", "nan_treatment", "normalize_kernel", "preserve_nan", "masked", "rank"), GRID)
def test_convolve(boundary, nan_treatment, normalize_kernel, preserve_nan, masked, rank):
    x, weights, mask = arguments(rank, masked)
    fills = (0.0, 1.5, np.nan) if boundary == "fill" and nan_treatment == "interpolate" else (0.0,)
    if boundary == "fill" and nan_treatment == "fill":
        fills = (0.0, 1.5)
    for fill in fills:
        options = {"nan_treatment": nan_treatment, "normalize_kernel": normalize_kernel, "preserve_nan": preserve_nan}
        theirs = astropy.convolve(x, weights, boundary=boundary, fill_value=fill, mask=mask, **options)
        inside = ...
        if boundary is None:  # which leaves zeros, or NaN, where the filter reaches outside
            inside = tuple(slice(k // 2, -(k // 2) or None) for k in weights.shape)
        for backend in ("numpy", "cpu"):
            if gpuconv.backends.reason_unavailable(backend):
                continue
            got = ours(x, weights, mask, boundary, fill, **options, backend=backend)
            np.testing.assert_allclose(got[inside], theirs[inside], rtol=0, atol=bound(x, weights, fill))


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("boundary", ["fill", "wrap"])
@pytest.mark.parametrize("nan_treatment", ["interpolate", "fill"])
def test_convolve_fft(backend, nan_treatment, boundary, rank):
    if backend == "numba_cuda":
        pytest.skip("the Numba kernels have no transforms")
    x, weights, mask = arguments(rank, True)
    options = {"nan_treatment": nan_treatment, "normalize_kernel": True}
    theirs = astropy.convolve_fft(x, weights, boundary=boundary, mask=mask, min_wt=1e-12, **options)
    got = ours(x, weights, mask, boundary, 0.0, preserve_nan=False, **options, method="fft", backend=backend)
    transforms = 1e-12 * np.nanmax(np.abs(x)) * weights.sum() / weights.min()  # 1e-13 of the 2-norms, on either side
    np.testing.assert_allclose(got, theirs, rtol=0, atol=bound(x, weights, 0) + transforms)


def test_every_backend(backend):
    x, weights, mask = arguments(2, True)
    theirs = astropy.convolve(x, weights, boundary="extend", mask=mask)
    got = gpuconv.convolve(x, weights, boundary="edge", mask=mask, nan="omit", normalize=True, backend=backend)
    np.testing.assert_allclose(got, theirs, rtol=0, atol=bound(x, weights, 0))


def test_masked_arrays():
    x, weights, mask = arguments(2, True)
    masked = np.ma.array(x, mask=mask)
    theirs = astropy.convolve(masked, weights, boundary="wrap")
    got = gpuconv.convolve(masked, weights, boundary="wrap", nan="omit", normalize=True)
    np.testing.assert_array_equal(got.mask, np.isnan(theirs))
    np.testing.assert_allclose(got.filled(np.nan), theirs, rtol=0, atol=bound(x, weights, 0))
