"""cupy.cuda.Device."""

import threading

from cupy import _device as state

from . import runtime

__all__ = ["Device"]

_entered = threading.local()  # the devices to go back to, of each thread


class Device:
    """A device: the current one by default."""

    def __init__(self, device=None):
        self.id = runtime.getDevice() if device is None else int(device)

    def use(self):
        state.set_device(self.id)
        return self

    def synchronize(self):
        state.need_no_capture()

    def __enter__(self):
        _entered.devices = [*getattr(_entered, "devices", []), runtime.getDevice()]
        return self.use()

    def __exit__(self, *_):
        state.set_device(_entered.devices.pop())

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
