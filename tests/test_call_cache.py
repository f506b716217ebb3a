"""Calls that come again: what is kept of them, and every way in which a kept one could be the wrong one."""

import sys
import threading
import weakref

import numpy as np
import pytest
from agreement import random
from hypothesis import given
from hypothesis import strategies as st

import gpuconv
from gpuconv import backends, calls
from gpuconv.backends import cpu
from gpuconv.cpu import filters, jit, pool

X, W = random((20, 31), "f4"), random((3, 5), "f4", 1)


@pytest.fixture(autouse=True)
def compiled():
    reason = backends.reason_unavailable("cpu")
    if reason:
        pytest.skip(reason)


def convolve(x=X, weights=W, **options):
    return gpuconv.convolve(x, weights, **{"backend": "cpu", **options})


def first(x=X, weights=W, **options):
    """As the first call of a process."""
    calls.forget()
    return convolve(x, weights, **options)


def test_a_known_call_is_not_stated_again(monkeypatch):
    images = [random(X.shape, "f4", seed) for seed in range(3)]
    expected = [first(x) for x in images]
    monkeypatch.setattr(calls, "call_of", lambda *_: pytest.fail("the call was stated again"))
    for x, result in zip(images, expected, strict=True):
        np.testing.assert_array_equal(convolve(x), result)


def test_a_known_call_takes_little_python():
    """Time is no measure on a machine that others use; the number of Python functions that are called is."""
    convolve()
    called = []
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        convolve()
    finally:
        sys.setprofile(None)
    assert len(called) <= 20, called


def test_the_functions_are_told_apart():
    factors = [random(3, "f4", 1), random(5, "f4", 2)]
    for _ in range(2):
        convolved, correlated = convolve(), gpuconv.correlate(X, W, backend="cpu")
        np.testing.assert_array_equal(convolved, gpuconv.correlate(X, np.flip(W), backend="cpu"))
        assert not np.array_equal(convolved, correlated)
        rows = gpuconv.sepconvolve(X, factors, backend="cpu")
        np.testing.assert_array_equal(rows, gpuconv.sepconvolve(X, tuple(factors), backend="cpu"))
        assert not np.array_equal(rows, gpuconv.sepconvolve(X, factors[::-1], backend="cpu"))


@st.composite
def arguments(draw):
    """An image in some layout, weights and options."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40)))
    dtype = draw(st.sampled_from(["f4", "f8", "u1", "i2", "i4", "i8", "f2", "c8", "?"]))
    step = draw(st.sampled_from([(1, 1), (-1, 1), (2, -1), (1, 3)]))
    wide = random(
        (shape[0], *(n * abs(s) for n, s in zip(shape[1:], step, strict=True))), dtype, draw(st.integers(0, 9))
    )
    x = np.moveaxis(wide[:, :: step[0], :: step[1]], 0, draw(st.sampled_from([0, 2])))
    taps = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    options = {
        "size": draw(st.sampled_from(["same", "full"])),
        "boundary": draw(st.sampled_from(["zero", "edge", "symmetric", "mirror", "wrap"])),
        "stride": draw(st.sampled_from([1, 2, (1, 3)])),
        "dilation": draw(st.sampled_from([1, (2, 1)])),
        "axes": draw(st.sampled_from([None, (0, 1), (2, 0)])),
        "out_dtype": draw(
            st.sampled_from([None, "c16", np.dtype("c8")] if x.dtype.kind == "c" else [None, "f4", np.uint8])
        ),
    }
    return x, random(taps, draw(st.sampled_from(["f4", "i1"])), 1), options


@given(arguments())
def test_first_and_later_calls_agree(call):
    x, weights, options = call
    expected = first(x, weights, **options)
    for function in (convolve, first):
        np.testing.assert_array_equal(function(x, weights, **options), expected)
    other = np.ascontiguousarray(x[::-1])[::-1]
    np.testing.assert_array_equal(convolve(other, weights, **options), expected)
    out = np.empty_like(expected)
    for _ in range(2):
        assert convolve(x, weights, out=out, **options) is out
        np.testing.assert_array_equal(out, expected)
        out.fill(7)


@pytest.mark.parametrize(
    "changed",
    [{"stride": 1.0}, {"dilation": (1, 1.0)}, {"origin": 0.0}, {"size": b"same"}, {"fill": [0]}],
)
def test_equal_values_of_other_types_are_refused_as_ever(changed):
    convolve(stride=1, dilation=(1, 1), origin=0, axes=(0, 1), size="same", fill=0)
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=next(iter(changed))):
            convolve(**changed)


def test_fills_are_told_apart():
    for fill in (0.0, -0.0, np.nan, 0, np.float32(2), 2.0):
        result = convolve(-np.abs(X), np.abs(W), boundary="constant", fill=fill)
        expected = first(-np.abs(X), np.abs(W), boundary="constant", fill=fill)
        assert result.tobytes() == expected.tobytes()


def test_options_that_cannot_be_compared_go_the_long_way():
    for stride in ([1, 2], np.array([1, 2]), (np.int64(1), 2)):
        for _ in range(2):
            np.testing.assert_array_equal(convolve(stride=stride), convolve(stride=(1, 2)))


def test_weights_are_compared_by_value():
    weights = W.copy()
    convolve(weights=weights)
    weights[1, 2] += 1
    np.testing.assert_array_equal(convolve(weights=weights), first(weights=weights))
    for same_bytes in (W.view("i4"), W.reshape(5, 3), W.T, W.view("f4").astype(">f4")):
        convolve()
        np.testing.assert_array_equal(convolve(weights=same_bytes), first(weights=same_bytes))


def test_byte_order_is_compared():
    swapped = X.astype(">f4")
    for _ in range(2):
        np.testing.assert_array_equal(convolve(swapped), convolve())


def test_values_of_64_bit_images_are_looked_at_every_time():
    small, large = np.ones((5, 6), "i8"), np.full((5, 6), 1 << 62, "i8")
    for _ in range(2):
        assert convolve(small, np.ones((3, 3), "i8"))[1, 1] == 9
        with pytest.raises(OverflowError, match="an integer result must fit int64"):
            convolve(large, np.ones((3, 3), "i8"))


def test_nan_is_looked_for_every_time():
    x, weights = random((150, 160), "f4"), random((63, 63), "f4", 1)
    holed = x.copy()
    holed[5, 7] = np.nan
    for image in (x, holed, x, holed):
        for options in ({}, {"backend": "numpy"}):
            assert np.isnan(convolve(image, weights, **options)).any(axis=1).sum() == (37 if image is holed else 0)


def test_the_choice_of_backend_is_looked_at_every_time(monkeypatch):
    for name in ("cpu", "numpy", "cpu"):
        with gpuconv.backend(name):
            convolve(backend=None)
            assert backends.last_used() == name
    gpuconv.set_backend("cpu")
    for _ in range(2):
        convolve(backend=None)
    monkeypatch.setenv("GPUCONV_BACKEND", "cuppy")
    assert convolve(backend=None).shape == X.shape
    monkeypatch.setattr(backends.choice, "_process_choice", [])
    with pytest.raises(ValueError, match="did you mean 'cupy'"):
        convolve(backend=None)
    with pytest.raises(ValueError, match="did you mean 'numpy'"):
        convolve(backend="nunpy")


def test_hesitation_is_not_kept(monkeypatch):
    convolve()  # loads llvmlite
    monkeypatch.setattr(cpu, "_meanwhile", cpu.defaultdict(float))
    monkeypatch.setattr(jit, "ready", lambda kernel: False)
    for _ in range(2):
        convolve(backend=None)
        assert backends.last_used() == "numpy"
    monkeypatch.setattr(jit, "ready", lambda kernel: True)
    for _ in range(2):
        convolve(backend=None)
        assert backends.last_used() == "cpu"


@pytest.mark.parametrize("shift", [0, 1, -1])
def test_out_may_overlap_x_of_a_known_call(shift):
    memory = random((12, 10), "f4")
    expected = first(memory[1:-1])
    apart = np.empty((10, 10), "f4")
    convolve(memory[1:-1], out=apart)
    np.testing.assert_array_equal(apart, expected)
    for _ in range(2):
        changed = memory.copy()
        x, out = changed[1:-1], changed[1 + shift : 11 + shift]
        assert convolve(x, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_out_is_checked_every_time():
    out, strided = np.empty_like(X), np.zeros((40, 62), "f4")
    for _ in range(2):
        assert convolve(out=out) is out
        convolve(out=strided[::2, ::-2])
        np.testing.assert_array_equal(strided[::2, ::-2], out)
        assert not strided[1::2].any()
    out.flags.writeable = False
    for wrong in (out, out.astype("f8"), np.empty((20, 30), "f4"), out.tolist()):
        with pytest.raises((ValueError, TypeError), match="out must"):
            convolve(out=wrong)


def test_other_arrays_than_numpys_are_what_they_were():
    convolve()
    assert isinstance(convolve(np.ma.masked_equal(X, 0)), np.ma.MaskedArray)
    torch = pytest.importorskip("torch")
    for _ in range(2):
        assert isinstance(convolve(torch.from_numpy(X)), torch.Tensor)


def test_an_error_is_not_kept():
    for _ in range(2):
        with pytest.raises(ValueError, match="weights no larger than x"):
            convolve(X[:2], size="valid")
        assert convolve(size="valid").shape == (18, 27)
        with pytest.raises(OverflowError, match="results must fit int8"):
            convolve(np.full((9, 9), 1000.0), out_dtype="i1", overflow="raise")


def test_few_calls_are_kept_and_no_arrays(monkeypatch):
    monkeypatch.setattr(calls, "CAPACITY", 3)
    for height in range(3, 9):
        x = random((height, 9), "f4")
        result = convolve(x)
        kept = weakref.ref(x), weakref.ref(result)
        del x, result
        assert [array() for array in kept] == [None, None]
        assert len(calls._known) <= 3
    large = random((129, 129), "f4", 1)
    convolve(weights=large)
    assert len(calls._known) == 3
    assert all(key[4][0] == W.shape for key in calls._known)


def test_the_number_of_threads_is_looked_at_every_time(monkeypatch):
    asked, run = [], pool.run
    monkeypatch.setattr(filters, "LEAST_SECONDS", 0)
    monkeypatch.setattr(pool, "run", lambda driver, job, threads: asked.append(threads) or run(driver, job, threads))
    x, before = random((90, 80), "f4"), gpuconv.get_num_threads()
    try:
        results = []
        for number in (1, 3, 2, 1):
            gpuconv.set_num_threads(number)
            results.append(convolve(x))
    finally:
        gpuconv.set_num_threads(before)
    assert asked == [1, 3, 2, 1]
    assert all(np.array_equal(result, results[0]) for result in results)


def test_several_threads_share_what_is_known(monkeypatch):
    monkeypatch.setattr(calls, "CAPACITY", 4)
    images = [random((height, 33), "f4") for height in range(8, 16)]
    expected = [first(x) for x in images]
    wrong = []

    def work(start):
        for i in range(start, start + 200):
            if not np.array_equal(convolve(images[i % 8]), expected[i % 8]):
                wrong.append(i)

    workers = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong
