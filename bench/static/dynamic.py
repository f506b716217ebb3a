"""What an output costs in executed machine code, this package's kernels beside those of CuPy and cuCIM.

`python -m bench.static.dynamic` writes dynamic.md and dynamic.json beside this file. Every figure is of float32 and of
blocks from the middle of a large image (or of eight blocks of a layer); the fractions of a device's peak are modelled:
nothing but the largest of issue, shared memory and ideal traffic counts. An output of a gradient is
one for a weight, without what adds its partial sums up.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TESTS = HERE.parents[1] / "tests"
ARCHITECTURES = ("sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
PEERS = {"direct": "cupy", "separable": "cucim"}
COLUMNS = "case|arch|kernel|instructions|FFMA share|conflicts|coalescing|registers|spilled|% FP32|% DRAM"


def main() -> None:
    """Execute every case for every architecture, each architecture and side in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.static.dynamic", description=__doc__.splitlines()[0])
    parser.add_argument("--arch", nargs="+", default=ARCHITECTURES, choices=ARCHITECTURES)
    parser.add_argument("--family", nargs="+", help="direct, separable, ...; all by default")
    parser.add_argument("--folder", type=Path, default=HERE)
    parser.add_argument("--side", choices=("own", "peers"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(run(arguments.side, arguments.arch[0], arguments.family)))
        return
    jobs = [(side, arch, arguments.family) for arch in arguments.arch for side in ("own", "peers")]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = [row for found in pool.map(lambda job: in_a_process(*job), jobs) for row in found]
    (arguments.folder / "dynamic.json").write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
    (arguments.folder / "dynamic.md").write_text(markdown(rows))


def in_a_process(side: str, arch: str, families: list[str] | None) -> list[dict[str, Any]]:
    """The rows of one side: ours needs the stand-in CuPy, the peers the real one."""
    command = [sys.executable, "-m", "bench.static.dynamic", "--side", side, "--arch", arch]
    command += ["--family", *families] if families else []
    folders = [TESTS / "standin", TESTS] if side == "own" else [TESTS]
    environment = os.environ | {"GPUCONV_STANDIN_CAPABILITY": arch[3:], "PYTHONPATH": ":".join(map(str, folders))}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    print(f"{arch}, {side}: {len(rows)} cases", flush=True)
    return rows


def run(side: str, arch: str, families: list[str] | None) -> list[dict[str, Any]]:
    """Cost of every case; what the emulator does not know is a row with that sentence."""
    from .works import works

    chosen = [work for work in works() if not families or work.family in families]
    if side == "own":
        from .executed_own import own_cost as cost
    else:
        from .executed_peers import peer_cost as cost

        chosen = [work for work in chosen if find_spec(PEERS.get(work.family, "no peer")) is not None]
    from standin import sassrun

    from .executed import as_row

    rows: list[dict[str, Any]] = []
    for work in chosen:
        try:
            rows.append(as_row(cost(work, arch), work))
        except sassrun().SassError as error:
            if error.kind != "unsupported":
                raise
            rows.append({"family": work.family, "case": work.name, "arch": arch, "unsupported": str(error)})
    return rows


def markdown(rows: list[dict[str, Any]]) -> str:
    """One table a family."""
    lines = ["# What an output costs", "", *__doc__.strip().splitlines()[2:], ""]
    lines += [
        "Instructions and multiply-adds are those of a lane for one output; conflicts, wavefronts of shared memory"
    ]
    lines += ["beyond the fewest possible; coalescing, the fewest 32-byte sectors by those touched.", ""]
    for family in dict.fromkeys(row["family"] for row in rows):
        lines += [f"## {family}", "", f"| {COLUMNS.replace('|', ' | ')} |", "|" + " --- |" * (COLUMNS.count("|") + 1)]
        chosen = [row for row in rows if row["family"] == family]
        order = list(dict.fromkeys(row["case"] for row in chosen))
        lines += [_line(row) for row in sorted(chosen, key=lambda row: order.index(row["case"])) if "kernel" in row]
        lines += [""]
    left_out = [f"- {r['family']} {r['case']}, {r['arch']}: {r['unsupported']}" for r in rows if "unsupported" in r]
    return "\n".join(
        [*lines, *(["Not executed, for want of an instruction in the emulator:", ""] * bool(left_out))]
    ) + ("\n".join(left_out) + "\n" if left_out else "")


def _line(row: dict[str, Any]) -> str:
    cells = [row["case"], row["arch"], row["kernel"], f"{row['instructions']:.1f}", f"{row['share']:.3f}"]
    cells += [str(row["bank_conflicts"]), f"{row['coalescing']:.2f}", str(row["registers"]), str(row["spilled_bytes"])]
    cells += [f"{100 * row[key]:.0f}" if key in row else "" for key in ("peak", "bandwidth")]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
