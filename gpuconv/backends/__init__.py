"""The backends, and which of them computes a call.

A backend is a module with unavailable(), unsupported(problem, facts) and run(plan, operands, out, stream); the first
two return None or the sentence why it cannot. A new backend is one module here and one name in PREFERENCE.

`choice` says what the caller asks for, `probing` what there is, `selection` who computes a problem; `readiness`
computes a plan or prepares it for calls that come again, and `protocols` names what all of them offer.
"""

from gpuconv.backends.choice import GPU, NAMES, PREFERENCE, backend, last_used, requested, set_backend, used
from gpuconv.backends.probing import Status, current_device, load, reason_unavailable, report
from gpuconv.backends.protocols import Backend, Ready, ReadyLayer
from gpuconv.backends.readiness import joined, ready, ready_layer, run
from gpuconv.backends.selection import considered, select

__all__ = [
    "GPU",
    "NAMES",
    "PREFERENCE",
    "Backend",
    "Ready",
    "ReadyLayer",
    "Status",
    "backend",
    "considered",
    "current_device",
    "joined",
    "last_used",
    "load",
    "ready",
    "ready_layer",
    "reason_unavailable",
    "report",
    "requested",
    "run",
    "select",
    "set_backend",
    "used",
]
