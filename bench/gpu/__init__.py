"""gpuconv on a CUDA GPU, verified and then timed against its peers and a copy: `python -m bench.gpu`.

`cells` says what is computed, `peers` who else computes it, `verify` whether they compute the same, `report` writes the
tables and `plots` the pictures. Times are those of the device's own clock, with the L2 cache flushed (gpuconv's
gpu_timing).
"""
