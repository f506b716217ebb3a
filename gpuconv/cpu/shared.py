"""Integers that threads share."""

from gpuconv.cpu.target import host
from gpuconv.cpu.values import INT, Value, Writer

X86, ARM = "llvm.x86.sse2.pause", "llvm.aarch64.hint"
PAUSES = {"x86_64": (X86, "", ""), "aarch64": (ARM, "i32", "i32 1"), "arm64": (ARM, "i32", "i32 1")}


class Shared(Writer):
    """The part of an Emitter that reads and writes what other threads change."""

    _declarations: set[str]

    def count_up(self, address: Value) -> Value:
        """Add 1 to an integer; what it was before."""
        return self.emit(INT, f"atomicrmw add ptr {self._shared(address)}, i64 1 acq_rel")

    def shared(self, address: Value) -> Value:
        """Return an integer."""
        return self.emit(INT, f"load atomic i64, ptr {self._shared(address)} acquire, align 8")

    def publish(self, value: int, address: Value) -> None:
        """Write an integer; who reads it sees all that was written before."""
        self.write(f"store atomic i64 {value}, ptr {self._shared(address)} release, align 8")

    def exchange(self, address: Value, old: int, new: int) -> Value:
        """Write an integer if it is `old` now; whether it was."""
        pair = self.emit("{ i64, i1 }", f"cmpxchg ptr {self._shared(address)}, i64 {old}, i64 {new} acq_rel acquire")
        return self.emit("i1", f"extractvalue {pair.type} {pair.name}, 1")

    def pause(self) -> None:
        """Tell the processor that a thread waits for another."""
        architecture = host().triple.partition("-")[0]
        if architecture in PAUSES:
            function, types, arguments = PAUSES[architecture]
            self._declarations.add(f"declare void @{function}({types})")
            self.write(f"call void @{function}({arguments})")

    def _shared(self, address: Value) -> str:
        return self.convert("inttoptr", address, "ptr").name
