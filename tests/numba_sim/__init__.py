"""Cases for the Numba kernels that are small enough for Numba's simulator; test_backend_numba_cuda.py runs them."""
