"""Ready-made weights and filters against scipy.ndimage in float64."""

import numpy as np
import pytest
from scipy import ndimage

from gpuconv import filters
from gpuconv.filters import weights

BOUNDARIES = {"symmetric": "reflect", "mirror": "mirror", "edge": "nearest", "wrap": "wrap", "zero": "constant"}
SHAPE = (23, 31)

rng = np.random.default_rng(7)
GREY = rng.integers(0, 256, SHAPE, dtype=np.uint8)
DEEP = rng.integers(0, 65536, SHAPE, dtype=np.uint16)


def unsharp_reference(x, mode):
    return 2.5 * x - 1.5 * ndimage.gaussian_filter(x, 1.2, mode=mode)


def emboss_reference(x, mode):
    return ndimage.correlate(x, [[-1.0, -1, 0], [-1, 0, 1], [0, 1, 1]], mode=mode)


def sobel_reference(x, mode):
    return np.hypot(ndimage.sobel(x, 0, mode=mode), ndimage.sobel(x, 1, mode=mode))


# name: (filter, the same in SciPy, taps along the longest chain of sums, largest sum of |weights| on the way)
FILTERS = {
    "gaussian": (
        lambda x, **o: filters.gaussian(x, 1.7, **o),
        lambda x, m: ndimage.gaussian_filter(x, 1.7, mode=m),
        30,
        1,
    ),
    "box": (lambda x, **o: filters.box(x, 5, **o), lambda x, m: ndimage.uniform_filter(x, 5, mode=m), 10, 1),
    "box even": (lambda x, **o: filters.box(x, 4, **o), lambda x, m: ndimage.uniform_filter(x, 4, mode=m), 8, 1),
    "sharpen": (filters.sharpen, lambda x, m: x - ndimage.laplace(x, mode=m), 9, 9),
    "unsharp": (lambda x, **o: filters.unsharp_mask(x, 1.2, 1.5, **o), unsharp_reference, 24, 4),
    "sobel": (filters.sobel, sobel_reference, 9, 16),
    "laplace": (filters.laplace, lambda x, m: ndimage.laplace(x, mode=m), 9, 8),
    "emboss": (filters.emboss, emboss_reference, 9, 6),
}
SIGNED = {"laplace", "emboss"}
each_filter = pytest.mark.parametrize("name", FILTERS)


def bound(name, dtype, largest):
    """Error of a sum of n rounded products, gamma(n) * sum |w| * max |x|, of ours and of SciPy's together."""
    _, _, taps, total = FILTERS[name]
    n = taps + 4  # and the rounding of weights, of the outer arithmetic and of the result
    unit = np.finfo(dtype).eps / 2
    return n * unit / (1 - n * unit) * total * largest * (1 if dtype == np.float32 else 2)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@each_filter
def test_float_images_agree_with_scipy(name, boundary, backend):
    run, reference, *_ = FILTERS[name]
    for dtype in (np.float32, np.float64):
        image = (GREY / 255 - 0.5).astype(dtype)
        result = run(image, boundary=boundary, backend=backend)
        assert result.dtype == dtype
        difference = np.abs(result - reference(image.astype(np.float64), BOUNDARIES[boundary]))
        assert difference.max() <= bound(name, dtype, 1)


@pytest.mark.parametrize("image", [GREY, DEEP], ids=["uint8", "uint16"])
@each_filter
def test_integer_images_are_rounded_and_saturated_once(name, image, backend):
    run, reference, *_ = FILTERS[name]
    limit = np.iinfo(image.dtype).max
    exact = reference(image.astype(np.float64), "reflect") + (limit + 1) / 2 * (name in SIGNED)
    slack = bound(name, np.float32, limit)
    result = run(image, backend=backend)
    assert result.dtype == image.dtype
    assert (result >= np.clip(np.rint(exact - slack), 0, limit)).all()
    assert (result <= np.clip(np.rint(exact + slack), 0, limit)).all()


@each_filter
def test_channels_are_filtered_alone(name):
    run = FILTERS[name][0]
    image = rng.integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    last = run(image, channel_axis=-1)
    assert last.shape == image.shape
    for channel in range(3):
        assert (last[..., channel] == run(image[..., channel])).all()
    assert (run(image.transpose(2, 0, 1), channel_axis=0).transpose(1, 2, 0) == last).all()


@each_filter
def test_nested_lists_booleans_and_signed_integers(name):
    run = FILTERS[name][0]
    mask = GREY > 128
    assert run(mask).dtype == np.float32
    assert np.array_equal(run(mask), run(mask.astype(np.float32)))
    assert np.array_equal(run(GREY.tolist()), run(GREY.astype(np.int64)))
    signed = GREY.astype(np.int16) - 128
    exact = FILTERS[name][1](signed.astype(np.float64), "reflect")
    assert run(signed).dtype == np.int16
    assert np.abs(run(signed) - exact).max() <= 0.5 + bound(name, np.float32, 128)


@each_filter
def test_torch_tensors_come_back_as_tensors(name):
    torch = pytest.importorskip("torch", reason="torch is not installed")
    run = FILTERS[name][0]
    result = run(torch.from_numpy(GREY))
    assert result.dtype == torch.uint8
    assert np.array_equal(result.numpy(), run(GREY))


@each_filter
def test_flat_images_stay_flat(name):
    flat = np.full(SHAPE, 77, np.uint8)
    expected = {"sobel": 0, "laplace": 128, "emboss": 128}.get(name, 77)
    assert (FILTERS[name][0](flat) == expected).all()


@each_filter
def test_the_input_is_not_changed(name):
    image = GREY.copy()
    image.setflags(write=False)
    FILTERS[name][0](image)
    assert (image == GREY).all()


def test_own_weights_saturate_and_take_factors():
    image = np.array([[0, 90, 180]], np.uint8)
    assert filters.apply(image, [[1, 0, -1]]).tolist() == [[90, 180, 90]]
    assert filters.apply(image, np.array([[-1.0, 0, 1]])).tolist() == [[0, 0, 0]]
    assert filters.apply(image, [[3.0]]).tolist() == [[0, 255, 255]]
    pair = weights.sobel_pair(0)
    assert np.array_equal(filters.apply(GREY, pair), filters.apply(GREY, np.outer(*pair)))


def test_constant_boundary_takes_a_fill():
    image = np.zeros((3, 3), np.uint8)
    assert filters.box(image, 3, boundary="constant", fill=90).tolist() == [[50, 30, 50], [30, 0, 30], [50, 30, 50]]


def test_gaussian_weights_are_scipys():
    delta = np.zeros(41)
    delta[20] = 1
    expected = ndimage.gaussian_filter1d(delta, 2.5)[10:31]
    assert np.abs(weights.gaussian(2.5) - expected).max() <= 4 * np.finfo(float).eps
    assert len(weights.gaussian(2.5, truncate=2)) == 11
    assert weights.gaussian(1e-3).tolist() == [1]


def test_sums_of_the_weights():
    for taps, total in (
        (weights.sharpen(), 1),
        (weights.laplace(), 0),
        (weights.emboss(), 0),
        (weights.sobel(0), 0),
        (weights.sobel(1), 0),
    ):
        assert taps.shape == (3, 3)
        assert taps.dtype == np.float64
        assert taps.sum() == total
    assert weights.box(7).sum() == pytest.approx(1, rel=7 * np.finfo(float).eps)


def test_sobel_points_along_its_axis():
    ramp = np.broadcast_to(np.arange(9.0), (9, 9))
    assert (filters.apply(ramp, weights.sobel(1))[1:-1, 1:-1] == 8).all()
    assert (filters.apply(ramp, weights.sobel(0)) == 0).all()


def test_emboss_is_lit_from_the_upper_left():
    image = np.zeros((9, 9), np.uint8)
    image[3:6, 3:6] = 30
    relief = filters.emboss(image).astype(int)
    assert relief[2, 2] > 128 > relief[6, 6]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: weights.gaussian(0), ValueError, "sigma must be a finite number greater than 0; got 0"),
        (lambda: weights.gaussian((1, 2)), TypeError, "sigma must be one number; got"),
        (lambda: weights.gaussian(float("nan")), ValueError, "sigma must be a finite number"),
        (lambda: weights.gaussian(1, truncate=-1), ValueError, "truncate must be a finite number"),
        (lambda: weights.gaussian(1e300), ValueError, "at most 1,000,000 samples"),
        (lambda: weights.box(0), ValueError, "n must be from 1 to 2,000,001; got 0"),
        (lambda: weights.box(2.0), TypeError, "n must be an integer; got 2.0"),
        (lambda: weights.box(True), TypeError, "n must be an integer; got True"),
        (lambda: weights.sobel(2), ValueError, "axis must be 0 or 1; got 2"),
        (lambda: filters.unsharp_mask(GREY, amount=float("inf")), ValueError, "amount must be finite; got inf"),
        (lambda: filters.sharpen(GREY, boundary="mirrored"), ValueError, "did you mean 'mirror'"),
        (lambda: filters.sharpen(GREY, backend="nunpy"), ValueError, "did you mean 'numpy'"),
        (lambda: filters.sharpen(GREY, sigma=3), TypeError, "unexpected keyword argument 'sigma'"),
    ],
)
def test_wrong_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
