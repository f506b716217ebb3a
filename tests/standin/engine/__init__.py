"""What runs the kernels: g++ and fibers, the sanitizers, the machine-code emulator."""
