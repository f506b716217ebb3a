"""A drawn call of a face beside the same call of its original."""

import math
from typing import Any

import numpy as np
from face_calls import Drawn
from scipy_agreement import assert_within, outcome_and_warnings, unit

import gpuconv
from gpuconv.errors import UnsupportedProblemError
from gpuconv.planning.bounds import gamma


def agrees(host: Any, face: Any, name: str, drawn: Drawn, backend: str) -> bool:
    """Compare dtype, shape, values and warnings, and that both refuse what one does; False: not for this backend."""
    case = f"{name}{drawn.args}{drawn.options}"
    expected, allowed = outcome_and_warnings(getattr(host, name), *drawn.args, **drawn.options)
    with gpuconv.backend(backend):
        got, warned = outcome_and_warnings(getattr(face, name), *drawn.args, **drawn.options)
    if isinstance(got, UnsupportedProblemError) and backend != "numpy":
        return False
    assert warned <= allowed, case
    if isinstance(expected, Exception) or isinstance(got, Exception):
        assert isinstance(expected, Exception) == isinstance(got, Exception), f"{case}: {expected!r}, {got!r}"
        return False
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape), case
    if np.array_equal(got, expected, equal_nan=True):
        return True
    spatial = "ndimage" in host.__name__  # sums of float64, whatever the dtypes
    sums = [np.dtype("f8")] if spatial else [a.dtype for a in drawn.args if isinstance(a, np.ndarray)]
    coarsest = max(unit(dtype) if dtype.kind in "fc" else unit("f8") for dtype in sums)
    bound = 4 * math.sqrt(2) * gamma(drawn.taps + 8, coarsest) * drawn.total
    if expected.dtype.kind in "biu":
        exact = getattr(host, name)(*drawn.args, **drawn.options | {"output": "f8"}) if spatial else expected
        near = np.abs(exact - np.rint(exact)) <= bound * spatial
        apart = np.abs(got.astype("i8") - expected.astype("i8"))
        assert np.all((apart == 0) | (near & (apart <= 1))), f"{case}\n{got}\n{expected}"
    else:
        assert_within(got, expected, np.full(got.shape, bound + 8 * unit(expected.dtype) * drawn.total))
    return True
