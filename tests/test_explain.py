"""What explain says, and that it is what is done."""

import numpy as np
import pytest
from command_line import gpuconv as command

import gpuconv
from gpuconv import backends

RNG = np.random.default_rng(0)
LARGE, SMALL = RNG.random((63, 63)).astype("f4"), RNG.random((3, 3)).astype("f4")


def test_transforms():
    found = gpuconv.explain((1000, 1000), LARGE, backend="numpy")
    assert (found.algorithm, found.backend, found.kernels, found.registers) == ("fft", "numpy", (), None)
    assert found.bytes_moved == 8_000_000
    assert found.seconds < found.plan.instead.seconds
    assert found.limit == "arithmetic"
    assert "points for" in found.tile
    assert found.error_bound.endswith("||weights||2 ||image||2 of a tile")
    assert [name for name, _ in found.rejected] == ["low_rank", "direct"]
    assert "at most 4 outer products" in found.rejected[0][1]
    assert "modelled" in found.rejected[1][1]


def test_sums():
    found = gpuconv.explain(np.ones((40, 50), "u1"), np.ones((3, 3), "i1"), backend="numpy", method="direct")
    assert found.algorithm == "direct"
    assert found.flops == 2 * 9 * 40 * 50
    assert found.error_bound == "exact"
    assert found.task == "convolve 40 x 50 uint8, 3 x 3 taps in int64, into int64"


def test_table():
    lines = str(gpuconv.explain((1000, 1000), LARGE, backend="numpy")).splitlines()
    assert lines[0] == "convolve 1000 x 1000 float32, 63 x 63 taps in float32, into float32"
    assert lines[1].split() == ["backend", "numpy"]
    assert [line.split()[0] for line in lines[lines.index("not taken") + 1 :]] == ["low_rank", "direct"]
    assert all(line.rstrip() == line for line in lines)


def test_not_finite_data():
    x = np.ones((300, 300), "f4")
    assert gpuconv.explain(x, LARGE, backend="numpy").algorithm == "fft"
    x[5, 5] = np.nan
    for method in ("auto", "fft"):
        found = gpuconv.explain(x, LARGE, backend="numpy", method=method)
        assert found.algorithm == "direct"
        assert ("fft", "nan or infinity in image or weights would spread over a whole tile") in found.rejected


def test_other_backends_are_listed():
    found = gpuconv.explain((64, 64), SMALL)
    named = [name for name, _ in found.rejected]
    assert {*named, found.backend} >= set(backends.NAMES)
    assert all(reason for _, reason in found.rejected)


@pytest.mark.parametrize("kind", ["convolve", "correlate"])
def test_it_is_what_is_done(backend, kind):
    options = {"backend": backend, "boundary": "mirror"}
    found = gpuconv.explain((40, 60), SMALL, kind=kind, **options)
    getattr(gpuconv, kind)(np.ones((40, 60), "f4"), SMALL, **options)
    assert backends.last_used() == found.backend == backend
    assert bool(found.kernels) == (backend in backends.GPU)


def test_nothing_is_computed():
    gpuconv.convolve(np.ones(4), np.ones(2), backend="numpy")
    gpuconv.explain((64, 64), SMALL)
    assert backends.last_used() == "numpy"


def test_factors():
    found = gpuconv.explain((40, 60), [np.ones(3), np.ones(5)], kind="sepconvolve", dtype="float64", backend="numpy")
    assert found.algorithm == "separable"
    assert found.flops == 2 * 8 * 40 * 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "convole"}, "kind must be one of .*; did you mean 'convolve'"),
        ({"boundry": "zero"}, "an option of explain must be one of .*; did you mean 'boundary'"),
        ({"method": "separable", "backend": "numpy"}, "method='separable' needs weights that are the outer product"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        gpuconv.explain((40, 60), SMALL, **options)


def test_command(monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    code, out, err = command("explain", "1000x1000", "63x63", "--backend", "numpy")
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["algorithm", "fft"] in lines
    assert lines[-1][0] == "direct"
    code, out, _ = command("explain", "480x640", "5x5", "--separable", "--backend", "numpy", "--dtype", "uint8")
    assert code == 0
    assert ["algorithm", "separable"] in [line.split() for line in out.splitlines()]


@pytest.mark.parametrize("sizes", [("480x", "3x3"), ("480x640", "0x3"), ("480*640", "3x3")])
def test_command_refuses_other_sizes(sizes):
    code, _, err = command("explain", *sizes)
    assert code == 2
    assert "must be whole numbers above 0 with an x between them, as 480x640; got" in err
