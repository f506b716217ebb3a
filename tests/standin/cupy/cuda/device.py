"""cupy.cuda.Device."""

from cupy import _device as state

from . import runtime

__all__ = ["Device"]


class Device:
    """The device; device 0 is the only one."""

    def __init__(self, device=None):
        self.id = 0 if device is None else int(device)

    def use(self):
        state.need_context()
        state.need_ordinal(self.id)

    def synchronize(self):
        state.need_no_capture()

    def __enter__(self):
        self.use()
        return self

    def __exit__(self, *_):
        return None

    def __int__(self):
        return self.id

    def __eq__(self, other):
        return isinstance(other, Device) and self.id == other.id

    def __hash__(self):
        return hash(self.id)

    def __repr__(self):
        return f"<CUDA Device {self.id}>"

    @property
    def compute_capability(self):
        state.need_ordinal(self.id)
        return "{}{}".format(*state.capability())

    @property
    def mem_info(self):
        return runtime.memGetInfo()

    @property
    def attributes(self):
        state.need_ordinal(self.id)
        major, minor = state.capability()
        return {
            "ComputeCapabilityMajor": major,
            "ComputeCapabilityMinor": minor,
            "MaxThreadsPerBlock": 1024,
            "MaxSharedMemoryPerBlock": 48 * 1024,
            "MaxSharedMemoryPerBlockOptin": 99 * 1024,
            "MaxSharedMemoryPerMultiprocessor": 100 * 1024,
            "MaxRegistersPerBlock": 65536,
            "MaxGridDimX": 2**31 - 1,
            "MaxGridDimY": 65535,
            "MaxGridDimZ": 65535,
            "MultiProcessorCount": 30,
            "WarpSize": 32,
            "L2CacheSize": 64 * 2**10,
            "ClockRate": 1_500_000,
            "MemoryClockRate": 5_000_000,
            "GlobalMemoryBusWidth": 256,
        }
