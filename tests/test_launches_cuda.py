"""Which kernel takes which problem, and how few are compiled; all decided without a GPU."""

import re
from dataclasses import replace

import pytest
from cuda_problems import DEVICE, FACTORS, HOST, KERNELS, first_launch, make

from gpuconv.launches.cuda import LAUNCHERS, unsupported
from gpuconv.launches.cuda_common import GRID_LIMIT
from gpuconv.launches.cuda_defaults import default_specializations
from gpuconv.launches.cuda_filters import SIZES, conv1d, conv2d_separable, conv2d_tiled
from gpuconv.launches.cuda_layers import conv2d_direct, conv2d_layer
from gpuconv.planning.facts import DeviceLimits


@pytest.mark.parametrize(
    ("problem", "facts", "kernel"),
    [
        (make(), HOST, "conv2d_tiled"),
        (make(filter_=(15, 15)), HOST, "conv2d_tiled"),
        (make(filter_=(15, 15), dtype="float64"), HOST, "conv2d_tiled"),
        (make(), DEVICE, "conv2d_layer"),  # nothing is fetched from the device in order to plan
        (make(filter_=(4, 2)), HOST, "conv2d_layer"),
        (make(filter_=(31, 31)), HOST, "conv2d_layer"),
        (make(stride=(2, 1)), HOST, "conv2d_layer"),
        (make(dilation=(1, 2)), HOST, "conv2d_layer"),
        (make(stride=(1, 20)), HOST, "conv2d_layer"),  # with one position a thread
        (make(stride=(100, 100)), HOST, "conv2d_direct"),
        (make(filter_=(1, 20000)), HOST, "conv2d_direct"),
        (make(filter_=(20000, 1)), HOST, "conv2d_layer"),  # its rows come in steps
        (make(), FACTORS, "conv2d_separable"),
        (make(filter_=(201, 255)), FACTORS, "conv2d_separable"),
        (make(filter_=(301, 255)), FACTORS, "conv2d_layer"),
        (make(stride=(2, 2)), FACTORS, "conv2d_layer"),
        (make((700,), (31,)), HOST, "conv1d"),
        (make((700,), (31,)), FACTORS, "conv1d"),
        (make((700,), (100000,)), DEVICE, "conv1d"),
        (make((700,), (31,), stride=(3,), dilation=(2,)), HOST, "conv1d"),
        (make((700,), (31,), dilation=(5000,)), HOST, "conv1d"),
        (make((700,), (31,), stride=(5000,)), HOST, "conv2d_direct"),
        (make(channels=(6, 4, 2)), HOST, "conv2d_layer"),
        (make((700,), (3,), channels=(6, 4, 1)), HOST, "conv2d_layer"),
        (make((2**31, 5), (3, 3), images=1), HOST, "conv2d_direct"),  # positions beyond an int
        (make((2**33,), (3,), images=1), HOST, "conv1d"),
    ],
)
def test_kernel_for_problem(problem, facts, kernel):
    assert first_launch(problem, facts).specialization.kernel == kernel


def test_these_kernels_are_asked_in_this_order():
    assert [launcher for launcher in LAUNCHERS if launcher in KERNELS] == list(KERNELS)


@pytest.mark.parametrize(
    ("launcher", "problem", "facts", "sentence"),
    [
        (
            conv2d_tiled,
            make(filter_=(3, 5)),
            HOST,
            "conv2d_tiled is compiled for square filters of .* taps; got (3, 5)",
        ),
        (conv2d_tiled, make(), DEVICE, "takes its weights from the host"),
        (conv2d_tiled, make((9,), (3,)), HOST, "filters images of two axes, one channel at a time"),
        (conv2d_tiled, make(stride=(2, 1)), HOST, "needs stride and dilation 1; got (2, 1) and (1, 1)"),
        (conv2d_tiled, make((2**30, 5)), HOST, "no further than 1073741824 samples; got "),
        (conv2d_tiled, make(), replace(HOST, device=DeviceLimits(parameter_bytes=200)), "in 200 bytes; got (5, 5)"),
        (
            conv2d_tiled,
            make(),
            replace(HOST, device=DeviceLimits(shared_bytes=9000)),
            "needs 9792 bytes of shared memory",
        ),
        (conv2d_separable, make(), HOST, "needs weights given as 1D factors"),
        (conv2d_separable, make(filter_=(300, 300)), FACTORS, "at most 480 taps; got 300 + 300"),
        (conv2d_separable, make(filter_=(400, 3)), FACTORS, "needs .* bytes of shared memory for its smallest tile"),
        (conv1d, make(), HOST, "filters signals, one channel at a time"),
        (conv1d, make((9,), (3,), stride=(10**6,)), HOST, "needs .* bytes of shared memory"),
        (conv2d_layer, make(stride=(100, 100)), HOST, "a block has 49152"),
        (
            conv2d_direct,
            make((2**21, 2**21)),
            HOST,
            f"conv2d_direct launches at most {GRID_LIMIT} blocks; this would take ",
        ),
    ],
)
def test_refusals(launcher, problem, facts, sentence):
    assert re.search(re.escape(sentence).replace(r"\.\*", ".*"), launcher(problem, facts))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"extent": (4,) * 4, "filter_": (3,) * 4}, "three spatial axes, and two of layers; got 4"),
        ({"extent": (4,) * 3, "filter_": (3,) * 3, "channels": (2, 3, 1)}, "and two of layers; got 3"),
        ({"out": "uint8", "overflow": "raise"}, "overflow='raise' needs a look at the whole result"),
        ({"dtype": "int64", "out": "uint8", "overflow": "raise"}, "overflow='raise' needs"),
    ],
)
def test_unsupported(changes, sentence):
    assert sentence in unsupported(make(**changes), replace(HOST, image_max=100))


@pytest.mark.parametrize(
    "changes",
    [
        {"overflow": "raise"},
        {"dtype": "int64", "overflow": "raise"},
        {"dtype": "complex64"},
        {"extent": (4,) * 3, "filter_": (3,) * 3},
    ],
)
def test_supported(changes):
    assert unsupported(make(**changes), replace(HOST, image_max=100)) is None


# ------------------------------------------------------------------------------------------ few specialisations


@pytest.mark.parametrize("facts", [HOST, FACTORS, DEVICE])
def test_what_changes_with_the_image_is_an_argument(facts):
    """Image size, batch, origin, fill value: a new one compiles nothing."""
    first = make(boundary="constant")
    others = [
        make((99, 301), boundary="constant"),
        make(boundary="constant", images=70000),
        make(boundary="constant", fill=3.5),
        make(boundary="constant", pad_before=(4, 0), pad_after=(0, 4)),
    ]
    assert len({first_launch(problem, facts).specialization for problem in (first, *others)}) == 1


def test_filter_sizes_that_compile_are_few():
    sizes = [(h, w) for h in range(1, 40) for w in range(1, 40)]
    for facts in (HOST, FACTORS):
        compiled = {first_launch(make(filter_=size), facts).specialization for size in sizes}
        assert len(compiled) <= len(SIZES) + 2


def test_constants_that_make_no_difference_have_one_value():
    same = [make(), make(rounding="floor"), make(overflow="wrap"), make(skip_zero_taps=True)]
    assert len({conv2d_tiled(problem, HOST).specialization for problem in same}) == 1
    inside = [make(pad_before=(0, 0), pad_after=(0, -1), boundary=b) for b in ("edge", "wrap", "constant")]
    assert len({conv2d_tiled(problem, HOST).specialization for problem in inside}) == 1
    skipping = conv2d_tiled(make(skip_zero_taps=True), replace(HOST, zero_taps=True)).specialization
    assert skipping.constant("SKIP_ZERO_TAPS") == 1


@pytest.mark.parametrize(
    ("dtype", "out", "overflow", "saturate"),
    [
        ("float32", "uint8", "saturate", 1),
        ("float32", "uint8", "wrap", 0),
        ("int64", "int64", "saturate", 0),
        ("int64", "uint64", "saturate", 1),
        ("int64", "int16", "wrap", 0),
        ("int64", "float16", "saturate", 0),
    ],
)
def test_saturation(dtype, out, overflow, saturate):
    launch = conv2d_tiled(make(dtype=dtype, out=out, overflow=overflow), replace(HOST, image_max=100))
    assert launch.specialization.constant("SATURATE") == saturate


def test_default_specializations():
    defaults = default_specializations()
    assert len(set(defaults)) == len(defaults) <= 104
    assert {s.constant("BOUNDARY") for s in defaults} == set(range(5))
    types = {dict(s.types)[name] for s in defaults for name in ("image_t", "out_t", "acc_t")}
    assert {"float", "double", "float16", "unsigned char", "int"} <= types
