"""python -m numba_driver sm_75 sm_86 -- PYTEST ARGUMENTS: run tests with the stand-in driver."""

import sys

import numba_driver

split = sys.argv.index("--")
numba_driver.install(*sys.argv[1:split])

import pytest  # noqa: E402 - after the driver is in place

numba_driver.leave(int(pytest.main(sys.argv[split + 1 :])))
