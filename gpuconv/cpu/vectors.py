"""Vectors that are put together from elements of others, and masks of their lanes."""

from gpuconv.cpu.values import Lanes, Value, Writer


class Vectors(Writer):
    """The part of an Emitter that writes shuffles and masks."""

    def splat(self, lanes: Lanes, element: Value | int) -> Value:
        """Return a vector of one element."""
        name = element.name if isinstance(element, Value) else f"{element}.0" if lanes.real else str(element)
        one = self.emit(lanes.type, f"insertelement {lanes.type} poison, {lanes.element} {name}, i64 0")
        mask = f"<{lanes.count} x i32> zeroinitializer"
        return self.emit(lanes.type, f"shufflevector {lanes.type} {one.name}, {lanes.type} poison, {mask}")

    def shifted(self, lanes: Lanes, a: Value, b: Value, count: int) -> Value:
        """Return a without its first `count` elements, followed by as many of b."""
        mask = ", ".join(f"i32 {count + i}" for i in range(lanes.count))
        vectors = f"{lanes.type} {a.name}, {lanes.type} {b.name}"
        return self.emit(lanes.type, f"shufflevector {vectors}, <{lanes.count} x i32> <{mask}>")

    def part(self, lanes: Lanes, value: Value, start: int, count: int) -> Value:
        """Return `count` neighbouring elements of a vector."""
        mask = ", ".join(f"i32 {start + i}" for i in range(count))
        type_ = Lanes(lanes.code, count).type
        return self.emit(
            type_, f"shufflevector {lanes.type} {value.name}, {lanes.type} poison, <{count} x i32> <{mask}>"
        )

    def spread(self, lanes: Lanes, value: Value, start: int) -> Value:
        """Return a vector whose even lanes are neighbouring elements of another, from one on."""
        mask = ", ".join(f"i32 {start + i // 2}" for i in range(lanes.count))
        return self.emit(
            lanes.type, f"shufflevector {lanes.type} {value.name}, {lanes.type} poison, <{lanes.count} x i32> <{mask}>"
        )

    def first_lanes(self, lanes: Lanes, count: Value) -> Value:
        """Return a mask of the first `count` lanes of a vector."""
        numbers = Lanes("i8", lanes.count)
        order = ", ".join(f"i64 {i}" for i in range(lanes.count))
        return Value(self, numbers.type, f"<{order}>") < self.splat(numbers, count)

    def lanes_below(self, lanes: Lanes, first: Value, stop: Value) -> Value:
        """Return a mask of the lanes whose numbers, counted from `first` on, are 0 to stop; of less than 2**31."""
        numbers = Lanes("i4", lanes.count)
        order = ", ".join(f"i32 {i}" for i in range(lanes.count))
        own, end = (self.splat(numbers, self.convert("trunc", n, numbers.element)) for n in (first, stop))
        count = Value(self, numbers.type, f"<{order}>") + own
        return self.emit(f"<{lanes.count} x i1>", f"icmp ult {numbers.type} {count.name}, {end.name}")

    def even_lanes(self, count: int) -> Value:
        """Return a mask of every other lane."""
        lanes = ", ".join(f"i1 {1 - i % 2}" for i in range(count))
        return Value(self, f"<{count} x i1>", f"<{lanes}>")
