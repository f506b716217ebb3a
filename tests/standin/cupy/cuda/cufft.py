"""cupy.cuda.cufft: plans of transforms, by NumPy's."""

import numpy
from cupy import _device as state
from cupy._array import Memory, _MemoryPointer

__all__ = ["PlanNd"]

CUFFT_R2C, CUFFT_C2R, CUFFT_C2C, CUFFT_D2Z, CUFFT_Z2D, CUFFT_Z2Z = 42, 44, 41, 106, 108, 105
CUFFT_FORWARD, CUFFT_INVERSE = -1, 1
_TYPES = {
    CUFFT_R2C: ("float32", "complex64"),
    CUFFT_C2R: ("complex64", "float32"),
    CUFFT_C2C: ("complex64", "complex64"),
    CUFFT_D2Z: ("float64", "complex128"),
    CUFFT_Z2D: ("complex128", "float64"),
    CUFFT_Z2Z: ("complex128", "complex128"),
}


class PlanNd:
    """PlanNd(shape, inembed, istride, idist, onembed, ostride, odist, fft_type, batch, order, last_axis, last_size, prealloc_plan=0, *)

    As many transforms as `batch`, `dist` elements apart, with `stride` elements between neighbours of the last axis.
    """  # noqa: E501 (the signature as Cython states it)

    def __init__(
        self, shape, inembed, istride, idist, onembed, ostride, odist, fft_type, batch, order, last_axis, last_size
    ):
        state.need_no_capture()
        self.shape, self.fft_type = tuple(shape), fft_type
        self._lying = [(inembed, istride, idist), (onembed, ostride, odist)]
        self._batch = batch
        self._device = state.current_device()
        memory = Memory(8 * batch * int(numpy.prod(shape)))
        self.work_area = _MemoryPointer(memory.array.ctypes.data, memory, memory.device_id)

    def fft(self, a, out, direction):
        """Transform without scaling; where the result is real the source is overwritten."""
        state.need_same_device(self._device)
        arrays = []
        for array, wanted, lying in zip((a, out), _TYPES[self.fft_type], self._lying, strict=True):
            if array.dtype != wanted:  # which cuFFT would misread
                raise TypeError(f"a transform of type {self.fft_type} takes {wanted}; got {array.dtype}")
            arrays.append(self._view(array, *lying))
        state.enqueue(lambda _: self._transform(*arrays, direction))

    def _transform(self, source, target, direction):
        axes = tuple(range(1, source.ndim))
        with numpy.errstate(all="ignore"):
            if source.dtype.kind == "f":
                target[...] = numpy.fft.rfftn(source, axes=axes)
            elif target.dtype.kind == "f":
                target[...] = numpy.fft.irfftn(source, self.shape, axes, norm="forward")
                source[...] = numpy.nan
            elif direction == CUFFT_FORWARD:
                target[...] = numpy.fft.fftn(source, axes=axes)
            else:
                target[...] = numpy.fft.ifftn(source, axes=axes, norm="forward")

    def _view(self, array, embed, stride, distance):
        """The elements (batch, *shape) of an array that lies so."""
        strides = [stride * int(numpy.prod(embed[axis + 1 :])) for axis in range(len(embed))]
        shape, steps = (self._batch, *embed), [n * array.itemsize for n in (distance, *strides)]
        if sum((n - 1) * step for n, step in zip(shape, steps, strict=True)) >= array.nbytes:
            raise ValueError(f"a transform would leave its array of {array.nbytes} bytes")
        return numpy.lib.stride_tricks.as_strided(array._host, shape, steps)
