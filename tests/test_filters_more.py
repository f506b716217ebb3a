"""Filters of shapes, bands and templates against SciPy and their definitions, in float64."""

import numpy as np
import pytest
from scipy import ndimage, signal
from test_filters import BOUNDARIES, GREY, SHAPE

from gpuconv import filters
from gpuconv.filters import weights
from gpuconv.planning.bounds import gamma

WAVE = {"sigma": 1.5, "wavelength": 4.0, "angle": 30.0, "phase": 20.0, "aspect": 0.7}


def by(taps):
    """A convolution; of an even length, centred as `scipy.ndimage.correlate` centres it."""
    return lambda x, mode: ndimage.correlate(x, taps[::-1, ::-1], mode=mode)


def roberts_reference(x, mode):
    return np.hypot(*(by(weights.roberts(axis))(x, mode) for axis in (0, 1)))


# name: (filter, the same in SciPy, its weights as they are summed, whether zero is mid-grey)
FILTERS = {
    "roberts": (filters.roberts, roberts_reference, weights.roberts(0), False),
    "log": (lambda x, **o: filters.log(x, 1.2, **o), by(weights.log(1.2)), weights.log(1.2), True),
    "dog": (lambda x, **o: filters.dog(x, 0.8, **o), by(weights.dog(0.8, 1.28)), np.full((11, 11), 2 / 121), True),
    "gabor": (lambda x, **o: filters.gabor(x, **WAVE, **o), by(weights.gabor(**WAVE)), weights.gabor(**WAVE), True),
    "disk": (lambda x, **o: filters.disk(x, 2.5, **o), by(weights.disk(2.5)), weights.disk(2.5), False),
    "motion": (
        lambda x, **o: filters.motion_blur(x, 6, 25, **o),
        by(weights.motion_blur(6, 25)),
        weights.motion_blur(6, 25),
        False,
    ),
    "savgol": (
        lambda x, **o: filters.savgol(x, 7, 2, **o),
        by(np.outer(weights.savgol(7, 2), weights.savgol(7, 2))),
        np.outer(weights.savgol(7, 2), weights.savgol(7, 2)),
        False,
    ),
    "average": (
        lambda x, **o: filters.moving_average(x, 4, axis=0, **o),
        by(np.full((4, 1), 0.25)),
        np.full((4, 1), 0.25),
        False,
    ),
}
each_filter = pytest.mark.parametrize("name", FILTERS)


def bound(name, dtype, largest):
    """Errors of ours and SciPy's sums, of rounding the weights, and of the few operations after."""
    taps = FILTERS[name][2]
    total = np.abs(taps).sum() * (2 if name in ("roberts", "log") else 1)
    if name == "log":  # summed as two products of factors
        smooth, second = weights.log_pair(1.2)
        total = 2 * np.abs(smooth).sum() * np.abs(second).sum()
    return 2 * gamma(taps.size + 8, float(np.finfo(dtype).eps) / 2) * (total * largest + largest)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@each_filter
def test_float_images_agree_with_scipy(name, boundary):
    run, reference, *_ = FILTERS[name]
    for dtype in (np.float32, np.float64):
        image = (GREY / 255 - 0.5).astype(dtype)
        result = run(image, boundary=boundary, backend="numpy")
        assert result.dtype == dtype
        difference = np.abs(result - reference(image.astype(np.float64), BOUNDARIES[boundary]))
        assert difference.max() <= bound(name, dtype, 1)


@each_filter
def test_integer_images_are_rounded_and_saturated_once(name):
    run, reference, _, signed = FILTERS[name]
    for image in (GREY, GREY.astype(np.uint16) * 257, GREY.astype(np.int16) - 128):
        info = np.iinfo(image.dtype)
        exact = reference(image.astype(np.float64), "reflect")
        exact += (info.max + 1) / 2 * (signed and info.min == 0)
        slack = bound(name, np.float32, info.max)
        result = run(image, backend="numpy")
        assert result.dtype == image.dtype
        assert (result >= np.clip(np.rint(exact - slack), info.min, info.max)).all()
        assert (result <= np.clip(np.rint(exact + slack), info.min, info.max)).all()


@each_filter
def test_channels_stacks_and_tensors(name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    run = FILTERS[name][0]
    image = np.stack([GREY, 255 - GREY, GREY // 2])
    stack = run(image)
    assert np.array_equal(run(image.transpose(1, 2, 0), channel_axis=-1), stack.transpose(1, 2, 0))
    assert np.array_equal(run(torch.from_numpy(image)).numpy(), stack)


@pytest.mark.parametrize("name", ["roberts", "log", "disk"])
def test_every_backend(name, backend):
    run, reference, *_ = FILTERS[name]
    image = (GREY / 255 - 0.5).astype(np.float32)
    difference = np.abs(run(image, backend=backend) - reference(image.astype(np.float64), "reflect"))
    assert difference.max() <= bound(name, np.float32, 1)


@each_filter
def test_flat_images_stay_flat(name):
    signed = FILTERS[name][3]
    flat = np.full(SHAPE, 77, np.uint8)
    assert (FILTERS[name][0](flat) == (128 if signed else 0 if name == "roberts" else 77)).all()


def test_sums():
    for taps in (weights.log(0.9), weights.dog(1, 2.2), weights.gabor(**WAVE), weights.roberts(1)):
        assert abs(taps.sum()) <= gamma(taps.size + 8, 2.0**-53) * np.abs(taps).sum()
    for taps in (weights.disk(3.3), weights.motion_blur(9.5, 70), weights.savgol(9, 4), weights.moving_average(7)):
        assert abs(taps.sum() - 1) <= gamma(10 * taps.size + 8, 2.0**-53) * np.abs(taps).sum()


def test_log_is_scipys_but_for_a_sum_of_zero():
    delta = np.zeros((33, 33))
    delta[16, 16] = 1
    expected = ndimage.gaussian_laplace(delta, 2.0)
    smooth, second = weights.log_pair(2.0)
    rest = abs(ndimage.gaussian_filter1d(delta[16], 2.0, order=2).sum())  # what ours moves into the Gaussian
    assert np.abs(weights.log(2.0) - expected[8:25, 8:25]).max() <= 2 * rest * smooth.max() ** 2 + 1e-15
    assert abs(second.sum()) < rest


def test_savgol_weights_are_scipys():
    for n, degree, order in ((5, 2, 0), (11, 3, 1), (7, 4, 2), (1, 0, 0), (5, 1, 2)):
        expected = signal.savgol_coeffs(n, degree, deriv=order)
        # a least-squares fit of n samples whose powers from -1 to 1 have a condition below 100
        assert np.abs(weights.savgol(n, degree, order) - expected).max() <= 100 * gamma(n * n, 2.0**-53)


def test_shapes():
    assert weights.disk(0).tolist() == [[1.0]]
    assert np.array_equal(weights.disk(3), weights.disk(3).T)
    assert np.count_nonzero(weights.disk(3)) == 29
    assert weights.motion_blur(1).tolist() == [[1.0]]
    assert np.abs(weights.motion_blur(5, 90) - weights.motion_blur(5).T).max() <= 1e-15
    up_right = weights.motion_blur(5, 45)
    assert up_right[1, 3] > 0
    assert up_right[1, 1] == up_right[3, 3] == 0


def test_gabor_shows_its_own_wave_most():
    y, x = np.mgrid[:40, :40]
    wave = np.cos(2 * np.pi * (x * np.cos(np.pi / 6) - y * np.sin(np.pi / 6)) / 5)  # 30 degrees, counterclockwise
    strength = {angle: filters.gabor(wave, 3, 5, angle).std() for angle in (0, 30, 60, 90, 120, 150)}
    assert max(strength, key=strength.get) == 30


@pytest.mark.parametrize("shape", [(5, 7), (4, 6), (1, 3)])
@pytest.mark.parametrize("boundary", ["symmetric", "constant"])
def test_match_template(shape, boundary, backend):
    template = GREY[3 : 3 + shape[0], 4 : 4 + shape[1]].astype(np.float64)
    fill = {"fill": 9} if boundary == "constant" else {}
    before = [(n // 2, n - 1 - n // 2) for n in shape]
    padded = np.pad(GREY.astype(np.float64), before, boundary, **({"constant_values": 9} if fill else {}))
    windows = np.lib.stride_tricks.sliding_window_view(padded, shape)
    windows = windows - windows.mean((2, 3), keepdims=True)
    centred = template - template.mean()
    norm = np.sqrt((windows**2).sum((2, 3)) * (centred**2).sum())
    flat = norm == 0
    expected = np.where(flat, 0, (windows * centred).sum((2, 3)) / np.where(flat, 1, norm))
    result = filters.match_template(GREY, template, boundary=boundary, backend=backend, **fill)
    assert result.dtype == np.float32
    # sums of squares up to 255**2, of which the variances are differences; then one rounding to float32
    lost = 4 * gamma(3 * template.size + 20, 2.0**-53) * 255**2 * template.size
    least = np.minimum((windows**2).sum((2, 3)), (centred**2).sum())
    assert (np.abs(result - expected) <= lost / np.maximum(least, 0.5) + 2.0**-24).all()
    assert np.unravel_index(result.argmax(), SHAPE) == (3 + shape[0] // 2, 4 + shape[1] // 2)
    assert result.max() == 1


def test_match_template_of_flat_parts_channels_and_tensors():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    template = GREY[:4, :4]
    assert not filters.match_template(np.full((9, 9), 0.3), template).any()
    image = np.stack([GREY, 255 - GREY], -1)
    both = filters.match_template(image, template, channel_axis=-1)
    assert np.abs(both[..., 0] + both[..., 1]).max() <= 2.0**-23
    tensor = filters.match_template(torch.from_numpy(GREY.astype(np.float64)), template)
    assert np.abs(tensor.numpy() - both[..., 0]).max() <= 2.0**-23


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda: weights.disk(-1), "radius must be a finite number from 0 to 2000; got -1"),
        (lambda: weights.disk(float("nan")), "radius must be a finite number"),
        (lambda: weights.motion_blur(0.5), "length must be a finite number from 1"),
        (lambda: weights.motion_blur(3, float("inf")), "angle must be finite"),
        (lambda: weights.savgol(4, 2), "n must be odd; got 4"),
        (lambda: weights.savgol(5, 5), "degree must be from 0 to 4; got 5"),
        (lambda: weights.gabor(1, 1), "wavelength must be a finite number from 2"),
        (lambda: weights.gabor(0, 4), "sigma must be a finite number"),
        (lambda: weights.gabor(1, 4, float("nan")), "angle and phase must be finite"),
        (lambda: weights.gabor(1000, 4), "3 \\* sigma"),
        (lambda: weights.roberts(2), "axis must be 0 or 1; got 2"),
        (lambda: weights.dog(1, 0), "sigma must be a finite number greater than 0; got 0"),
        (lambda: weights.match_template(np.ones((3, 3))), "template must have finite samples that are not all"),
        (lambda: weights.match_template(np.ones(3)), "template must be 2D"),
        (lambda: filters.moving_average(GREY, 3, axis=2), "axis must be 0 or 1; got 2"),
    ],
)
def test_refusals(run, message):
    with pytest.raises(ValueError, match=message):
        run()


def test_refusals_of_types():
    with pytest.raises(TypeError, match="degree must be an integer"):
        weights.savgol(5, 2.0)
    with pytest.raises(TypeError, match="image must be real"):
        filters.match_template(GREY.astype(complex), GREY[:3, :3])
