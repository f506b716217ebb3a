"""Write the report, or compare it with --check; exit code 1 if a gate fails or a gated figure has changed."""

import argparse
import json
import sys

from . import report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.static", description="Static figures of every kernel.")
    parser.add_argument("--check", action="store_true", help="compare with the committed report, write nothing")
    check = parser.parse_args().check
    current = report.fresh(report.cases_of_gpuconv())
    problems = report.failures(current)
    if check:
        problems += report.differences(json.loads((report.HERE / "report.json").read_text()), current)
    else:
        report.write(current)
    print(*problems, sep="\n", file=sys.stderr)
    print(f"{len(current['rows'])} kernels compiled by NVRTC {current['nvrtc']}, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
