"""Values of a function that is being written: integers, addresses and vectors, with operators."""

from dataclasses import dataclass
from typing import Protocol

INT = "i64"
BOOL = "i1"
ELEMENTS = {"f2": "half", "f4": "float", "f8": "double"} | {f"{s}{b}": f"i{8 * b}" for s in "iu" for b in (1, 2, 4, 8)}


class Writer(Protocol):
    """What values and vectors need of an Emitter."""

    def write(self, line: str) -> None:
        """Add one line."""

    def emit(self, type_: str, instruction: str) -> "Value":
        """Add an instruction that has a result."""

    def allocate(self, type_: str) -> str:
        """Reserve a slot on the stack; its pointer."""

    def convert(self, operation: str, value: "Value", type_: str) -> "Value":
        """Return a value as another type."""

    def muladd(self, a: "Value", b: "Value", c: "Value") -> "Value":
        """Return a * b + c."""


@dataclass(frozen=True)
class Lanes:
    """A vector: NumPy's code of its elements ("f4", "i8" ...) and their number."""

    code: str
    count: int

    @property
    def element(self) -> str:
        """LLVM type of one element."""
        return ELEMENTS[self.code]

    @property
    def type(self) -> str:
        """LLVM type of the vector."""
        return f"<{self.count} x {self.element}>"

    @property
    def size(self) -> int:
        """Bytes of one element."""
        return int(self.code[1])

    @property
    def bytes(self) -> int:
        """Bytes of the vector."""
        return self.size * self.count

    @property
    def real(self) -> bool:
        """Whether the elements are floating-point numbers."""
        return self.code[0] == "f"

    @property
    def signed(self) -> bool:
        """Whether the elements are signed integers."""
        return self.code[0] == "i"


@dataclass(frozen=True)
class Value:
    """A number or a vector; operators write the instruction and return its result."""

    emitter: Writer
    type: str
    name: str

    @property
    def real(self) -> bool:
        """Whether it holds floating-point numbers."""
        return any(element in self.type for element in ("half", "float", "double"))

    def _binary(self, operation: str, other: "Value | int") -> "Value":
        name = other.name if isinstance(other, Value) else str(other)
        return self.emitter.emit(self.type, f"{operation} {self.type} {self.name}, {name}")

    def __add__(self, other: "Value | int") -> "Value":
        return self if isinstance(other, int) and other == 0 else self._binary("fadd" if self.real else "add", other)

    def __sub__(self, other: "Value | int") -> "Value":
        return self._binary("fsub" if self.real else "sub", other)

    def __mul__(self, other: "Value | int") -> "Value":
        return self._binary("fmul" if self.real else "mul", other)

    def __floordiv__(self, other: "Value | int") -> "Value":
        return self._binary("sdiv", other)

    def __mod__(self, other: "Value | int") -> "Value":
        return self._binary("srem", other)

    def __lt__(self, other: "Value | int") -> "Value":
        return self._compare("slt", "olt", other)

    def __le__(self, other: "Value | int") -> "Value":
        return self._compare("sle", "ole", other)

    def __gt__(self, other: "Value | int") -> "Value":
        return self._compare("sgt", "ogt", other)

    def __ge__(self, other: "Value | int") -> "Value":
        return self._compare("sge", "oge", other)

    def equals(self, other: "Value | int") -> "Value":
        """Whether both are equal."""
        return self._compare("eq", "oeq", other)

    def differs(self, other: "Value | int") -> "Value":
        """Whether they differ and neither is nan."""
        return self._compare("ne", "one", other)

    def _compare(self, integers: str, reals: str, other: "Value | int") -> "Value":
        name = other.name if isinstance(other, Value) else str(other)
        count, _, _ = self.type.rpartition(" x ")
        relation = f"fcmp {reals}" if self.real else f"icmp {integers}"
        result = f"{count} x {BOOL}>" if count else BOOL
        return self.emitter.emit(result, f"{relation} {self.type} {self.name}, {name}")


class Variable:
    """A value that changes, in a loop say; LLVM keeps it in a register."""

    def __init__(self, emitter: Writer, initial: Value):
        self._emitter, self._type = emitter, initial.type
        self._slot = emitter.allocate(initial.type)
        self.value = initial

    @property
    def value(self) -> Value:
        """What it holds now."""
        return self._emitter.emit(self._type, f"load {self._type}, ptr {self._slot}")

    @value.setter
    def value(self, value: Value) -> None:
        self._emitter.write(f"store {value.type} {value.name}, ptr {self._slot}")
