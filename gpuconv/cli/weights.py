"""Weights that a user types, or keeps in a file, as a 2D array."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpuconv.files import FileError, check_input, name_of

TEXT_SUFFIXES = (".txt", ".csv")


def parse_weights(text: str) -> NDArray[np.float64]:
    """Return the weights that `text` lists, or that the file holds that it names.

    Parameters
    ----------
    text : str
        Rows of numbers, "1,0,-1;2,0,-2;1,0,-1" or "[[1,0],[0,-1]]", or the name of a .npy, .txt or .csv file (a line
        is a row; commas or blanks stand between numbers; # starts a comment).

    Returns
    -------
    ndarray, shape (R, S)
        The weights; a single row acts along the rows of the image.

    Raises
    ------
    FileError
        If the file cannot be read.
    ValueError
        If these are not 1D or 2D, finite, real numbers, at least one of them.

    Examples
    --------
    >>> parse_weights("1,0,-1").tolist()
    [[1.0, 0.0, -1.0]]
    """
    path = Path(text)
    if path.suffix.lower() == ".npy":
        check_input(path)
        values = _load_npy(path)
    elif path.suffix.lower() in TEXT_SUFFIXES:
        check_input(path)
        values = _rows(_load_text(path))
    else:
        values = _rows(text)
    return _checked(values)


def _load_npy(path: Path) -> object:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise FileError(f"{name_of(path)} holds no NumPy array: {error}") from None


def _load_text(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{name_of(path)} holds no text: {error}") from None
    return ";".join(line for line in (line.partition("#")[0].strip() for line in lines) if line)


def _rows(text: str) -> object:
    """Return "1,2;3,4" or "[[1,2],[3,4]]" as nested lists of numbers."""
    try:
        if text.lstrip().startswith("["):
            return json.loads(text)
        return [[float(number) for number in row.replace(",", " ").split()] for row in text.strip("; \n").split(";")]
    except ValueError:
        example = 'numbers like "1,0,-1;2,0,-2;1,0,-1", or name a .npy, .txt or .csv file'
        raise ValueError(f"weights must be {example}; got {text!r}") from None


def _checked(values: object) -> NDArray[np.float64]:
    try:
        weights = np.atleast_1d(np.asarray(values))
    except ValueError:
        raise ValueError("weights must have rows of equal length; got " + _lengths(values)) from None
    if weights.dtype.kind not in "biuf":
        raise ValueError(f"weights must be real numbers; got dtype {weights.dtype}")
    if weights.ndim > 2 or weights.size == 0:
        raise ValueError(f"weights must be 1D or 2D with at least one number; got shape {weights.shape}")
    if not np.isfinite(weights).all():
        raise ValueError("weights must be finite; got nan or inf")
    return np.atleast_2d(weights).astype(np.float64)


def _lengths(values: object) -> str:
    assert isinstance(values, list)
    return ", ".join(str(len(row)) if isinstance(row, list) else "a number" for row in values)
