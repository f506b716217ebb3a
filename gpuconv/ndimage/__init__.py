"""Filters as scipy.ndimage spells them: its names, defaults, dtypes, centring and errors, on arrays of every library.

Every call of SciPy 1.17 works here with the same arguments and returns the same shape and dtype, computed in float64
and then cut off and wrapped to an integer output dtype. The NumPy backend sums the taps in SciPy's order, so that real
results of `convolve` and `correlate` are equal to SciPy's (on x86-64, but for the sign of a zero). What differs:

- `convolve1d` and `correlate1d` sum from the first tap to the last; SciPy adds opposite samples first if the weights
  are symmetric or antisymmetric, and starts with the last tap if not. Floats differ by rounding errors, and integers
  by 1 where the exact value is within the rounding error of an integer; weights inf, ..., -inf give nan here.
- Filters of several 1D passes convert to an integer output dtype after each pass, as SciPy does; floats are filtered in
  one pass where that is the same up to rounding, which is better by the roundings in between.
- `uniform_filter1d` and `uniform_filter` sum every window anew where SciPy adds and subtracts at its ends: a nan or inf
  spoils the windows that hold it, not all that follow, and no rounding error is carried along.
- Complex results are summed in complex128 and rounded once; SciPy filters real and imaginary parts apart and rounds
  each. So nan and inf in one part spread to both here; complex weights with output=input are right only here.
- A value that the integer output dtype cannot hold wraps; SciPy does so where C says what happens, that is within 32
  bits for the narrower dtypes. nan becomes 0, inf the nearest limit; SciPy's are what the processor makes of them.
- Weights on a device are not fetched to look at them: tiny taps and nan taps among them are not left out, and nearly
  symmetric ones are not made symmetric.
- Weights without taps raise RuntimeError also where they have too many axes; `axes` out of range raises ValueError.
- Masked arrays raise TypeError (SciPy ignores the mask), and so do boolean results in a Numba device array.

Results are arrays of input's library. `output` may be a torch dtype.
"""

from gpuconv.ndimage.derivatives import gaussian_gradient_magnitude, gaussian_laplace, laplace, prewitt, sobel
from gpuconv.ndimage.generic import generic_gradient_magnitude, generic_laplace
from gpuconv.ndimage.linear import convolve, convolve1d, correlate, correlate1d
from gpuconv.ndimage.smooth import gaussian_filter, gaussian_filter1d, uniform_filter, uniform_filter1d

__all__ = [
    "convolve",
    "convolve1d",
    "correlate",
    "correlate1d",
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "generic_gradient_magnitude",
    "generic_laplace",
    "laplace",
    "prewitt",
    "sobel",
    "uniform_filter",
    "uniform_filter1d",
]
