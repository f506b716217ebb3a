"""gpuconv on the CPU, verified and then timed against OpenCV, SciPy and torch: `python -m bench.cpu`.

`cells` says what is computed and by whom, `timing` how time is taken, `report` writes the tables and `plots` the
pictures. `stress` runs random problems from several threads.
"""
