"""What gpuconv.ndimage refuses, and that scipy.ndimage refuses it with the same type of exception."""

import math

import numpy as np
import pytest
import scipy.ndimage
from ndimage_agreement import ANY_RANK, LINES, ONES, X, values
from scipy_agreement import assert_within, both, check_raises, sum_bound

from gpuconv import ndimage

NUMBERS = [1, True, np.float32(3), np.array(2), math.nan, 2**70, 1j, "a", "3", None, [1], np.array([2]), [1, 2]]


@pytest.mark.parametrize("name", ANY_RANK + LINES)
@pytest.mark.parametrize("cval", NUMBERS, ids=repr)
@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_cval(name, cval, mode):
    taps = (3, 3) if name in ANY_RANK else (3,)
    for dtype, weights_dtype in [("f8", "f8"), ("f8", "c16"), ("c16", "f8")]:
        if dtype == "c16" and isinstance(cval, str):
            continue  # SciPy takes real and imaginary parts of text there
        x, w = values((3, 4), dtype), values(taps, weights_dtype, 1)
        expected, got = both(scipy.ndimage, ndimage, name, x, w, mode=mode, cval=cval)
        if not isinstance(expected, Exception) and not np.iscomplexobj(expected):
            largest = np.abs(w).sum() * max(np.abs(x).max(), np.nan_to_num(abs(float(cval))))
            assert_within(got, expected, 2 * sum_bound(w.size, "f8", largest))


@pytest.mark.parametrize("name", ANY_RANK)
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((X, [1, 2]), {}),
        ((X, 3), {}),
        ((X, []), {}),
        ((X, [[]]), {}),
        ((X, np.ones((0, 3))), {}),
        ((X, np.ones((2, 2, 2))), {}),
        ((X, "a"), {}),
        ((X, None), {}),
        ((3.0, [1.0]), {}),
        *(((X.astype(dtype), ONES), {}) for dtype in ("f2", "g", "G", "O", "M8[s]")),
        ((X.astype("f2"), ONES * 1j), {}),
        *(((X, ONES), {"output": output}) for output in ("U1", "?", "zz", "f2", "c8", object, list, str, "O")),
        *(
            ((X, ONES), {"output": output})
            for output in (5, [0] * 4, np.zeros((4, 3)), np.zeros((3, 4), "c8"), np.zeros((3, 4), "f2"))
        ),
        ((X + 1j, ONES), {"output": "f8"}),
        ((X + 1j, ONES), {"output": np.zeros((3, 4))}),
        ((X, ONES * 1j), {"output": np.zeros((3, 4))}),
        *(((X, ONES), {"mode": mode}) for mode in ("zz", "symmetric", None, 3, ["reflect", "wrap"], ("wrap",), [])),
        *(
            ((X, ONES), {"origin": origin})
            for origin in (2, -2, 1.0, "a", None, [1], [0, 0, 0], [1.0, 0], [], 10**30, (0, 2))
        ),
        *(((X, np.ones((2, 2))), {"origin": origin}) for origin in (2, -2)),
        *(((X, ONES), {"axes": axes}) for axes in (0, (0, 0), (2, 0), 1.0, "a", (), (0.5, 1), (0, 1, 2))),
        ((X, np.ones(3)), {"axes": (2,)}),
        ((X, np.ones(3)), {"axes": 1, "origin": (0, 0)}),
    ],
    ids=repr,
)
def test_refusals(name, arguments, options):
    check_raises(scipy.ndimage, ndimage, name, *arguments, **options)


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((X, []), {}),
        ((X, [[1]]), {}),
        ((X, np.ones((0, 3))), {}),
        ((3.0, [1.0]), {}),
        *(((X.astype(dtype), [1.0]), {}) for dtype in ("f2", "g", "G", "O", "M8[s]")),
        *(
            ((X, [1.0]), {"output": output})
            for output in ("?", "zz", "f2", "c8", object, 5, np.zeros((4, 3)), np.zeros((3, 4), "c8"))
        ),
        ((X + 1j, [1.0]), {"output": "f8"}),
        *(((X, [1.0]), {"mode": mode}) for mode in ("zz", None, ["reflect", "wrap"], [])),
        *(((X, [1.0, 2.0, 3.0]), {"origin": origin}) for origin in (2, -2, 1.0, "a", None, [1], (0, 0), 10**30)),
        *(((X, [1.0, 2.0]), {"origin": origin}) for origin in (2, -2)),
        *(((X, [1.0]), {"axis": axis}) for axis in (2, -3, 1.0, None, "a", (0,))),
    ],
    ids=repr,
)
def test_refusals_of_lines(name, arguments, options):
    check_raises(scipy.ndimage, ndimage, name, *arguments, **options)


@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_read_only_output(name):
    output = np.zeros((3, 4))
    output.flags.writeable = False
    check_raises(scipy.ndimage, ndimage, name, X, ONES if name in ANY_RANK else [1.0], output=output)


@pytest.mark.parametrize("name", ANY_RANK + LINES)
def test_masked_arrays(name):
    with pytest.raises(TypeError, match="masked"):
        getattr(ndimage, name)(np.ma.array(X), ONES if name in ANY_RANK else [1.0])


def test_unknown_mode_suggests_the_nearest():
    with pytest.raises(RuntimeError, match=r"mode must be one of .*did you mean 'reflect'"):
        ndimage.convolve(X, ONES, mode="reflecting")
