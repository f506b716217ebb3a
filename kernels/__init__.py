"""Device code: CUDA C++ (`*.cu`, `*.cuh`) and Numba CUDA kernels (`numba_*.py`)."""
