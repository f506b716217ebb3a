"""How far a float result may be from the exact one: the bounds that every plan carries; pure functions.

The direct sum has an elementwise bound. A convolution through Fourier transforms has a normwise one: with tiles of N
points, norms over a tile, and u the unit roundoff,

    |error| <= (a u) ||weights||_2 ||image||_2 <= (a u sqrt(N)) ||weights||_2 max|image|

The first form follows Percival: each pass of a transform is unitary up to its scale, so its relative errors in the
2-norm add up over the passes of two (or three) transforms. A pass of r points costs sqrt(5) u for the complex products
with its factors (Brent, Percival, Zimmermann), u for the table of factors, which is taken to be rounded to nearest, and
its sums. These cost u for r = 2. For r = 3 and 5 they are sums and differences of pairs (a1 +- a2), orthogonal to each
other, times constants; their rounding errors, added up over the outputs in the 2-norm, come to 4.5 u and 9.1 u.

References
----------
N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, SIAM 2002: chapter 3 (sums), 24 (transforms).
C. Percival, Rapid multiplication modulo the sum and difference of highly composite numbers, Math. Comp. 72 (2003).
R. Brent, C. Percival, P. Zimmermann, Error bounds on complex floating-point multiplication, Math. Comp. 76 (2007).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gpuconv.dtypes import float_limits, is_integer
from gpuconv.problem import DType, Ints, Problem

NORMWISE = {4: 1e-5, 8: 1e-13}  # error that precision="standard" allows, by bytes of a real number
FACTORS = math.sqrt(5) + 1
PASS = {2: FACTORS + 1, 3: FACTORS + 4.5, 5: FACTORS + 9.1}  # by points; in units of u
ENDS = 5.0  # scaling a transform, and making one of real numbers of a complex one half as long
WINOGRAD = 21.4  # largest squared norm of A_yf |G_f| |B_f| over f, of the points 0, +-1/sqrt(2), +-sqrt(2), infinity
TRANSFORMED = 16  # roundings of the three transforms
MOST_TERMS = 4  # outer products that a filter is computed as the sum of
DEVIATIONS = 6.0  # standard deviations within which independent roundings are taken to stay
PRODUCT = math.sqrt(5) + 1  # of two spectra, one of them rounded


@dataclass(frozen=True)
class ErrorBound:
    """Bound of each output's error.

    |error| <= relative * (|weights| * |image|) + normwise * ||weights||_2 * max|image| + absolute
               + out_relative * |result| + out_step
    """

    relative: float  # gamma(n) of the sum
    absolute: float  # underflow, also when denormals are flushed to zero
    out_relative: float  # rounding to a float output
    out_step: float  # rounding to an integer output
    normwise: float = 0.0  # of transforms

    def at(self, magnitude: np.ndarray, result: np.ndarray, norm: float | np.ndarray = 0.0) -> np.ndarray:
        """Bound at each output, given |weights| * |image| there, the exact result, and ||weights||_2 * max|image|."""
        bound: np.ndarray = self.relative * magnitude + self.out_relative * np.abs(result)
        return bound + (self.absolute + self.out_step + (self.normwise * norm if self.normwise else 0.0))


def gamma(terms: int, unit: float) -> float:
    """Relative error bound of a sum of `terms` products, with unit roundoff `unit`."""
    return math.inf if terms * unit >= 1 else terms * unit / (1 - terms * unit)


def error_bound(problem: Problem, separable: bool, residual: float = 0.0, gain: float = 1.0) -> ErrorBound:
    """Bound of the direct sum (or of passes, see `Facts` for their residual and gain), conversions included."""
    out_relative, out_step = _conversion_error(problem)
    if is_integer(problem.compute_dtype):
        return ErrorBound(0.0, 0.0, out_relative, 0.0)
    info = np.finfo(problem.compute_dtype)
    unit = float(info.eps) / 2
    terms = sum(problem.filter) + problem.rank if separable else problem.taps
    terms += 3  # weights and image rounded to the compute dtype, bias
    factor = 1.0
    if problem.compute_dtype.kind == "c":  # one complex product: sqrt(2) * gamma(2)
        terms, factor = terms + 2, math.sqrt(2)
    relative = factor * gamma(terms, unit) + (residual if separable else 0.0)
    absolute = terms * float(info.tiny) * (gain if separable else 1.0)
    bound = ErrorBound(relative, absolute, out_relative, out_step)
    return _magnitude(bound, problem.channels_out, unit, float(info.tiny)) if problem.op == "magnitude" else bound


def kernel_bound(
    problem: Problem, kernel: str, residual: float = 0.0, terms_error: float = 0.0, gain: float = 1.0
) -> ErrorBound:
    """Bound of what a kernel, or algorithm, of this name computes; see `Facts` for what it depends on."""
    if kernel == "low_rank":
        return low_rank_bound(problem, terms_error)
    if kernel.startswith("conv2d_mma"):
        return tensor_bound(problem)
    return error_bound(problem, "separable" in kernel, residual, gain)


def tensor_bound(problem: Problem) -> ErrorBound:
    """Bound of a sum on tensor cores, whatever its order.

    Products of float16 and bfloat16 are exact, those of float32 are of values rounded to the 11 bits of TF32. Sums are
    not rounded as IEEE says: an instruction adds at least four products to a sum at a time, and cuts all of them off at
    the last of 24 bits of the largest. So each of the five loses 2^-23 of the sum of magnitudes, at most.

    References
    ----------
    M. Fasi, N. J. Higham, M. Mikaitis, S. Pranesh, Numerical behavior of NVIDIA tensor cores, PeerJ Comput. Sci. 7
    (2021), e330.
    """
    exact = error_bound(problem, False)
    products = (1 + 2.0**-11) ** 2 - 1 if problem.image_dtype.itemsize == 4 else 0.0
    terms = 5 * math.ceil(problem.taps / 4) + 3  # the bias is added in the same way
    return replace(exact, relative=products + (1 + products) * gamma(terms, 2.0**-23))


def _magnitude(bound: ErrorBound, channels: int, unit: float, tiny: float) -> ErrorBound:
    """Bound of the root of a sum of squares, from that of each: `relative` is of the 2-norm of |weights| * |image|.

    The errors of the channels add to the norm no more than their own norm; then the squares, their sum (half of whose
    relative error is the root's) and the root are rounded, and a square may be lost to underflow.
    """
    rounding = gamma(channels + 2, unit)
    relative = bound.relative + rounding * (1 + bound.relative)
    absolute = (math.sqrt(channels) * bound.absolute + math.sqrt(channels * tiny)) * (1 + rounding)
    return ErrorBound(relative, absolute, bound.out_relative, bound.out_step)


def transform_bound(problem: Problem, points: Ints, shared: int = 1) -> ErrorBound:
    """Bound of a convolution through transforms of `points` along each axis; integers are then rounded, exactly.

    `shared` real tiles may go through one complex transform, and the error of each is relative to the norm of all.
    """
    out_relative, out_step = _conversion_error(problem)
    if is_integer(problem.compute_dtype):
        return ErrorBound(0.0, 0.0, out_relative, 0.0)
    info = np.finfo(problem.compute_dtype)
    summed = summed_spectra(problem, points)
    normwise = tiles_error(problem, points) * math.sqrt(shared * math.prod(points) * summed)
    absolute = math.prod(points) * float(info.tiny)
    return ErrorBound(gamma(5, float(info.eps) / 2), absolute, out_relative, out_step, normwise)


def low_rank_bound(problem: Problem, error: float) -> ErrorBound:
    """Bound of passes whose error relative to ||weights||_2 ||image||_2 under the filter is known."""
    out_relative, out_step = _conversion_error(problem)
    info = np.finfo(problem.compute_dtype)
    absolute = 2 * MOST_TERMS * sum(problem.filter) * float(info.tiny)
    normwise = error * math.sqrt(problem.taps)
    return ErrorBound(gamma(5, float(info.eps) / 2), absolute, out_relative, out_step, normwise)


def transform_error(points: Ints, dtype: DType) -> float:
    """Error relative to ||weights||_2 ||image||_2 of a tile: a u of the module's text.

    The spectrum of the weights is made in double precision, so that in single precision it counts as rounded only.
    """
    info = np.finfo(dtype)
    transforms = 3 if info.dtype.itemsize == 8 else 2
    return (transforms * (sum(map(_passes, points)) + ENDS) + PRODUCT) * float(info.eps) / 2


def tiles_error(problem: Problem, points: Ints) -> float:
    """Error of tiles of a problem, relative to ||weights||_2 ||image||_2.

    Where an axis is not transformed, the products of spectra are summed over the taps along it: by Cauchy-Schwarz the
    errors of the transforms add up to no more than before, and each sum is rounded once more.
    """
    rounding = (summed_spectra(problem, points) - 1) * float(np.finfo(problem.compute_dtype).eps) / 2
    return transform_error(points, problem.compute_dtype) + math.sqrt(2) * rounding


def summed_spectra(problem: Problem, points: Ints) -> int:
    """Spectra whose products make up that of one tile."""
    return math.prod(taps for taps, n in zip(problem.filter, points, strict=True) if n == 1)


def winograd_bound(problem: Problem) -> ErrorBound:
    """Bound of a 3 x 3 layer by Winograd's F(4x4, 3x3), for roundings that are independent: see `winograd_error`.

    The probability that such an error exceeds it is about 2 exp(-DEVIATIONS^2 / 2), 3e-8.
    """
    out_relative, out_step = _conversion_error(problem)
    info = np.finfo(problem.compute_dtype)
    samples = 36 * problem.channels_in  # under a tile
    normwise = DEVIATIONS * winograd_error(problem.channels_in, problem.compute_dtype) * math.sqrt(samples)
    return ErrorBound(gamma(5, float(info.eps) / 2), samples * float(info.tiny), out_relative, out_step, normwise)


def winograd_error(channels: int, dtype: DType) -> float:
    """Error to be expected at most, relative to ||weights||_2 ||image||_2 under a tile.

    A product's rounding error counts A G B times in an output, where the norms of the rows of G and B^T bound both
    factors; independent roundings add up as squares do (Higham, Mary), those of a sum of n terms to n / 3.

    References
    ----------
    B. Barabasz, A. Anderson, K. Soodhalter, D. Gregg, Error Analysis and Improving the Accuracy of Winograd Convolution
    for Deep Neural Networks, ACM Trans. Math. Softw. 46 (2020).
    N. J. Higham, T. Mary, A New Approach to Probabilistic Rounding Error Analysis, SIAM J. Sci. Comput. 41 (2019).
    """
    return WINOGRAD * math.sqrt(channels / 3 + TRANSFORMED) * float(np.finfo(dtype).eps) / 2


def exact_error(points: Ints, largest: int, total: int | float) -> float:
    """Error in float64 of sums of whole numbers up to `largest`, weights' magnitudes adding up to `total`.

    Below one half the nearest whole number is the exact sum.
    """
    return transform_error(points, np.dtype("float64")) * math.sqrt(math.prod(points)) * largest * float(total)


def _passes(points: int) -> float:
    """Units of error of the passes of one axis, whose length has the prime factors 2, 3 and 5 only."""
    units = 0.0
    for prime, cost in PASS.items():
        while points % prime == 0:
            points, units = points // prime, units + cost
    assert points == 1, "a tile's length has the prime factors 2, 3 and 5 only"
    return units


def _conversion_error(problem: Problem) -> tuple[float, float]:
    """(relative, absolute) error of writing the result in the output dtype."""
    out = problem.out_dtype
    if is_integer(out):
        exact = is_integer(problem.compute_dtype)
        return 0.0, 0.0 if exact else 0.5 if problem.rounding.startswith("half") else 1.0
    narrower = is_integer(problem.compute_dtype) or float_limits(out).eps > float_limits(problem.compute_dtype).eps
    return (float_limits(out).eps if narrower else 0.0), 0.0
