"""Compiled code for the CPU: kernels written as LLVM IR, compiled for this processor by llvmlite, kept on disk.

From the inside out: `values` and `emitter` write LLVM IR; `tiles` are the inner loops and `rows` what converts a row;
`driver` puts the loops over the output around them; `jit` and `cache` make them callable; `layout`, `job` and `recipe`
say what a driver is given; `pool` runs it on threads; `filters` computes plain filters.

llvmlite is imported inside functions only.
"""
