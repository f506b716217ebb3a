"""Peak memory of one call beyond its arrays, in a process of its own: `python -m bench.cpu.memory`.

31 x 31 taps, 8192 x 8192 float32: 0.4 MiB beyond image and output
"""

import argparse
import subprocess
import sys

CHILD = """
import sys, numpy as np, gpuconv
backend, dtype, size, taps = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
weights = np.ones((taps, taps), "f4") / taps**2
weights[0, 0] += 1  # not separable
gpuconv.correlate(np.ones((64, 64), dtype), weights, out_dtype=dtype, backend=backend)  # compiles
x, out = np.ones((size, size), dtype), np.ones((size, size), dtype)
def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))
open("/proc/self/clear_refs", "w").write("5")  # the peak starts from here
before = status("VmRSS")
gpuconv.correlate(x, weights, out=out, out_dtype=dtype, backend=backend)
print(status("VmHWM") - before)
"""


def extra(backend: str, dtype: str, size: int, taps: int) -> float:
    """MiB that a call takes at its peak beyond image and output."""
    command = [sys.executable, "-c", CHILD, backend, dtype, str(size), str(taps)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(result.stdout) / 1024


def main() -> int:
    """Measure one call."""
    parser = argparse.ArgumentParser(prog="python -m bench.cpu.memory", description="Peak memory of one call.")
    parser.add_argument("--size", type=int, default=8192)
    parser.add_argument("--taps", type=int, default=31)
    parser.add_argument("--dtype", default="f4")
    parser.add_argument("--backend", default="cpu")
    a = parser.parse_args()
    mib = extra(a.backend, a.dtype, a.size, a.taps)
    print(
        f"{a.taps} x {a.taps} taps, {a.size} x {a.size} {a.dtype}, {a.backend}: {mib:.1f} MiB beyond image and output"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
