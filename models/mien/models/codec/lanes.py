"""Sixteen pixels at a time: a small vector language that numba's kernels can call.

Knows how to build LLVM code for vectors of fixed width, which the compiler then fits to whatever
registers a processor has (AVX-512, AVX2, SSE, NEON). Written out because LLVM does not find these
vectors by itself: a texel's place depends on data, so its loop looks as if it could not be
reordered. Refuses to know layers and frames; `texels` does.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

LANES = 16  # pixels in a block; every width that is drawn is a multiple of it

_I16, _I32, _I64 = (ir.IntType(bits) for bits in (16, 32, 64))
_F32 = ir.FloatType()


class Lanes:
    """A vector value while a kernel is compiled; numbers beside it are spread over all lanes."""

    def __init__(self, builder: Any, value: Any) -> None:
        self._b, self.value = builder, value
        self._float = value.type.element == _F32

    def _same(self, other: Any) -> Any:
        if isinstance(other, Lanes):
            return other.value
        return ir.Constant(self.value.type, [other] * self.value.type.count)

    def _with(self, value: Any) -> Lanes:
        return Lanes(self._b, value)

    def _do(self, whole: Any, real: Any, other: Any) -> Lanes:
        return self._with((real if self._float else whole)(self.value, self._same(other)))

    def __add__(self, other: Any) -> Lanes:
        return self._do(self._b.add, self._b.fadd, other)

    def __sub__(self, other: Any) -> Lanes:
        return self._do(self._b.sub, self._b.fsub, other)

    def __rsub__(self, other: Any) -> Lanes:
        return self._with(self._same(other)) - self

    def __mul__(self, other: Any) -> Lanes:
        return self._do(self._b.mul, self._b.fmul, other)

    def __truediv__(self, other: Any) -> Lanes:
        return self._with(self._b.fdiv(self.value, self._same(other)))

    def __rtruediv__(self, other: Any) -> Lanes:
        return self._with(self._same(other)) / self

    def __and__(self, other: Any) -> Lanes:
        return self._with(self._b.and_(self.value, self._same(other)))

    def __or__(self, other: Any) -> Lanes:
        return self._with(self._b.or_(self.value, self._same(other)))

    def __lshift__(self, bits: int) -> Lanes:
        return self._with(self._b.shl(self.value, self._same(bits)))

    def __rshift__(self, bits: int) -> Lanes:
        """Bits move down, zeros follow."""
        return self._with(self._b.lshr(self.value, self._same(bits)))

    def least(self, other: Any) -> Lanes:
        """The smaller of both; integers are unsigned."""
        return self._pick("<", other)

    def most(self, other: Any) -> Lanes:
        """The larger of both; integers are unsigned."""
        return self._pick(">", other)

    def _pick(self, sign: str, other: Any) -> Lanes:
        other = self._same(other)
        compare = self._b.fcmp_ordered if self._float else self._b.icmp_unsigned
        return self._with(self._b.select(compare(sign, self.value, other), self.value, other))

    def to_int(self) -> Lanes:
        """Floats without their fractions, as 32-bit integers."""
        return self._with(self._b.fptosi(self.value, _of(_I32, self.value.type.count)))

    def to_float(self) -> Lanes:
        """32-bit integers as floats."""
        return self._with(self._b.sitofp(self.value, _of(_F32, self.value.type.count)))

    def pairs(self, high: Lanes) -> Lanes:
        """64-bit lanes of this and `high`, both of 32 bits."""
        wide = _of(_I64, self.value.type.count)
        low = self._with(self._b.zext(self.value, wide))
        return low | self._with(self._b.zext(high.value, wide)) << 32

    def low(self) -> Lanes:
        """The lower 32 bits of 64-bit lanes."""
        return self._with(self._b.trunc(self.value, _of(_I32, self.value.type.count)))

    def shorts(self) -> Lanes:
        """The same bits as lanes of 16."""
        return self._cut(_I16)

    def ints(self) -> Lanes:
        """The same bits as lanes of 32."""
        return self._cut(_I32)

    def longs(self) -> Lanes:
        """The same bits as lanes of 64."""
        return self._cut(_I64)

    def _cut(self, element: Any) -> Lanes:
        old = self.value.type
        count = old.count * old.element.width // element.width
        return self._with(self._b.bitcast(self.value, _of(element, count)))


def _of(element: Any, count: int = LANES) -> Any:
    return ir.VectorType(element, count)


def _at(builder: Any, pointer: Any, index: Any) -> Any:
    return builder.gep(pointer, [builder.sext(index, _I64)], inbounds=True)


def spread(builder: Any, scalar: Any, count: int = LANES) -> Lanes:
    """The same number in every lane."""
    blank = ir.Constant(_of(scalar.type, count), ir.Undefined)
    first = builder.insert_element(blank, scalar, _I32(0))
    nought = ir.Constant(_of(_I32, count), [0] * count)
    return Lanes(builder, builder.shuffle_vector(first, blank, nought))


def counted(builder: Any, first: Any) -> Lanes:
    """`first` (an integer), and one more in every further lane, as floats."""
    steps = Lanes(builder, ir.Constant(_of(_I32), list(range(LANES))))
    return (spread(builder, first) + steps).to_float()


def load(builder: Any, pointer: Any, index: Any, count: int = LANES) -> Lanes:
    """`count` elements from `index` on."""
    vector = _of(pointer.type.pointee, count)
    cast = builder.bitcast(_at(builder, pointer, index), vector.as_pointer())
    return Lanes(builder, builder.load(cast, align=4))


def store(builder: Any, lanes: Lanes, pointer: Any, index: Any) -> None:
    """Put all elements from `index` on."""
    cast = builder.bitcast(_at(builder, pointer, index), lanes.value.type.as_pointer())
    builder.store(lanes.value, cast, align=4)


def load_neighbours(builder: Any, pointer: Any, index: Lanes) -> Lanes:
    """64 bits from every 32-bit `index` on: an element and the one right of it.

    One load a lane: on the processors that were tried it beats the gather instruction.
    """
    out = ir.Constant(_of(_I64), ir.Undefined)
    for lane in range(LANES):
        place = _at(builder, pointer, builder.extract_element(index.value, _I32(lane)))
        both = builder.load(builder.bitcast(place, _I64.as_pointer()), align=4)
        out = builder.insert_element(out, both, _I32(lane))
    return Lanes(builder, out)
