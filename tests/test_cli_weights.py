"""Weights that a user types, or keeps in a file."""

from pathlib import Path

import numpy as np
import pytest
from command_line import gpuconv
from pictures import random_pixels

from gpuconv.cli.weights import parse_weights
from gpuconv.files import FileError
from gpuconv.imagefile import Picture, write


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_weights_are_read_from_lists_and_files():
    expected = [[1, 0, -1], [2.5, 0, -2]]
    np.save("w.npy", np.array(expected))
    Path("w.txt").write_text("# rows\n1 0 -1\n\n2.5 0 -2  # the second\n")
    Path("w.csv").write_text("\ufeff1,0,-1\r\n2.5, 0, -2\r\n", encoding="utf-8")
    for text in ("1,0,-1;2.5,0,-2", " 1 0 -1 ; 2.5 0 -2; ", "[[1,0,-1],[2.5,0,-2]]", "w.npy", "w.txt", "w.csv"):
        assert parse_weights(text).tolist() == expected
    for text in ("1,2", "[1,2]"):
        assert parse_weights(text).tolist() == [[1, 2]]
    assert parse_weights("1;2").tolist() == [[1], [2]]
    assert parse_weights("3").tolist() == [[3]]
    np.save("bools.npy", np.array([True, False]))
    assert parse_weights("bools.npy").tolist() == [[1, 0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,x", 'weights must be numbers like "1,0,-1;2,0,-2;1,0,-1"'),
        ("", "weights must be 1D or 2D with at least one number; got shape"),
        ("[[1,2],[3", "weights must be numbers like"),
        ("1,2;3", "weights must have rows of equal length; got 2, 1"),
        ("[[1],2]", "weights must have rows of equal length; got 1, a number"),
        ('["a"]', "weights must be real numbers; got dtype <U1"),
        ("[[[1]]]", r"weights must be 1D or 2D with at least one number; got shape \(1, 1, 1\)"),
        ("1,nan", "weights must be finite; got nan or inf"),
        ("weights.bin", "weights must be numbers like .*, or name a .npy, .txt or .csv file; got 'weights.bin'"),
        ("none.npy", "the input must exist; there is no file none.npy"),
        ("bad.npy", "bad.npy holds no NumPy array"),
        ("objects.npy", "objects.npy holds no NumPy array"),
        ("complex.npy", "weights must be real numbers; got dtype complex128"),
        ("latin.txt", "latin.txt holds no text"),
        ("comments.txt", "weights must be 1D or 2D with at least one number"),
    ],
)
def test_bad_weights_are_refused(text, message):
    Path("bad.npy").write_bytes(b"no array")
    np.save("objects.npy", np.array([None]), allow_pickle=True)
    np.save("complex.npy", np.array([1j]))
    Path("latin.txt").write_bytes(b"\xe4\xf6")
    Path("comments.txt").write_text("# nothing\n")
    with pytest.raises((ValueError, FileError), match=message):
        parse_weights(text)
    code, _, err = gpuconv("filter", "in.png", "out.png", "--weights", text)
    assert code == 2
    assert err.count("\n") == 1


def test_lists_may_begin_with_a_minus():
    write(Path("in.png"), Picture(random_pixels()))
    assert gpuconv("filter", "in.png", "out.png", "--weights", "-1,0,1")[0] == 0
    assert gpuconv("filter", "in.png", "out.png", "--weights=-1,0,1")[0] == 0
