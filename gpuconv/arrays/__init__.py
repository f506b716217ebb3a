"""Array types: which library an array comes from, where it lives, and how the engine sees it without a copy.

On the host the engine sees a numpy.ndarray. On a device it sees a DeviceView: pointer, shape, strides and dtype, which
CuPy and Numba take as their own through __cuda_array_interface__. Results are allocated by the library of the input, so
that they are of its type and on its device.

To add a library: a module with the functions of the `Library` protocol in adopted.py, and its name in LIBRARIES there.
"""

from gpuconv.arrays.adopted import PLAIN, Adopted, adopt
from gpuconv.arrays.device_view import DeviceView
from gpuconv.arrays.operands import Operands
from gpuconv.arrays.views import View, cut, every, flip, insert_axis, pick

__all__ = ["PLAIN", "Adopted", "DeviceView", "Operands", "View", "adopt", "cut", "every", "flip", "insert_axis", "pick"]
