"""From a plan to its steps, whatever its algorithm."""

from gpuconv.arrays import Operands, View
from gpuconv.backends.cupy_builder import Builder
from gpuconv.backends.cupy_fft import add_transforms
from gpuconv.backends.cupy_steps import Steps
from gpuconv.planning.planner import Plan


def build(plan: Plan, operands: Operands, out: View, *, fixed: bool, own: bool) -> Steps:
    """The steps of a plan on the current device, for arrays as strided as these; see `Builder`."""
    builder = Builder(plan, operands, out, fixed=fixed, own=own)
    launches = builder.placed()
    if plan.tiles is not None:
        add_transforms(builder, launches)
    else:
        for launch in launches:
            builder.kernel(launch)
    return builder.made()
