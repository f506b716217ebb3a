"""The emulator's tests take a minute and a half over all architectures: those of four are marked slow."""

import pathlib

import pytest

FAST = {'sm_75', 'sm_86', 'sm_90'}


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        parameters = item.callspec.params if hasattr(item, 'callspec') else {}
        if here in item.path.parents and parameters.get('arch', 'sm_86') not in FAST:
            item.add_marker(pytest.mark.slow)
