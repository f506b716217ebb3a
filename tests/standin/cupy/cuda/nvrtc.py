"""cupy.cuda.nvrtc: the run-time compiler's version."""

from cupy._device import failure

__all__ = ["getVersion"]


def getVersion():  # noqa: N802 (CuPy's name)
    if failure() == "no_nvrtc":
        raise RuntimeError("CuPy failed to load libnvrtc.so.13: OSError: no such file")
    return 13, 0
