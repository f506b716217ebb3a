"""What the compiler makes of the kernels for every architecture: registers, spills, shared memory, double precision."""

import pytest
from numba import cuda

import numba_driver
from gpuconv.backends import numba_cuda as backend
from gpuconv.launches.numba_defaults import default_launches
from numba_driver.calls import devices, sassrun
from numba_driver.launching import libraries

LAUNCHES = default_launches()
ONE_A_KERNEL = list({launch.specialization.kernel: launch for launch in LAUNCHES}.values())
CASES = [(0, launch) for launch in LAUNCHES]
CASES += [(device, launch) for device in range(1, len(devices)) for launch in ONE_A_KERNEL]


@pytest.mark.parametrize(
    ("device", "launch"), CASES, ids=[f"{devices[device]} {launch.specialization}" for device, launch in CASES]
)
def test_compiled(device, launch):
    with cuda.gpus[device]:
        backend._kernel(launch.specialization, backend.capability())
    cubin = list(libraries.values())[-1]
    (name,) = sassrun.Cubin(cubin).kernels()
    static = sassrun.Cubin(cubin).static(name)
    assert static["local_bytes"] == 0  # neither spills nor local arrays
    double = "float64" in dict(launch.specialization.types).values()
    assert static["registers"] <= (168 if double else 128)
    assert static["shared_bytes"] <= 48 * 1024
    opcodes = {opcode for _, _, opcode, _, _ in sassrun.disassemble(cubin, name)}
    double = {o for o in opcodes if o.split(".")[0] in ("DADD", "DMUL", "DFMA", "DSETP", "DMNMX") or ".F64" in o}
    assert bool(double) == ("float64" in dict(launch.specialization.types).values()), double
    assert numba_driver.findings == []
