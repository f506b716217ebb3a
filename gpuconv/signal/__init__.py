"""Convolution as scipy.signal spells it: its names, defaults, dtypes, centring and errors, for arrays of every library.

Every call of SciPy 1.17 works here with the same arguments and returns the same shape and dtype; integers are equal bit
for bit, wrapping as SciPy's do, and floats within the rounding error of the sum. Results are arrays of in1's library,
or of in2's if only that one is on a device. What differs:

- `method` "auto" and "fft" take what is modelled fastest here, with an FFT for floats only, and without nan and
  infinities: these spread over every value of SciPy's "fft". Integers are exact; SciPy's lose digits there, and
  booleans come out as noise. `fftconvolve` and `oaconvolve` likewise: both are overlap-save, or the direct sum.
- A 64-bit integer result that overflows raises OverflowError; SciPy wraps silently. Here, too, arrays on a device
  wrap, and all narrower integers.
- float16 is computed at any rank and size unless method="direct"; SciPy refuses it below a size.
- longdouble, Python objects and what is no number raise TypeError; SciPy computes the first two in places. So do masked
  arrays, whose mask SciPy ignores, and booleans in a Numba device array.
- Empty inputs always raise ValueError; SciPy returns zeros or nothing in places.
- `fillvalue` must be a number that the result's dtype can hold (fractions are cut off for integers); SciPy reads
  strings too. Unknown names raise ValueError, also where SciPy raises TypeError.
- `choose_conv_method` names what is modelled faster here.
- `savgol_filter` of real signals only; SciPy drops imaginary parts.
- `upfirdn` extends arrays on a device in the modes that are boundaries here: constant, symmetric, reflect, edge, wrap.
- No warnings: SciPy warns of nan in an FFT and of a complex `fillvalue`.
"""

from gpuconv.signal.fft import choose_conv_method, fftconvolve, oaconvolve
from gpuconv.signal.linear import convolve, convolve2d, correlate, correlate2d
from gpuconv.signal.resample import upfirdn
from gpuconv.signal.rules import correlation_lags
from gpuconv.signal.smooth import savgol_filter, sepfir2d

__all__ = [
    "choose_conv_method",
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "correlation_lags",
    "fftconvolve",
    "oaconvolve",
    "savgol_filter",
    "sepfir2d",
    "upfirdn",
]
