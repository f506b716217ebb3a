"""Writes functions as LLVM IR text: integers and vectors with operators, loops and conditions as `with` blocks.

Arguments, counters and addresses are 64-bit integers. A kernel is a Python function that calls an Emitter; reading it
is reading the loop that it writes:

    e = Emitter(("x", "y", "a", "bytes"))
    lanes = Lanes("f4", 8)
    a = e.broadcast(lanes, e.a)
    with e.loop(0, e.bytes, lanes.bytes) as i:
        e.store(e.muladd(e.load(lanes.type, e.x + i), a, e.load(lanes.type, e.y + i)), e.y + i)
    text = e.text()
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace

from gpuconv.cpu.shared import Shared
from gpuconv.cpu.values import INT, Lanes, Value, Variable
from gpuconv.cpu.vectors import Vectors

SUFFIXES = {"half": "f16", "float": "f32", "double": "f64"}  # of the names of intrinsics
Number = Value | int


class Emitter(Vectors, Shared):
    """Writes one function, `kernel(arguments)`; the arguments are attributes."""

    def __init__(self, arguments: Sequence[str], *, fused: bool = True):
        self._arguments, self._fused = tuple(arguments), fused
        self._slots: list[str] = []
        self._lines: list[str] = []
        self._declarations: set[str] = set()
        self._count = 0

    def __getattr__(self, name: str) -> Value:
        if name in self._arguments:
            return Value(self, INT, f"%{name}")
        raise AttributeError(name)

    def text(self) -> str:
        """Return the finished module."""
        arguments = ", ".join(f"i64 %{name}" for name in self._arguments)
        body = "\n".join([*self._slots, *self._lines, "ret void"])
        return "\n".join([*sorted(self._declarations), f"define void @kernel({arguments}) {{\n{body}\n}}\n"])

    def write(self, line: str) -> None:
        """Add one line."""
        self._lines.append(line)

    def emit(self, type_: str, instruction: str) -> Value:
        """Add an instruction that has a result."""
        name = self._name("v")
        self.write(f"{name} = {instruction}")
        return Value(self, type_, name)

    def allocate(self, type_: str) -> str:
        """Reserve a slot on the stack; its pointer."""
        name = self._name("s")
        self._slots.append(f"{name} = alloca {type_}")
        return name

    def _name(self, prefix: str) -> str:
        self._count += 1
        return f"%{prefix}{self._count}"

    # Values

    def number(self, value: Number) -> Value:
        """Return an integer as a value."""
        return value if isinstance(value, Value) else Value(self, INT, str(value))

    def zero(self, lanes: Lanes) -> Value:
        """Return a vector of zeros."""
        return Value(self, lanes.type, "zeroinitializer")

    def variable(self, initial: Number) -> Variable:
        """Return a new variable."""
        return Variable(self, self.number(initial))

    def muladd(self, a: Value, b: Value, c: Value) -> Value:
        """Return a * b + c, fused where the processor can."""
        return self.intrinsic("fma", a, b, c) if a.real and self._fused else a * b + c

    def select(self, condition: Value, a: Number, b: Number) -> Value:
        """Return a where the condition holds, else b."""
        a, b = self.number(a), self.number(b)
        return self.emit(a.type, f"select {condition.type} {condition.name}, {a.type} {a.name}, {b.type} {b.name}")

    def least(self, a: Number, b: Number) -> Value:
        """Return the smaller integer."""
        return self.intrinsic("smin", self.number(a), self.number(b))

    def most(self, a: Number, b: Number) -> Value:
        """Return the larger integer."""
        return self.intrinsic("smax", self.number(a), self.number(b))

    def convert(self, operation: str, value: Value, type_: str) -> Value:
        """Return a value as another type: "sext", "sitofp" and so on."""
        return self.emit(type_, f"{operation} {value.type} {value.name} to {type_}")

    def intrinsic(self, name: str, *arguments: Value, result: str | None = None) -> Value:
        """Call an LLVM intrinsic that is named by its types."""
        operand, type_ = arguments[0].type, result or arguments[0].type
        suffix = _suffix(operand) if result is None else f"{_suffix(type_)}.{_suffix(operand)}"
        function = f"@llvm.{name}.{suffix}"
        self._declarations.add(f"declare {type_} {function}({', '.join(a.type for a in arguments)})")
        return self.emit(type_, f"call {type_} {function}({', '.join(f'{a.type} {a.name}' for a in arguments)})")

    # Memory

    def load(self, type_: str, address: Value) -> Value:
        """Return the element or vector at an address, aligned or not."""
        return self.emit(type_, f"load {type_}, ptr {self._pointer(address)}, align 1")

    def store(self, value: Value, address: Value) -> None:
        """Write an element or vector at an address, aligned or not."""
        self.write(f"store {value.type} {value.name}, ptr {self._pointer(address)}, align 1")

    def load_some(self, lanes: Lanes, address: Value, mask: Value) -> Value:
        """Return a vector of which only some lanes are read, the others being zero."""
        function = f"@llvm.masked.load.{_suffix(lanes.type)}.p0"
        self._declarations.add(f"declare {lanes.type} {function}(ptr, i32, {mask.type}, {lanes.type})")
        place = f"ptr {self._pointer(address)}, i32 1, {mask.type} {mask.name}"
        return self.emit(lanes.type, f"call {lanes.type} {function}({place}, {lanes.type} zeroinitializer)")

    def store_some(self, value: Value, address: Value, mask: Value) -> None:
        """Write some lanes of a vector."""
        function = f"@llvm.masked.store.{_suffix(value.type)}.p0"
        self._declarations.add(f"declare void {function}({value.type}, ptr, i32, {mask.type})")
        place = f"ptr {self._pointer(address)}, i32 1, {mask.type} {mask.name}"
        self.write(f"call void {function}({value.type} {value.name}, {place})")

    def prefetch(self, address: Value, *, write: bool = False) -> None:
        """Ask for the cache line of an address, which need not exist."""
        function = "@llvm.prefetch.p0"
        self._declarations.add(f"declare void {function}(ptr, i32, i32, i32)")
        self.write(f"call void {function}(ptr {self._pointer(address)}, i32 {int(write)}, i32 3, i32 1)")

    def integer(self, address: Value) -> Value:
        """Return the integer at an address."""
        return self.load(INT, address)

    def broadcast(self, lanes: Lanes, address: Value) -> Value:
        """Return a vector of the element at an address."""
        return self.splat(lanes, self.load(lanes.element, address))

    def fields(self, address: Value, names: Sequence[str]) -> SimpleNamespace:
        """Return the integers at an address by their names."""
        return SimpleNamespace(**{name: self.integer(address + 8 * i) for i, name in enumerate(names)})

    def _pointer(self, address: Value) -> str:
        return self.emit("ptr", f"inttoptr i64 {address.name} to ptr").name

    # Control

    def call(self, function: Value, *arguments: Number) -> None:
        """Call a function of integers at an address."""
        values = ", ".join(f"i64 {self.number(a).name}" for a in arguments)
        self.write(f"call void {self._pointer(function)}({values})")

    @contextmanager
    def repeat(self, condition: Callable[[], Value]) -> Iterator[None]:
        """Run the `with` block as long as the condition holds before it."""
        head, body, end = self._name("head"), self._name("body"), self._name("end")
        self.write(f"br label {head}\n{head[1:]}:")
        self.write(f"br i1 {condition().name}, label {body}, label {end}\n{body[1:]}:")
        yield
        self.write(f"br label {head}\n{end[1:]}:")

    @contextmanager
    def loop(self, start: Number, stop: Number, step: Number = 1) -> Iterator[Value]:
        """Run the `with` block for start, start + step ... below stop."""
        counter = self.variable(start)
        with self.repeat(lambda: counter.value < stop):
            index = counter.value
            yield index
            counter.value = index + step

    @contextmanager
    def single(self) -> Iterator[Value]:
        """Run the `with` block once, as a loop from 0 to 1."""
        yield self.number(0)

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Run the `with` block only where the condition holds."""
        then, end = self._name("then"), self._name("end")
        self.write(f"br i1 {condition.name}, label {then}, label {end}\n{then[1:]}:")
        yield
        self.write(f"br label {end}\n{end[1:]}:")

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Run the `with` block as code of its own, behind a branch that is always taken.

        Within one piece of code LLVM moves loads up as far as it can, and has no registers for what waits there.
        """
        with self.when(Value(self, INT, f"%{self._arguments[0]}").differs(0)):
            yield


def _suffix(type_: str) -> str:
    """The name of a type in the names of intrinsics: v8f32 for <8 x float>."""
    count, _, element = type_.strip("<>").rpartition(" x ")
    return (f"v{count}" if count else "") + SUFFIXES.get(element, element)
