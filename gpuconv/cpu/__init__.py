"""Compiled code for the CPU: kernels written as LLVM IR, compiled for this processor by llvmlite, kept on disk.

Write: `values`, `shared` and `emitter` write LLVM IR; `sums`, `tiles` and `line` are the inner loops, `rows` converts
rows, `slots` loads them, and `driver` puts the loops over the output around it all, or `volumes` where there are slices
above each other. `kernels` says which kernel a filter takes.

Compile: `target` is the processor, `jit` makes a kernel callable, `cache` keeps its machine code on disk, and `warm`
knows the kernels that a problem takes.

Run: `layout` turns every problem into slices, rows and columns, `job` and `volume_job` hold the numbers and addresses
that a driver reads, `recipe` puts kernels and job together and `parts` the weights to them, `pool` runs them on
threads, each of which has its `seat`, and `filters` is what the backend calls for plain filters.

Layers: `layers` is what the backend calls; `layer_recipes` and `layer_gradient_recipe` choose a kernel and make its
job, `layer_geometry` says where arrays lie and cuts them into blocks, `layer_weights` orders weights and keeps them.
Each kernel loads patches (`layer_patch`), then `dense`, `winograd` or `layer_gradient` sums; `layer_store` and
`layer_gradient_store` write outputs. `depthwise` layers and their gradients are mostly computed where the image lies.

Transforms: `fft` makes a filter of many taps ready, with a tile and kernels from `fft_recipe` and a spectrum from
`fft_spectrum`. `fft_tiles` is the driver, `fft_volumes` that of volumes, and `fft_kernels` transforms a tile by
`fft_passes`, made of the butterflies and transposes in `fft_values`.

llvmlite is imported inside functions only.
"""
