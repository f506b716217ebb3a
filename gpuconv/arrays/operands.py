"""The arrays of one call."""

from dataclasses import dataclass

import numpy as np

from gpuconv.arrays.views import View
from gpuconv.dtypes import is_integer
from gpuconv.problem import DType


@dataclass(frozen=True)
class Operands:
    """What a backend computes with: the views of one call, in the shapes the Problem states."""

    image: View  # (*batch, channels_in, *extent)
    weights: View | None  # (channels_out, channels_in/groups, *filter); None where factors say it all
    factors: tuple[np.ndarray, ...] = ()  # 1D, one per spatial axis, on the host: their outer product is the filter
    bias: View | None = None  # (channels_out,)
    residual: float = 0.0  # largest relative difference between a tap of the weights and the product of the factors
    terms: tuple[np.ndarray, ...] = ()  # columns (count, H), rows (count, W): few whose products add up to the weights
    terms_error: float = 0.0  # of computing with them, relative to ||weights||_2 ||image||_2 under the filter

    def full_weights(self) -> View:
        """The weights with every axis, made from the factors if need be."""
        if self.weights is not None:
            return self.weights
        dtype = self.factors[0].dtype
        product: np.ndarray = np.array(1, dtype if is_integer(dtype) else np.result_type(dtype, "float64"))
        for factor in self.factors:
            product = np.multiply.outer(product, factor)
        return product[None, None]

    def on_host(self, dtype: DType) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, tuple[np.ndarray, ...]]:
        """(image, weights, bias, factors) with all but the image as `dtype`; only where all are on the host."""
        bias = None if self.bias is None else self.bias.astype(dtype)
        factors = tuple(factor.astype(dtype) for factor in self.factors)
        weights = self.weights.astype(dtype) if self.weights is not None else np.empty(0, dtype)
        return self.image, weights, bias, factors
