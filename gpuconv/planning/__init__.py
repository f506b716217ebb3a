"""How a problem is computed: plans, costs, error bounds. Nothing here computes, or imports a GPU library.

Pure functions, but for rates.py, which reads what a calibration of this machine has left on disk.
"""
