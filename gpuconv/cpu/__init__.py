"""Compiled code for the CPU: kernels written as LLVM IR, compiled for this processor by llvmlite, kept on disk.

Write: `values` and `emitter` write LLVM IR; `sums`, `tiles` and `line` are the inner loops, `rows` converts rows,
`slots` loads them, and `driver` puts the loops over the output around it all.

Compile: `target` is the processor, `jit` makes a kernel callable, `cache` keeps its machine code on disk, and `warm`
knows the kernels that a problem takes.

Run: `layout` turns every problem into rows and columns, `job` holds the numbers and addresses that a driver reads,
`recipe` puts kernels and job together, `pool` runs them on threads, and `filters` is what the backend calls for plain
filters. Layers and transforms have their place beside `filters`, with kernels of their own written by the same emitter.

llvmlite is imported inside functions only.
"""
