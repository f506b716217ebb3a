"""The quick check of results: right ones pass on every kind of plan, wrong ones do not."""

from dataclasses import replace

import numpy as np
import pytest
from agreement import random

from gpuconv import backends
from gpuconv.engine import prepare
from gpuconv.filters.gradient import magnitude_call
from gpuconv.nn import layer_call
from gpuconv.options import Options
from gpuconv.reference import error_share
from gpuconv.statements import filter_call, separable_call

X, W = random((2, 30, 33), "f4"), random((5, 5), "f4", 1)
CALLS = {
    "filter": lambda: filter_call(X, W, Options(boundary="constant", fill=-3), flipped=False),
    "bytes": lambda: filter_call(random((30, 33), "u1"), W, Options(out_dtype="u1"), flipped=False),
    "half": lambda: filter_call(X.astype("f2"), W, Options(), flipped=False),
    "separable": lambda: separable_call(X, [W[0], W[1]], Options(boundary="wrap")),
    "integers": lambda: filter_call(random((30, 33), "i4"), np.arange(-4, 5).reshape(3, 3), Options(), flipped=False),
    "transforms": lambda: filter_call(X, random((15, 15), "f4"), Options(method="fft"), flipped=False),
    "gradient": lambda: magnitude_call(X, (W, W.T.copy()), Options()),
    "layer": lambda: layer_call(2, random((2, 4, 9, 8), "f4"), random((6, 4, 3, 3), "f4"), random(6, "f4")),
}


@pytest.mark.parametrize("kind", CALLS)
def test_right_and_wrong_results(kind):
    made = prepare(replace(CALLS[kind](), backend="numpy"))
    out = np.empty(made.plan.problem.out_shape, made.plan.problem.out_dtype)
    backends.load("numpy").run(made.plan, made.operands, out)
    assert error_share(made.plan, made.operands, out) <= 1
    wrong = out.copy()
    largest = np.unravel_index(np.argmax(np.abs(out.astype("f8"))), out.shape)
    wrong[largest] = out[largest] // 2 if out.dtype.kind in "iu" else out[largest] * 0.9
    assert error_share(made.plan, made.operands, wrong) > 1
