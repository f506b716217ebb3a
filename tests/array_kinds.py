"""Arrays of other libraries, by name: what makes one of a NumPy array, and the values of one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

ALL = ("torch", "jax", "array_api_strict", "xarray", "pandas")


def maker(name: str) -> Callable[[np.ndarray], Any]:
    """Function that makes an array of a library, which shares no memory with its argument."""
    library = pytest.importorskip(name, reason=f"{name} is not installed")
    return {
        "torch": lambda array: library.from_numpy(array.copy()),
        "jax": lambda array: library.numpy.array(array),
        "array_api_strict": lambda array: library.asarray(array.copy()),
        "xarray": lambda array: library.DataArray(array.copy(), name="depth", attrs={"units": "m"}),
        "pandas": lambda array: (library.Series, library.DataFrame)[array.ndim - 1](array.copy()),
    }[name]
