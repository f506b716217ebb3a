"""Peak memory of one call beyond its image and output, each in a process of its own; writes a small report.

env -u OPENBLAS_CORETYPE python -m bench.cpu.memory
"""

import argparse
import subprocess
import sys
from pathlib import Path

from .report import HERE

CONTENDERS = ("gpuconv", "gpuconv direct", "cv2.filter2D", "scipy.signal.oaconvolve", "scipy.signal.fftconvolve")
GOAL = 64  # MiB
CHILD = """
import sys, numpy as np
name, dtype, size, taps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
weights = np.ones((taps, taps), dtype) / taps**2
weights[0, 0] += 1  # not separable
if name.startswith("gpuconv"):
    import gpuconv
    method = (name.split() + ["auto"])[1]
    def call(x, out):
        gpuconv.convolve(x, weights, out=out, backend="cpu", method=method)
elif name == "cv2.filter2D":
    import cv2
    def call(x, out):
        cv2.filter2D(x, -1, weights, dst=out, borderType=cv2.BORDER_CONSTANT)
else:
    import scipy.signal
    function = getattr(scipy.signal, name.rpartition(".")[2])
    def call(x, out):
        return function(x, weights, mode="same")
call(np.ones((512, 512), dtype), np.ones((512, 512), dtype))  # loads and compiles
x, out = np.ones((size, size), dtype), np.ones((size, size), dtype)
def status(field):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))
open("/proc/self/clear_refs", "w").write("5")  # the peak starts from here
before = status("VmRSS")
result = call(x, out)
print(status("VmHWM") - before - (0 if result is None else result.nbytes // 1024))
"""


def extra(name: str, dtype: str, size: int, taps: int) -> float:
    """MiB that a call takes at its peak beyond image and output."""
    command = [sys.executable, "-c", CHILD, name, dtype, str(size), str(taps)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(result.stdout) / 1024


def text(rows: dict[str, float], dtype: str, size: int, taps: int) -> str:
    """The report."""
    lines = [
        "# Peak memory beyond image and output",
        "",
        f"One filter of {taps} x {taps} taps over {size} x {size} {dtype} ({size * size * int(dtype[1]) >> 20} MiB). "
        "Measured by `python -m bench.cpu.memory`, each in a process of its own: the peak of its resident memory in "
        "the call, less what image and output take.",
        "",
        "| | MiB |",
        "| --- | --- |",
        *(f"| {name} | {mib:.1f} |" for name, mib in rows.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, report, and fail where gpuconv takes more than the goal."""
    parser = argparse.ArgumentParser(prog="python -m bench.cpu.memory", description="Peak memory of one call.")
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--taps", type=int, default=31)
    parser.add_argument("--dtype", default="f4")
    parser.add_argument("--contenders", nargs="+", default=CONTENDERS)
    parser.add_argument("--folder", type=Path, default=HERE, help="where memory.md is written")
    a = parser.parse_args()
    rows = {name: extra(name, a.dtype, a.size, a.taps) for name in a.contenders}
    report = text(rows, a.dtype, a.size, a.taps)
    (a.folder / "memory.md").write_text(report)
    print(report)
    return int(any(mib > GOAL for name, mib in rows.items() if name.startswith("gpuconv")))


if __name__ == "__main__":
    sys.exit(main())
