"""Layers that come again: what is kept of them, and every way in which a kept one could be the wrong one."""

import sys
import threading
import weakref
from functools import partial

import numpy as np
import pytest
from agreement import random
from hypothesis import given
from hypothesis import strategies as st

import gpuconv
from gpuconv import backends, calls, nn
from gpuconv.backends import cpu
from gpuconv.cpu import jit, layers, pool
from gpuconv.nn import repeated

X, W, B = random((2, 6, 9, 8), "f4"), random((4, 6, 3, 3), "f4", 1), random(4, "f4", 2)
FUNCTIONS = {
    "layer": partial(nn.conv2d, stride=2),
    "transposed": lambda x, w: nn.conv_transpose2d(x[:, :4], w, stride=2, padding=1),
    "input": lambda x, w: nn.conv2d_input(X.shape, w, x[:, :4, 1:5, 2:5], stride=2),
    "weight": lambda x, w: nn.conv2d_weight(x, W.shape, x[:, :4, 1:5, 2:5], stride=2),
}


@pytest.fixture(autouse=True)
def compiled():
    reason = backends.reason_unavailable("cpu")
    if reason:
        pytest.skip(reason)
    with gpuconv.backend("cpu"):
        yield


def first(function, *arguments, **options):
    """As the first call of a process."""
    calls.forget()
    return function(*arguments, **options)


@pytest.fixture
def stated(monkeypatch):
    """The layers that went the long way."""
    found = []
    monkeypatch.setattr(repeated, "prepare", lambda call: found.append(call) or gpuconv.engine.prepare(call))
    return found


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_known_layer_is_not_stated_again(function, stated):
    pairs = [(random(X.shape, "f4", seed), random(W.shape, "f4", seed + 9)) for seed in range(3)]
    expected = [first(function, *pair) for pair in pairs]
    stated.clear()
    for pair, result in zip(pairs, expected, strict=True):
        np.testing.assert_array_equal(function(*pair), result)
    assert stated == []


@pytest.mark.parametrize(("function", "most"), [*zip(FUNCTIONS.values(), (45, 70, 70, 45), strict=True)], ids=FUNCTIONS)
def test_a_known_layer_takes_little_python(function, most):
    """Time is no measure on a machine that others use; the number of Python functions that are called is."""
    for _ in range(2):  # the second call packs the weights
        function(X, W)
    called = []
    sys.setprofile(lambda frame, event, _: called.append(frame.f_code.co_name) if event == "call" else None)
    try:
        function(X, W)
    finally:
        sys.setprofile(None)
    assert len(called) <= most, called


@st.composite
def problems(draw):
    """Arrays in some layout and options of a layer."""
    groups = draw(st.sampled_from([1, 2, 4]))
    dtype = draw(st.sampled_from(["f4", "f8", "f2", "i4", "c8"]))
    channels, outputs, taps = (
        groups * draw(st.integers(1, 3)),
        groups * draw(st.integers(1, 3)),
        draw(st.integers(1, 3)),
    )
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    step = draw(st.sampled_from([1, 2, -1]))
    x = random((*batch, channels, 9, 10 * abs(step)), dtype)[..., ::step]
    weights = random((outputs, channels // groups, taps, 2), dtype, 1)
    options = {
        "stride": draw(st.sampled_from([1, 2, (3, 1), [2, 2]])),
        "padding": draw(st.sampled_from([0, 1, (2, 0)])),
        "dilation": draw(st.sampled_from([1, (2, 3)])),
        "groups": groups,
    }
    return x, weights, draw(st.sampled_from([None, random(outputs, dtype, 2)])), options


@given(problems())
def test_first_and_later_calls_agree(problem):
    x, weights, bias, options = problem
    with gpuconv.backend("auto"):
        y = first(nn.conv2d, x, weights, bias, **options)
        functions = [partial(nn.conv2d, x, weights, bias, **options)]
        if x.dtype.kind != "i":
            functions.append(partial(nn.conv2d_input, x.shape, weights, y, **options))
            functions.append(partial(nn.conv2d_weight, x, weights.shape, y, **options))
        expected = [function() for function in functions]
        for function, result in zip(functions, expected, strict=True):
            np.testing.assert_array_equal(function(), result)
            np.testing.assert_array_equal(first(function), result)


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_changes_in_place_are_seen(function):
    x, weights = X.copy(), W.copy()
    function(x, weights)
    for array in (weights, x):
        array *= -2
        array[0, 0, 0, 0] += 5
        np.testing.assert_array_equal(function(x, weights), first(function, x, weights))


def test_bias_is_an_input():
    bias = B.copy()
    without = nn.conv2d(X, W)
    for _ in range(2):
        bias += 1
        for b in (None, bias, bias[::-1], None):
            result = nn.conv2d(X, W, b)
            np.testing.assert_array_equal(result, first(nn.conv2d, X, W, b))
            assert np.array_equal(result, without) == (b is None)


def test_functions_and_options_are_told_apart():
    grad, square = random((2, 6, 9, 9), "f4"), random((6, 6, 3, 3), "f4", 1)
    functions = [partial(f, grad, square, padding=1) for f in (nn.conv2d, nn.conv_transpose2d)]
    functions += [
        partial(nn.conv2d_input, grad.shape, square, grad, padding=1),
        partial(nn.conv2d_weight, grad, square.shape, grad, padding=1),
        partial(nn.conv2d, grad, square, padding=(1, 0)),
        partial(nn.conv2d, grad, square, padding=1, dilation=2),
        partial(nn.conv2d, grad, square, padding=1, padding_mode="reflect"),
        partial(nn.conv2d, grad, square, padding="same"),
        partial(nn.conv2d_input, (2, 6, 18, 18), square, grad, padding=1, stride=2),
        partial(nn.conv2d_input, (2, 6, 17, 18), square, grad, padding=1, stride=2),
        partial(nn.conv_transpose2d, grad, square, padding=1, stride=2),
        partial(nn.conv_transpose2d, grad, square, padding=1, stride=2, output_padding=1),
    ]
    expected = [first(function) for function in functions]
    calls.forget()
    for _ in range(2):
        for function, result in zip(functions, expected, strict=True):
            np.testing.assert_array_equal(function(), result)


def test_strides_and_dtypes_are_told_apart():
    nn.conv2d(X, W, B)
    for x in (X, X.transpose(0, 1, 3, 2), np.asfortranarray(X), X[::-1], np.broadcast_to(X[:1], X.shape)):
        for w in (W, W[..., ::-1], np.asfortranarray(W), W.transpose(0, 1, 3, 2)):
            np.testing.assert_array_equal(nn.conv2d(x, w, B), first(nn.conv2d, x, w, B))
    integers = [array.view("i4") for array in (X, W, B)]
    expected = first(nn.conv2d, *integers)
    first(nn.conv2d, X, W, B)
    np.testing.assert_array_equal(nn.conv2d(*integers), expected)
    for swapped in ((X.astype(">f4"), W, B), (X, W.astype(">f4"), B), (X, W, B.astype(">f4"))):
        for _ in range(2):
            np.testing.assert_array_equal(nn.conv2d(*swapped), nn.conv2d(X, W, B))


def test_nan_leaves_winograds_algorithm_every_time():
    x, weights = random((1, 16, 9, 9), "f4"), random((16, 16, 3, 3), "f4", 1)
    holed = x.copy()
    holed[0, 3, 4, 4] = np.nan
    for image in (x, holed, x, holed):
        assert np.isnan(nn.conv2d(image, weights)).sum() == (16 * 9 if image is holed else 0)


def test_integers_are_looked_at_every_time(stated):
    x, weights = np.ones((1, 2, 4, 4), "i8"), np.ones((3, 2, 3, 3), "i8")
    for factor in (1, 1 << 40, 1):
        assert (nn.conv2d(x * factor, weights) == 18 * factor).all()
    assert len(stated) == 3


def test_one_filter_is_read_at_every_call(stated):
    """A layer of one channel is computed as a filter, which is made ready for its taps."""
    x, weights = random((1, 1, 9, 9), "f4"), random((1, 1, 3, 3), "f4", 1)
    before = nn.conv2d(x, weights)
    weights *= 2
    np.testing.assert_array_equal(nn.conv2d(x, weights), 2 * before)
    assert len(stated) == 2


@pytest.mark.parametrize(
    "changed",
    [{"stride": 1.0}, {"padding": 1.5}, {"padding": -1}, {"dilation": 0}, {"groups": 4}, {"padding_mode": "zero"}],
)
def test_an_error_is_not_kept(changed):
    for _ in range(2):
        with pytest.raises((TypeError, ValueError), match=next(iter(changed))):
            nn.conv2d(X, W, B, **changed)
        for wrong in ((X[:, :5], W, B), (X, W, B[:3]), (X, W.astype("f8"), B), (X[0, 0], W, B)):
            with pytest.raises(RuntimeError):
                nn.conv2d(*wrong)
        assert nn.conv2d(X, W, B).shape == (2, 4, 7, 6)


def test_the_choice_of_backend_is_looked_at_every_time():
    for name in ("cpu", "numpy", "cpu"):
        with gpuconv.backend(name):
            nn.conv2d(X, W)
            assert backends.last_used() == name


def test_hesitation_is_not_kept(monkeypatch):
    nn.conv2d(X, W)
    monkeypatch.setattr(cpu, "_meanwhile", cpu.defaultdict(float))
    with gpuconv.backend("auto"):
        for ready, name in ((False, "numpy"), (True, "cpu")):
            monkeypatch.setattr(jit, "ready", lambda kernel, ready=ready: ready)
            for function in (FUNCTIONS["layer"], FUNCTIONS["transposed"]):
                for _ in range(2):
                    function(X, W)
                    assert backends.last_used() == name


def test_results_do_not_share_memory():
    for function in FUNCTIONS.values():
        one, other = function(X, W), function(X, W)
        assert not np.may_share_memory(one, other)
        assert not np.may_share_memory(one, X)


def test_no_arrays_are_kept(monkeypatch):
    monkeypatch.setattr(calls, "CAPACITY", 3)
    for height in range(3, 9):
        x, weights = random((1, 2, height, 9), "f4"), random((3, 2, 3, 3), "f4")
        results = [nn.conv2d(x, weights), nn.conv_transpose2d(x, weights[:2], stride=2)]
        kept = [weakref.ref(array) for array in (x, weights, *results)]
        del x, weights, results
        assert [array() for array in kept] == [None] * 4
        assert len(calls._known) <= 3


def test_the_number_of_threads_is_looked_at_every_time(monkeypatch):
    asked, run = [], pool.run
    monkeypatch.setattr(layers, "LEAST_SECONDS", 0)
    monkeypatch.setattr(pool, "run", lambda driver, job, threads: asked.append(threads) or run(driver, job, threads))
    before = gpuconv.get_num_threads()
    try:
        results = []
        for number in (1, 3, 2, 1):
            gpuconv.set_num_threads(number)
            results.append(nn.conv2d(X, W))
    finally:
        gpuconv.set_num_threads(before)
    assert asked == [1, 3, 2, 1]
    assert all(np.array_equal(result, results[0]) for result in results)


def test_several_threads_share_what_is_known(monkeypatch):
    monkeypatch.setattr(calls, "CAPACITY", 4)
    images = [random((1, 6, height, 9), "f4") for height in range(8, 16)]
    biases = [B * i for i in range(8)]
    expected = [first(nn.conv2d, x, W, b) for x, b in zip(images, biases, strict=True)]
    wrong = []

    def work(start):
        with gpuconv.backend("cpu"):
            for i in range(start, start + 100):
                if not np.array_equal(nn.conv2d(images[i % 8], W, biases[i % 8]), expected[i % 8]):
                    wrong.append(i)

    workers = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_tensors_are_known_too(function, stated):
    torch = pytest.importorskip("torch")
    tensors = [torch.from_numpy(array) for array in (X, W)]
    expected = first(function, X, W)
    results = [function(*tensors) for _ in range(2)]
    count = len(stated)
    results.append(function(*tensors))
    assert len(stated) == count
    for result in results:
        assert isinstance(result, torch.Tensor)
        np.testing.assert_array_equal(result.numpy(), expected)


def test_the_result_is_of_the_inputs_library():
    torch = pytest.importorskip("torch")
    for _ in range(2):
        assert isinstance(nn.conv2d(X, torch.from_numpy(W)), np.ndarray)
        assert isinstance(nn.conv2d(torch.from_numpy(X), W), torch.Tensor)


def test_gradients_of_tensors_are_never_dropped():
    torch = pytest.importorskip("torch")
    tensor, weights = torch.from_numpy(X.copy()), torch.from_numpy(W.copy()).requires_grad_()
    with torch.no_grad():
        for _ in range(2):
            nn.conv2d(tensor, weights)
    for _ in range(2):
        with pytest.raises(TypeError, match="weight must not require a gradient"):
            nn.conv2d(tensor, weights)
