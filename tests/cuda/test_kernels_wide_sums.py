"""conv2d_small with sums of 64 bits: exact for integers of 32 bits, by one instruction a product."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import standin
from kernel_runs import assert_right, check, few, image_filter, out_of, planned, record
from standin import mutate

from gpuconv.engine import facts_of
from gpuconv.launches.cuda_direct import conv2d_small
from gpuconv.problem import BOUNDARIES
from gpuconv.sources import source

SHAPES = [(1, 1), (33, 70), (70, 129)]
SIGNED, UNSIGNED = ("i4", "i2"), ("u4", "u2")


def call_of(shape=(33, 70), taps=5, dtypes=SIGNED, **options):
    call = image_filter(shape, (taps, taps), dtypes, **options)
    assert planned(conv2d_small, call).accumulator in (np.int64, np.uint64)
    return call


@pytest.mark.parametrize(
    ("shape", "boundary", "dtypes"),
    few(
        itertools.product(SHAPES, BOUNDARIES[1:], (SIGNED, UNSIGNED)),
        ((70, 129), "mirror", SIGNED),
        ((33, 70), "edge", UNSIGNED),
    ),
)
def test_sizes_and_boundaries(shape, boundary, dtypes):
    check(conv2d_small, call_of(shape, boundary=boundary, dtypes=dtypes))


@pytest.mark.parametrize(
    ("image", "weights", "arch"),
    few(
        [(*dtypes, arch) for dtypes in (SIGNED, UNSIGNED) for arch in ("sm_75", "sm_86", "sm_90")],
        (*SIGNED, "sm_90"),
        (*UNSIGNED, "sm_86"),
    ),
)
@pytest.mark.usefixtures("nvrtc")
def test_machine_code(image, weights, arch):
    call = call_of(dtypes=(image, weights), boundary="mirror", out_dtype="i4", overflow="wrap")
    launch = record(conv2d_small, call)
    arrays, _ = launch.replay_sass(arch)
    assert_right(conv2d_small, call, out_of(launch, arrays))


@pytest.mark.parametrize("taps", few([5, 11], 5))
@pytest.mark.parametrize("arch", few(standin.ARCHITECTURES, "sm_90"))
@pytest.mark.usefixtures("nvrtc")
def test_one_instruction_a_product_and_nothing_spilled(arch, taps):
    specialization = planned(conv2d_small, call_of(taps=taps)).launches[0].specialization
    cubin = standin.compile_all(source(specialization), [arch])[arch]
    opcodes = Counter(row[2].split(".U32")[0] for row in standin.sassrun().disassemble(cubin, "conv2d_small"))
    products = taps * taps * specialization.constant("ROWS") * 2
    assert opcodes["IMAD.WIDE"] >= products > 4 * opcodes["IMAD"]  # some of either compute addresses
    assert standin.sassrun().Cubin(cubin).static("conv2d_small")["local_bytes"] == 0


@pytest.mark.parametrize(
    ("dtypes", "options"),
    [
        (("u4", "i2"), {}),
        (("i4", "i8"), {"compute_dtype": "int64", "overflow": "wrap"}),
        (("i4", "i2"), {"boundary": "constant", "fill": 2**31}),
    ],
)
def test_what_is_no_product_of_32_bits(dtypes, options):
    call = image_filter((9, 9), (3, 3), dtypes, **options)
    assert "conv2d_small adds up in 32 bits" in conv2d_small(call.problem, facts_of(call))


@pytest.mark.slow  # what is done for other dtypes, with other sums
@pytest.mark.parametrize("kind", ["address", "thread"])
def test_sanitizers_are_content(kind):
    report = record(conv2d_small, call_of(boundary="symmetric")).replay_sanitized(kind, "random:3")
    assert report.ok, report.log


@pytest.mark.usefixtures("nvrtc")
def test_a_fault_is_found():
    launch = record(conv2d_small, call_of(boundary="symmetric"))
    faulty = replace(launch, text=mutate(launch.text, "mad.wide.s32", "mad.wide.u32"))
    assert not np.array_equal(out_of(faulty, faulty.replay_sass("sm_86")[0]), out_of(launch, launch.results))
