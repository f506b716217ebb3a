"""A call with missing values, as one call of the core or as two."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from gpuconv import calls
from gpuconv.arrays import Adopted, adopt
from gpuconv.arrays.labels import places_of
from gpuconv.calls import Arguments, Statement
from gpuconv.dtypes import check_dtype, float_limits, is_integer, kind_of, resolve_dtypes
from gpuconv.engine import Call
from gpuconv.missing import samples
from gpuconv.missing.samples import Array
from gpuconv.missing.weight_sums import normalised, weight_sums
from gpuconv.options import Options, check_out, spatial_axes
from gpuconv.problem import DType
from gpuconv.statements import convolution, separable_call


@dataclass(frozen=True)
class Task:
    """A call that may have missing values."""

    state: Statement
    given: Arguments  # as the caller gave them, but for weights that are normalised
    image: Adopted
    sums: DType | None = None  # dtype of the sums, and
    result: DType | None = None  # of the result, if they are to be divided

    def run(self) -> Any:
        """Compute, where x is."""
        with samples.at_place(self.image):
            return self._normalised()._run() if self.given["normalize"] else self._run()

    @property
    def factors(self) -> Sequence[Any]:
        """The weights; several where they are an outer product."""
        weights: Sequence[Any] = self.given["weights"] if self.state is separable_call else [self.given["weights"]]
        return weights

    def missing(self) -> Array | None:
        """Where samples are missing; None where none is."""
        x, mask, omit = samples.as_array(self.image.view), self.given["mask"], self.given["nan"] == "omit"
        check_dtype("x", x.dtype)
        view = None if mask is None else samples.adopt_mask(mask, self.image)
        if 0 in x.shape:
            return None
        rank = len(self.factors) if self.state is separable_call else adopt("weights", self.given["weights"]).view.ndim
        axes = spatial_axes(x.ndim, rank, self.given["axes"], self.given["channel_axis"])
        return samples.missing_samples(x, view, omit, axes)

    def _run(self) -> Any:
        Options(**{name: self.given[name] for name in ("boundary", "fill", "axes", "channel_axis")}).check_names()
        x, missing = samples.as_array(self.image.view), self.missing()
        if self.given["nan"] == "raise":
            samples.refuse_nan(x, missing)
        if missing is None and not self._fill_is_missing:
            return calls.compute(self.state, self.given)
        if self.given["preserve_nan"]:
            self._check_preserved()
        target = self._target()
        if self.sums is not None:
            found = self._quotient(x, missing, target)
        else:
            found = self._compute(target, x=samples.zero_filled(x, missing))
        if self.given["preserve_nan"] and missing is not None:
            samples.put_nan(found, missing)
        if target is None:
            return found
        if self.given["out"] is not None:
            return self.given["out"]
        return self.image.deliver(target, places_of(self.image, self._call.problem, self._call.out_order))

    @cached_property
    def _fill_is_missing(self) -> bool:
        """Whether what lies outside is."""
        fill = self.given["fill"]
        return bool(self.given["nan"] == "omit" and np.ndim(fill) == 0 and fill != fill)  # NaN alone does

    @cached_property
    def _call(self) -> Call:
        """The call if nothing were missing, with its result in a new array."""
        fill = 0 if self._fill_is_missing else self.given["fill"]
        return calls.call_of(self.state, {**self.given, "x": self.image, "out": None, "fill": fill})

    def _normalised(self) -> "Task":
        """With weights that sum to 1."""
        dtypes = [adopt("weights", factor).view.dtype for factor in self.factors]
        for dtype in dtypes:
            check_dtype("weights", dtype)
        wide = np.dtype("complex128" if any(dtype.kind == "c" for dtype in dtypes) else "float64")
        asked = self.given["compute_dtype"]
        if asked is not None and is_integer(np.dtype(asked)):
            raise TypeError(f"compute_dtype must not be an integer under normalize=True, which divides; got {asked}")
        sums, result = resolve_dtypes(self.image.view.dtype, wide, asked, self.given["out_dtype"])
        weights: Any = normalised(self.factors, float_limits(sums).eps / 2)
        weights = weights if self.state is separable_call else weights[0]
        return replace(self, given={**self.given, "weights": weights}, sums=sums, result=result)

    def _check_preserved(self) -> None:
        if self.given["size"] != "same" or np.any(np.not_equal(self.given["stride"], 1)):
            raise ValueError("preserve_nan needs a result of x's shape: size='same' and a stride of 1")
        if is_integer(self._call.problem.out_dtype):
            raise ValueError(f"preserve_nan needs a dtype that has NaN; the result's is {self._call.problem.out_dtype}")

    def _target(self) -> Adopted | None:
        """Where the result goes, unless that is a new array of NumPy or CuPy."""
        if self.given["out"] is None and self.image.library == ("cupy" if self.image.on_device else "numpy"):
            return None
        shape = tuple(self._call.problem.out_shape[axis] for axis in self._call.out_order)
        dtype = self._call.problem.out_dtype
        if self.given["out"] is not None:
            return check_out(self.given["out"], self.image, shape, dtype)
        return self.image.empty(shape, dtype)

    def _compute(self, target: Adopted | None, **changes: Any) -> Array:
        """Convolve, into `target` or a new array."""
        out = target if target is None or target.on_device else target.view
        fill = 0 if self._fill_is_missing else self.given["fill"]
        found = calls.compute(self.state, {**self.given, "fill": fill, "out": out, **changes})
        return found if target is None else samples.as_array(target.view)

    def _quotient(self, x: Array, missing: Array | None, target: Adopted | None) -> Array:
        """Sums of valid samples over sums of their weights; NaN where these cannot be told from zero."""
        final = self.sums == self.result and self.given["out"] is None  # which may lie over x
        filled = samples.zero_filled(x, missing)
        found = self._compute(target if final else None, x=filled, compute_dtype=self.sums, out_dtype=self.sums)
        arguments = self._of_valid(samples.is_nan(x) if missing is None else missing)
        alike = found.shape == filled.shape == arguments["x"].shape and filled.dtype == arguments["out_dtype"]
        if missing is not None and alike:
            arguments["out"] = filled  # done with; memory in use costs less than new one
        weights = weight_sums(self.state, arguments, self.factors)
        if not weights.resolved and self.given["method"] == "auto":
            return replace(self, given={**self.given, "precision": "strict"})._quotient(x, missing, target)
        samples.divide(found, weights.values, weights.floor)
        return found if final else self._converted(found, target)

    def _of_valid(self, missing: Array) -> Arguments:
        """The call that convolves 1 where samples are valid and 0 where they are missing."""
        assert self.sums is not None
        is_complex = any(kind_of(factor.dtype) == "c" for factor in self.factors)
        real = np.dtype(f"float{4 * self.sums.itemsize}" if self.sums.kind == "c" else self.sums)
        dtype = self.sums if is_complex else real
        arguments = {**self.given, "x": (~missing).view("uint8"), "out": None}
        if self.given["boundary"] in ("zero", "constant"):
            arguments |= {"boundary": "constant", "fill": 0 if self._fill_is_missing else 1}
        return arguments | {"compute_dtype": dtype, "out_dtype": dtype}

    def _converted(self, values: Array, target: Adopted | None) -> Array:
        """In the result's dtype: the convolution with one tap of 1."""
        kept = {name: self.given[name] for name in ("overflow", "rounding", "backend")}
        task = replace(self, state=convolution, given={"weights": np.ones(1), "fill": 0, "nan": "propagate", **kept})
        return task._compute(target, x=values, compute_dtype=self.sums, out_dtype=self.result, method="direct")
