// What runs a kernel on the CPU; see engine.cc.
#pragma once

// Runs all blocks of the grid, one after another.  Returns null, or what was wrong (valid until the next launch).
// order of the threads between two barriers: 0 forward, 1 reverse (blocks too), 2 random with `seed`.
extern "C" const char* cuda_launch(const int* grid, const int* block, long dynamic_shared_bytes, int order, unsigned int seed,
                                   void** arguments);
// Bytes of __shared__ variables, paddings and redzones included.
extern "C" long cuda_static_shared_bytes();
