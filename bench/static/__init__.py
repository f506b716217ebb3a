"""What the compiler makes of every kernel, without a GPU: registers, spills, bank conflicts, instruction counts.

`python -m bench.static` writes report.json and report.md beside this file; `--check` compares them with a fresh
analysis.
"""
