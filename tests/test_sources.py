"""The text that is compiled: complete, in one piece, and naming the files it comes from."""

import importlib.resources
import re
from pathlib import Path

import pytest

from gpuconv import sources
from gpuconv.launches import Specialization
from gpuconv.launches.cuda import LAUNCHERS, VOLUME_LAUNCHERS
from gpuconv.launches.cuda_defaults import default_specializations
from gpuconv.launches.cuda_fft import STEPS

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "kernels").glob("*.cu*"))
KERNELS = [path for path in FILES if path.suffix == ".cu"]
SPECIALIZATION = Specialization("conv1d", (("image_t", "unsigned char"), ("acc_t", "float")), (("OUTPUTS", 4),))


def test_prelude():
    assert sources.prelude(SPECIALIZATION).splitlines() == [
        '#line 1 "prelude"',
        "struct bfloat16;",
        "struct float16;",
        "template <class T> struct Complex;",
        "using image_t = unsigned char;",
        "using acc_t = float;",
        "constexpr int OUTPUTS = 4;",
    ]


@pytest.mark.parametrize("kernel", [path.stem for path in KERNELS])
def test_headers_are_pasted_once(kernel):
    text = sources.source(Specialization(kernel, ()))
    assert '#include "' not in text
    for header in ("values.cuh", "float16.cuh"):
        assert text.count(f'#line 1 "{header}"') == 1
    assert text.count('#line 1 "boundary.cuh"') <= 1
    assert text.startswith(sources.prelude(Specialization(kernel, ())))
    assert re.search(rf'extern "C" __global__ void [^;{{]*\b{kernel}\(', text)


@pytest.mark.parametrize("kernel", [path.stem for path in KERNELS])
def test_every_line_says_where_it_stands(kernel):
    """Follow the #line directives: each line of the text is that line of the file."""
    name, number, followed = "", 0, 0
    for line in sources.source(Specialization(kernel, ())).splitlines():
        directive = re.fullmatch(r'#line (\d+) "(.+)"', line)
        if directive:
            number, name = int(directive[1]), directive[2]
            continue
        if name != "prelude":
            original = sources.read(name).splitlines()[number - 1]
            assert line == original or (line == "" and original.startswith("#include"))
            followed += 1
        number += 1
    assert followed > len(sources.read(f"{kernel}.cu").splitlines())


def test_a_header_included_twice_is_pasted_once(monkeypatch):
    files = {
        "a.cu": '#include "b.cuh"\n#include "c.cuh"\nint a;',
        "b.cuh": '#include "c.cuh"\nint b;',
        "c.cuh": "int c;",
    }
    monkeypatch.setattr(sources, "read", files.__getitem__)
    text = sources.source(Specialization("a", ()))
    assert [text.count(f"int {name};") for name in "abc"] == [1, 1, 1]
    assert text.index("int c;") < text.index("int b;") < text.index("int a;")


def test_found_in_a_checkout_that_hides_the_package(monkeypatch):
    def missing(package):
        raise ModuleNotFoundError(package)

    installed = sources.kernel_folder()
    monkeypatch.setattr(importlib.resources, "files", missing)
    assert sources.kernel_folder() == ROOT / "kernels"
    for path in FILES:
        assert (sources.kernel_folder() / path.name).read_text() == (installed / path.name).read_text()


def test_one_planning_function_for_each_kernel():
    planned = {launcher.__name__ for launcher in (*LAUNCHERS, *VOLUME_LAUNCHERS, *STEPS)}
    planned = planned - {"separable_passes"} | {"sum_parts"}  # of kernels for images; behind a weight gradient
    assert planned == {path.stem for path in KERNELS}
    assert {specialization.kernel for specialization in default_specializations()} == {path.stem for path in KERNELS}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_house_rules(path):
    text = path.read_text()
    lines = text.splitlines()
    assert lines[0].startswith(f"// {path.stem}")
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 120
    if path.suffix == ".cu":
        assert all(f"// {word}:" in text for word in ("Prelude", "Launch", "Shared", "Reference"))
        body = text[text.index('extern "C"') :].splitlines()
        assert len(body) <= 65  # the signature included
    assert "#define" not in text
