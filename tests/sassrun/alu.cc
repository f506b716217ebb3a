// Arithmetic: integers, floats, halves, doubles, conversions, predicates, tensor-core products.
#include "sass_emu.h"
#include "mods.h"
#include <algorithm>
#include <cfenv>
#include <cmath>

namespace sass {

// ---------------------------------------------------------------------------------------------- half precision

float halfToFloat(u16 h) {
  u32 sign = (u32)(h & 0x8000) << 16, exponent = (h >> 10) & 31, mantissa = h & 1023;
  if (exponent == 31) return asFloat(sign | 0x7f800000 | (mantissa << 13));
  if (exponent == 0) return (sign ? -1.f : 1.f) * ldexpf((float)mantissa, -24);
  return asFloat(sign | ((exponent + 112) << 23) | (mantissa << 13));
}

// Rounds a double to a format with `bits` of significand and least normal exponent `minExp`; the caller packs it.
static double roundTo(double v, int bits, int minExp) {
  int e;
  frexp(v, &e);
  int step = std::max(e - bits, minExp - bits + 1);
  return ldexp(nearbyint(ldexp(v, -step)), step);
}

u16 doubleToHalf(double v) {
  if (std::isnan(v)) return 0x7fff;
  u16 sign = std::signbit(v) ? 0x8000 : 0;
  double a = fabs(v);
  if (std::isinf(v)) return sign | 0x7c00;
  if (a == 0) return sign;
  a = roundTo(a, 11, -14);
  if (a >= 65536.0) return sign | 0x7c00;
  if (a < ldexp(1.0, -14)) return sign | (u16)ldexp(a, 24);
  int e;
  double m = frexp(a, &e);           // a = m * 2^e, 0.5 <= m < 1
  return sign | (u16)((e + 14) << 10) | ((u16)ldexp(m, 11) & 1023);
}

u16 floatToBf16(float v) {
  u32 b = asBits(v);
  if (std::isnan(v)) return 0x7fff;
  return (u16)((b + 0x7fff + ((b >> 16) & 1)) >> 16);
}

// A double rounded once to bfloat16 (through round-to-odd, so that rounding twice cannot differ).
static u16 doubleToBf16(double v) {
  float f = (float)v;
  if (!std::isfinite(v) || !std::isfinite(f)) return floatToBf16(f);
  if ((double)f != v) {
    u32 b = asBits(f);
    if (fabs((double)f) > fabs(v)) b--;
    f = asFloat(b | 1);
  }
  return floatToBf16(f);
}

// ---------------------------------------------------------------------------------------------- operands

static const u32* broadcast(u32 v, u32* scratch) {
  for (int l = 0; l < kLanes; l++) scratch[l] = v;
  return scratch;
}

u32 constantWord(Context& c, const Insn* in, int bank, u64 offset) {
  const std::vector<u8>& bytes = c.m.constant[bank & 7];
  offset &= 0xffff;                          // 64 KB; offsets from 32 KB on are written as negative ones
  if (bank > 7 || offset + 4 > bytes.size())
    throw Error("bounds", "read of constant bank " + std::to_string(bank) + " at offset " + std::to_string(offset) + ", which ends at " +
                              std::to_string(bytes.size()) + " (an index beyond a by-value argument?)" +
                              (in ? where(c, *in, __builtin_ctz(c.mask | 0x80000000u)) : ""));
  u32 v;
  memcpy(&v, &bytes[offset], 4);
  return v;
}

const u32* rawSource(Context& c, const Operand& op, u32* scratch, int word) {
  switch (op.kind) {
    case Operand::Reg: return c.w->R[op.index == kRZ ? kRZ : op.index + word];
    case Operand::UReg: return broadcast(op.index == kURZ ? 0 : c.w->UR[op.index + word], scratch);
    case Operand::Imm: return broadcast(word ? (u32)(op.imm >> 32) : (u32)op.imm, scratch);
    case Operand::Const: {
      u64 offset = op.imm + 4 * word;
      if (op.addrUreg >= 0) offset = (u32)(offset + c.w->UR[op.addrUreg]);
      return broadcast(constantWord(c, nullptr, op.bank, offset), scratch);
    }
    default: throw Error("unsupported", "operand '" + op.text + "' is not supported here");
  }
}

const u32* intSource(Context& c, const Operand& op, u32* scratch) {
  const u32* p = rawSource(c, op, scratch);
  if (!(op.neg || op.inv || op.abs)) return p;
  for (int l = 0; l < kLanes; l++) {
    u32 v = p[l];
    if (op.abs) v = (s32)v < 0 ? -v : v;
    if (op.neg) v = -v;
    scratch[l] = op.inv ? ~v : v;
  }
  return scratch;
}

u32 uniformValue(Context& c, const Operand& op) {
  u32 scratch[kLanes];
  return intSource(c, op, scratch)[c.mask ? __builtin_ctz(c.mask) : 0];
}

u32 predicate(Context& c, const Operand& op) {
  u32 v = op.kind == Operand::UPred ? c.w->UP[op.index] : op.kind == Operand::Pred ? c.w->P[op.index] : kAllLanes;
  if (op.kind != Operand::UPred && op.kind != Operand::Pred) throw Error("unsupported", "operand '" + op.text + "' where a predicate belongs");
  return op.inv ? ~v : v;
}

void writeRegister(Context& c, const Operand& op, const u32* values, int word) {
  if (op.kind == Operand::UReg) {
    if (op.index != kURZ && c.mask) c.w->UR[op.index + word] = values[__builtin_ctz(c.mask)];
  } else if (op.kind == Operand::Reg) {
    if (op.index == kRZ) return;
    u32* r = c.w->R[op.index + word];
    if (c.mask == kAllLanes) memcpy(r, values, sizeof(u32) * kLanes);
    else forLanes(c.mask, [&](int l) { r[l] = values[l]; });
  } else {
    throw Error("unsupported", "destination '" + op.text + "' is not supported");
  }
}

void writePredicate(Context& c, const Operand& op, u32 lanes) {
  if (op.index == kPT) return;
  if (op.kind == Operand::UPred) c.w->UP[op.index] = c.mask && (lanes >> __builtin_ctz(c.mask) & 1) ? kAllLanes : 0;
  else c.w->P[op.index] = (c.w->P[op.index] & ~c.mask) | (lanes & c.mask);
}

namespace {

struct Raw {                         // bits as they are
  alignas(64) u32 scratch[kLanes];
  const u32* p;
  Raw(Context& c, const Operand& op, int word = 0) : p(rawSource(c, op, scratch, word)) {}
  u32 operator[](int l) const { return p[l]; }
};

struct Int {                         // -x, |x|, ~x applied
  alignas(64) u32 scratch[kLanes];
  const u32* p;
  Int(Context& c, const Operand& op) : p(intSource(c, op, scratch)) {}
  u32 operator[](int l) const { return p[l]; }
};

struct Flt {                         // |x| and -x applied to the sign bit; .FTZ flushes denormal inputs
  alignas(64) u32 scratch[kLanes];
  const u32* p;
  Flt(Context& c, const Operand& op, bool ftz = false) : p(rawSource(c, op, scratch)) {
    if (!(op.neg || op.abs || ftz)) return;
    u32 clear = op.abs ? 0x7fffffffu : kAllLanes, flip = op.neg ? 0x80000000u : 0;
    for (int l = 0; l < kLanes; l++) {
      u32 v = (p[l] & clear) ^ flip;
      scratch[l] = ftz && (v & 0x7f800000) == 0 ? v & 0x80000000u : v;
    }
    p = scratch;
  }
  float operator[](int l) const { return asFloat(p[l]); }
};

struct Raw64 {
  Raw lo, hi;
  bool signExtend;
  Raw64(Context& c, const Operand& op) : lo(c, op, 0), hi(c, op, 1), signExtend(false) {}
  u64 operator[](int l) const { return lo[l] | (u64)hi[l] << 32; }
};

struct Int64 {
  Raw64 raw;
  bool neg, inv;
  Int64(Context& c, const Operand& op) : raw(c, op), neg(op.neg), inv(op.inv) {}
  u64 operator[](int l) const { u64 v = raw[l]; if (neg) v = -v; return inv ? ~v : v; }
};

struct Dbl {
  Raw64 raw;
  bool neg, abs;
  Dbl(Context& c, const Operand& op) : raw(c, op), neg(op.neg), abs(op.abs) {}
  double operator[](int l) const {
    u64 v = raw[l];
    if (abs) v &= ~(1ull << 63);
    if (neg) v ^= 1ull << 63;
    return asDouble(v);
  }
};

// Writes f(lane) for every lane.
template <class F> void emit(Context& c, const Operand& dst, F f) {
  alignas(64) u32 out[kLanes];
  for (int l = 0; l < kLanes; l++) out[l] = f(l);
  writeRegister(c, dst, out);
}

template <class F> void emit64(Context& c, const Operand& dst, F f) {
  alignas(64) u32 lo[kLanes], hi[kLanes];
  for (int l = 0; l < kLanes; l++) {
    u64 v = f(l);
    lo[l] = (u32)v;
    hi[l] = (u32)(v >> 32);
  }
  writeRegister(c, dst, lo, 0);
  writeRegister(c, dst, hi, 1);
}

template <class F> u32 laneMask(F f) {
  u32 m = 0;
  for (int l = 0; l < kLanes; l++) m |= (u32)(f(l) ? 1 : 0) << l;
  return m;
}

// ---------------------------------------------------------------------------------------------- moves and bits

void execMov(Context& c, const Insn& in) {
  if (in.has(Mod_64)) { Int64 a(c, in.o[1]); emit64(c, in.o[0], [&](int l) { return a[l]; }); return; }
  Int a(c, in.o[1]);
  writeRegister(c, in.o[0], a.p);
}

void execSel(Context& c, const Insn& in) {
  u32 p = predicate(c, in.o[3]);
  if (in.has(Mod_64)) {
    Int64 a(c, in.o[1]), b(c, in.o[2]);
    emit64(c, in.o[0], [&](int l) { return p >> l & 1 ? a[l] : b[l]; });
    return;
  }
  Int a(c, in.o[1]), b(c, in.o[2]);
  emit(c, in.o[0], [&](int l) { return p >> l & 1 ? a[l] : b[l]; });
}

void execFsel(Context& c, const Insn& in) {
  Flt a(c, in.o[1], in.has(Mod_FTZ)), b(c, in.o[2], in.has(Mod_FTZ));
  u32 p = predicate(c, in.o[3]);
  emit(c, in.o[0], [&](int l) { return p >> l & 1 ? a.p[l] : b.p[l]; });
}

void execPrmt(Context& c, const Insn& in) {
  Int a(c, in.o[1]), s(c, in.o[2]), b(c, in.o[3]);
  emit(c, in.o[0], [&](int l) {
    u64 pool = a[l] | (u64)b[l] << 32;
    u32 r = 0;
    for (int k = 0; k < 4; k++) {
      u32 pick = s[l] >> (4 * k) & 15, byte = (u32)(pool >> (8 * (pick & 7))) & 255;
      if (pick & 8) byte = byte & 128 ? 255 : 0;      // replicate the sign
      r |= byte << (8 * k);
    }
    return r;
  });
}

u32 lop3(u32 a, u32 b, u32 d, u32 table) {
  u32 r = 0;
  for (int k = 0; k < 8; k++)
    if (table >> k & 1) r |= (k & 4 ? a : ~a) & (k & 2 ? b : ~b) & (k & 1 ? d : ~d);
  return r;
}

// LOP3.LUT [P,] R, a, b, c, table, Pin: the predicate becomes (result != 0) or Pin.
void execLop3(Context& c, const Insn& in) {
  int k = in.ndst;
  Int a(c, in.o[k]), b(c, in.o[k + 1]), d(c, in.o[k + 2]);
  u32 table = (u32)in.o[k + 3].imm;
  alignas(64) u32 r[kLanes];
  if (table == 0xc0) for (int l = 0; l < kLanes; l++) r[l] = a[l] & b[l];
  else for (int l = 0; l < kLanes; l++) r[l] = lop3(a[l], b[l], d[l], table);
  u32 carry = (int)in.o.size() > k + 4 ? predicate(c, in.o[k + 4]) : 0;
  writeRegister(c, in.o[k - 1], r);
  if (k == 2) writePredicate(c, in.o[0], laneMask([&](int l) { return r[l] != 0; }) | carry);
}

void execPlop3(Context& c, const Insn& in) {
  u32 a = predicate(c, in.o[2]), b = predicate(c, in.o[3]), d = predicate(c, in.o[4]);
  writePredicate(c, in.o[0], lop3(a, b, d, (u32)in.o[5].imm));
  if (in.o.size() > 6) writePredicate(c, in.o[1], lop3(a, b, d, (u32)in.o[6].imm));
}

// The pair {c:a} shifted as one 64-bit number; .HI takes the upper word.  Without .W the count stops at the width.
void execShf(Context& c, const Insn& in) {
  Int a(c, in.o[1]), s(c, in.o[2]), b(c, in.o[3]);
  u32 width = in.has(Mod_U64) || in.has(Mod_S64) ? 64 : 32;
  bool left = in.has(Mod_L), isSigned = in.has(Mod_S32) || in.has(Mod_S64), wrap = in.has(Mod_W), high = in.has(Mod_HI);
  emit(c, in.o[0], [&](int l) {
    u64 v = a[l] | (u64)b[l] << 32;
    u32 n = wrap ? s[l] & (width - 1) : std::min(s[l], width);
    u64 r = left ? (n >= 64 ? 0 : v << n) : isSigned ? (u64)((s64)v >> std::min(n, 63u)) : (n >= 64 ? 0 : v >> n);
    return high ? (u32)(r >> 32) : (u32)r;
  });
}

void execPopc(Context& c, const Insn& in) { Int a(c, in.o[1]); emit(c, in.o[0], [&](int l) { return (u32)__builtin_popcount(a[l]); }); }

void execFlo(Context& c, const Insn& in) {   // position of the leading one (or of the leading non-sign bit)
  Int a(c, in.o[1]);
  bool isSigned = !in.has(Mod_U32), shift = in.has(Mod_SH);
  emit(c, in.o[0], [&](int l) {
    u32 v = isSigned && (s32)a[l] < 0 ? ~a[l] : a[l];
    if (!v) return kAllLanes;
    u32 n = __builtin_clz(v);
    return shift ? n : 31 - n;
  });
}

void execBrev(Context& c, const Insn& in) {
  Int a(c, in.o[1]);
  emit(c, in.o[0], [&](int l) {
    u32 r = 0;
    for (int k = 0; k < 32; k++) r |= (a[l] >> k & 1) << (31 - k);
    return r;
  });
}

void execSgxt(Context& c, const Insn& in) {  // sign- or zero-extend from n bits
  Int a(c, in.o[1]), n(c, in.o[2]);
  bool zero = in.has(Mod_U32), wrap = in.has(Mod_W);
  emit(c, in.o[0], [&](int l) -> u32 {
    u32 bits = wrap ? n[l] & 31 : std::min(n[l], 32u);
    if (bits == 0) return 0;
    u32 up = a[l] << (32 - bits);
    return zero ? up >> (32 - bits) : (u32)((s32)up >> (32 - bits));
  });
}

void execBmsk(Context& c, const Insn& in) {  // n ones from bit p
  Int p(c, in.o[1]), n(c, in.o[2]);
  bool wrap = in.has(Mod_W);
  emit(c, in.o[0], [&](int l) -> u32 {
    u32 at = wrap ? p[l] & 31 : p[l], count = wrap ? n[l] & 31 : n[l];
    u64 ones = count >= 32 ? kAllLanes : (1ull << count) - 1;
    return at >= 32 ? 0 : (u32)(ones << at);
  });
}

// ---------------------------------------------------------------------------------------------- integers

// A term of a sum with carry.  Without .X, -x is ~x + 1 and the +1 belongs to the carry-out (so x - 0 carries); with .X both
// "-x" and "~x" mean ~x, the +1 coming in through the carry.
u64 sumTerm(u32 raw, const Operand& op, bool extended) {
  if (extended) return op.neg || op.inv ? (u32)~raw : raw;
  if (op.neg) return (u64)(u32)~raw + 1;
  return op.inv ? (u32)~raw : raw;
}

// Stores the low word of lane sums and their carries.
void finishSum(Context& c, const Insn& in, const u64* sum) {
  emit(c, in.o[0], [&](int l) { return (u32)sum[l]; });
  u32 carry = laneMask([&](int l) { return sum[l] >> 32 & 1; }), carry2 = laneMask([&](int l) { return sum[l] >> 33 & 1; });
  if (in.ndst > 1) writePredicate(c, in.o[1], carry);
  if (in.ndst > 2) writePredicate(c, in.o[2], carry2);
}

void addTerms(Context& c, const Insn& in, int terms) {
  int k = in.ndst;
  bool extended = in.has(Mod_X);
  alignas(64) u64 sum[kLanes] = {};
  for (int t = 0; t < terms; t++) {
    Raw v(c, in.o[k + t]);
    for (int l = 0; l < kLanes; l++) sum[l] += sumTerm(v[l], in.o[k + t], extended);
  }
  if (extended)
    for (size_t t = k + terms; t < in.o.size(); t++) {
      u32 p = predicate(c, in.o[t]);
      for (int l = 0; l < kLanes; l++) sum[l] += p >> l & 1;
    }
  finishSum(c, in, sum);
}

void add64(Context& c, const Insn& in, int terms) {
  int k = in.ndst;
  alignas(64) u64 sum[kLanes] = {};
  if (in.ndst > 1 && in.o[1].index != kPT) unsupported(in, "carry out of a 64-bit sum");
  for (int t = 0; t < terms; t++) {
    Int64 v(c, in.o[k + t]);
    for (int l = 0; l < kLanes; l++) sum[l] += v[l];
  }
  emit64(c, in.o[0], [&](int l) { return sum[l]; });
}

void execIadd3(Context& c, const Insn& in) { in.has(Mod_64) ? add64(c, in, 3) : addTerms(c, in, 3); }
void execIadd(Context& c, const Insn& in) { in.has(Mod_64) ? add64(c, in, 2) : addTerms(c, in, 2); }

void imadWide(Context& c, const Insn& in) {
  int k = in.ndst;
  Int a(c, in.o[k]), b(c, in.o[k + 1]);
  Raw64 addend(c, in.o[k + 2]);
  const Operand& third = in.o[k + 2];
  bool isUnsigned = in.has(Mod_U32), extended = in.has(Mod_X);
  u32 carryIn = 0;
  if (extended) for (size_t t = k + 3; t < in.o.size(); t++) carryIn |= predicate(c, in.o[t]);
  u32 carry = 0;
  u64 r[kLanes];
  for (int l = 0; l < kLanes; l++) {
    u64 product = isUnsigned ? (u64)a[l] * b[l] : (u64)((s64)(s32)a[l] * (s32)b[l]);
    u64 d = addend[l];
    if (third.neg && !extended) d = -d;
    if (third.inv || (third.neg && extended)) d = ~d;
    unsigned __int128 sum = (unsigned __int128)product + d + (carryIn >> l & 1);
    r[l] = (u64)sum;
    carry |= (u32)((u64)(sum >> 64) & 1) << l;
  }
  if (in.has(Mod_HI)) emit(c, in.o[0], [&](int l) { return (u32)(r[l] >> 32); });
  else emit64(c, in.o[0], [&](int l) { return r[l]; });
  if (in.ndst > 1) writePredicate(c, in.o[1], carry);
}

void execImad(Context& c, const Insn& in) {
  int k = in.ndst;
  if (in.has(Mod_WIDE) || in.has(Mod_HI)) { imadWide(c, in); return; }
  if (in.has(Mod_MOV)) { Int v(c, in.o[k + 2]); writeRegister(c, in.o[0], v.p); return; }
  bool extended = in.has(Mod_X);
  if (!extended && in.ndst == 1) {
    Int a(c, in.o[k]), b(c, in.o[k + 1]), d(c, in.o[k + 2]);
    emit(c, in.o[0], [&](int l) { return a[l] * b[l] + d[l]; });
    return;
  }
  Int a(c, in.o[k]), b(c, in.o[k + 1]);
  Raw d(c, in.o[k + 2]);
  u64 sum[kLanes];
  for (int l = 0; l < kLanes; l++) sum[l] = (u64)(u32)(a[l] * b[l]) + sumTerm(d[l], in.o[k + 2], extended);
  if (extended)
    for (size_t t = k + 3; t < in.o.size(); t++) {
      u32 p = predicate(c, in.o[t]);
      for (int l = 0; l < kLanes; l++) sum[l] += p >> l & 1;
    }
  finishSum(c, in, sum);
}

// LEA R, P, a, b, n: (a << n) + b.  LEA.HI R, P, a, b, c, n: upper word of ({c:a} << n) + b, with .SX32 c is a's sign.
void execLea(Context& c, const Insn& in) {
  int k = in.ndst;
  bool high = in.has(Mod_HI), signExtend = in.has(Mod_SX32), extended = in.has(Mod_X);
  Raw a(c, in.o[k]), b(c, in.o[k + 1]);
  bool explicitHigh = high && !signExtend;
  Int top(c, in.o[explicitHigh ? k + 2 : k]), shift(c, in.o[explicitHigh ? k + 3 : k + 2]);
  size_t carryAt = explicitHigh ? k + 4 : k + 3;
  u32 carryIn = extended && in.o.size() > carryAt ? predicate(c, in.o[carryAt]) : 0;
  const Operand& oa = in.o[k];
  u64 sum[kLanes];
  for (int l = 0; l < kLanes; l++) {
    u32 n = shift[l] & 31;
    u64 term;
    if (!high) {
      u32 v = a[l] << n;
      term = oa.neg ? (u64)(u32)~v + 1 : oa.inv ? (u32)~v : v;
    } else {
      u64 pair = signExtend ? (u64)(s64)(s32)(oa.neg ? -a[l] : a[l]) : a[l] | (u64)top[l] << 32;
      if (oa.neg && !signExtend) pair = -pair;
      term = (u32)((pair << n) >> 32);
    }
    sum[l] = term + sumTerm(b[l], in.o[k + 1], extended) + (carryIn >> l & 1);
  }
  finishSum(c, in, sum);
}

void execIabs(Context& c, const Insn& in) { Int a(c, in.o[1]); emit(c, in.o[0], [&](int l) { return (s32)a[l] < 0 ? -a[l] : a[l]; }); }

// IMNMX R, a, b, P (P: minimum);  VIMNMX R, PT, PT, a, b, P on sm_100;  IMNMX.S64 PT, PT, R, a, b, P, !PT on sm_120;
// UIMNMX.S64 UPT, UPT, UR, a, b, UP, !UPT.
void execImnmx(Context& c, const Insn& in) {
  int k = in.ndst;
  bool predicatesFirst = in.o[0].kind == Operand::Pred || in.o[0].kind == Operand::UPred;
  const Operand& dst = in.o[predicatesFirst ? k - 1 : 0];
  u32 minimum = predicate(c, in.o[k + 2]);
  if (in.has(Mod_S64) || in.has(Mod_U64)) {
    Int64 a(c, in.o[k]), b(c, in.o[k + 1]);
    bool isSigned = in.has(Mod_S64);
    emit64(c, dst, [&](int l) {
      bool less = isSigned ? (s64)a[l] < (s64)b[l] : a[l] < b[l];
      return less == (bool)(minimum >> l & 1) ? a[l] : b[l];
    });
    return;
  }
  Int a(c, in.o[k]), b(c, in.o[k + 1]);
  u32 bias = in.has(Mod_U32) ? 0 : 0x80000000u;    // flips signed order into unsigned order
  emit(c, dst, [&](int l) {
    bool less = (a[l] ^ bias) < (b[l] ^ bias);
    return less == (bool)(minimum >> l & 1) ? a[l] : b[l];
  });
}

void execViaddmnmx(Context& c, const Insn& in) {
  int k = in.ndst;
  Int a(c, in.o[k]), b(c, in.o[k + 1]), d(c, in.o[k + 2]);
  u32 minimum = predicate(c, in.o[k + 3]), bias = in.has(Mod_U32) ? 0 : 0x80000000u;
  bool relu = in.has(Mod_RELU);
  emit(c, in.o[0], [&](int l) {
    u32 s = a[l] + b[l];
    bool less = (s ^ bias) < (d[l] ^ bias);
    u32 r = less == (bool)(minimum >> l & 1) ? s : d[l];
    return relu && (s32)r < 0 ? 0 : r;
  });
}

void execVabsdiff(Context& c, const Insn& in) {
  Int a(c, in.o[1]), b(c, in.o[2]), d(c, in.o[3]);
  u32 bias = in.has(Mod_U32) ? 0 : 0x80000000u;
  emit(c, in.o[0], [&](int l) { return ((a[l] ^ bias) > (b[l] ^ bias) ? a[l] - b[l] : b[l] - a[l]) + d[l]; });
}

// IDP.4A.S8.S8: four byte products; IDP.2A.LO/HI.S16.S8: two 16-bit values times the lower/upper two bytes.
void execIdp(Context& c, const Insn& in) {
  Int a(c, in.o[1]), b(c, in.o[2]), d(c, in.o[3]);
  bool four = in.has(Mod_4A), high = in.has(Mod_HI);
  bool aSigned = in.mods.size() >= 2 && in.mods[in.mods.size() - 2][0] == 'S', bSigned = in.mods.back()[0] == 'S';
  emit(c, in.o[0], [&](int l) {
    u32 sum = d[l];
    for (int k = 0; k < (four ? 4 : 2); k++) {
      u32 x = four ? a[l] >> (8 * k) : a[l] >> (16 * k), y = b[l] >> (8 * (four ? k : k + 2 * high));
      s32 xv = four ? (aSigned ? (s32)(int8_t)x : (s32)(u8)x) : (aSigned ? (s32)(int16_t)x : (s32)(u16)x);
      s32 yv = bSigned ? (s32)(int8_t)y : (s32)(u8)y;
      sum += (u32)(xv * yv);
    }
    return sum;
  });
}

// I2IP.U8.S32.SAT: a and b, clamped to a byte each, below the lower half of c; to 16 bits each, without c.
void execI2ip(Context& c, const Insn& in) {
  Int a(c, in.o[1]), b(c, in.o[2]), rest(c, in.o[3]);
  bool isSigned = in.has(Mod_S8) || in.has(Mod_S16);
  int bits = in.has(Mod_S8) || in.has(Mod_U8) ? 8 : 16;
  s32 high = (1 << (bits - isSigned)) - 1, low = isSigned ? -high - 1 : 0;
  auto clamped = [&](u32 value) { return (u32)std::min(std::max((s32)value, low), high) & ((1u << bits) - 1); };
  emit(c, in.o[0], [&](int l) { return clamped(a[l]) << bits | clamped(b[l]) | (bits == 8 ? rest[l] << 16 : 0); });
}

// ---------------------------------------------------------------------------------------------- comparisons

u32 combine(const Insn& in, u32 result, u32 other) { return in.has(Mod_OR) ? result | other : in.has(Mod_XOR) ? result ^ other : result & other; }

// SETP P, Q, a, b, R: P = (a op b) .AND/.OR/.XOR R, Q = !(a op b) .AND/.OR/.XOR R
void writeComparison(Context& c, const Insn& in, u32 result, u32 inverse) {
  u32 other = predicate(c, in.o[4]);
  writePredicate(c, in.o[0], combine(in, result, other));
  writePredicate(c, in.o[1], combine(in, inverse, other));
}

// .EX continues a comparison of lower words: equal upper words leave the decision to predicate o[5].
u32 compareInts(const Insn& in, u32 less, u32 equal, bool extended, u32 lower) {
  u32 greater = ~less & ~equal;
  if (extended) {
    if (in.has(Mod_EQ)) return equal & lower;
    if (in.has(Mod_NE)) return ~equal | lower;
    if (in.has(Mod_LT) || in.has(Mod_LE)) return less | (equal & lower);
    if (in.has(Mod_GT) || in.has(Mod_GE)) return greater | (equal & lower);
  }
  if (in.has(Mod_LT)) return less;
  if (in.has(Mod_LE)) return less | equal;
  if (in.has(Mod_GT)) return greater;
  if (in.has(Mod_GE)) return ~less;
  if (in.has(Mod_EQ)) return equal;
  if (in.has(Mod_NE)) return ~equal;
  if (in.has(Mod_T)) return kAllLanes;
  if (in.has(Mod_F)) return 0;
  unsupported(in, "comparison");
}

void execIsetp(Context& c, const Insn& in) {
  u32 less, equal;
  if (in.has(Mod_U64) || in.has(Mod_S64)) {
    Int64 a(c, in.o[2]), b(c, in.o[3]);
    u64 bias = in.has(Mod_U64) ? 0 : 1ull << 63;
    less = laneMask([&](int l) { return (a[l] ^ bias) < (b[l] ^ bias); });
    equal = laneMask([&](int l) { return a[l] == b[l]; });
  } else {
    Int a(c, in.o[2]), b(c, in.o[3]);
    u32 bias = in.has(Mod_U32) ? 0 : 0x80000000u;
    less = laneMask([&](int l) { return (a[l] ^ bias) < (b[l] ^ bias); });
    equal = laneMask([&](int l) { return a[l] == b[l]; });
  }
  u32 lower = in.has(Mod_EX) ? predicate(c, in.o[5]) : 0;
  u32 r = compareInts(in, less, equal, in.has(Mod_EX), lower);
  writeComparison(c, in, r, ~r);
}

template <class A> u32 compareFloats(const Insn& in, const A& a, const A& b) {
  u32 less = laneMask([&](int l) { return a[l] < b[l]; }), equal = laneMask([&](int l) { return a[l] == b[l]; });
  u32 unordered = laneMask([&](int l) { return a[l] != a[l] || b[l] != b[l]; }), greater = ~(less | equal | unordered);
  if (in.has(Mod_LT)) return less;
  if (in.has(Mod_LE)) return less | equal;
  if (in.has(Mod_GT)) return greater;
  if (in.has(Mod_GE)) return greater | equal;
  if (in.has(Mod_EQ)) return equal;
  if (in.has(Mod_NE)) return less | greater;
  if (in.has(Mod_LTU)) return less | unordered;
  if (in.has(Mod_LEU)) return less | equal | unordered;
  if (in.has(Mod_GTU)) return greater | unordered;
  if (in.has(Mod_GEU)) return greater | equal | unordered;
  if (in.has(Mod_EQU)) return equal | unordered;
  if (in.has(Mod_NEU)) return ~equal;
  if (in.has(Mod_NUM)) return ~unordered;
  if (in.has(Mod_NAN)) return unordered;
  unsupported(in, "comparison");
}

void execFsetp(Context& c, const Insn& in) {
  Flt a(c, in.o[2], in.has(Mod_FTZ)), b(c, in.o[3], in.has(Mod_FTZ));
  u32 r = compareFloats(in, a, b);
  writeComparison(c, in, r, ~r);
}

void execFset(Context& c, const Insn& in) {      // FSET.BF: 1.0 or 0, without .BF all ones or 0
  Flt a(c, in.o[1], in.has(Mod_FTZ)), b(c, in.o[2], in.has(Mod_FTZ));
  u32 r = combine(in, compareFloats(in, a, b), predicate(c, in.o[3])), yes = in.has(Mod_BF) ? 0x3f800000u : kAllLanes;
  emit(c, in.o[0], [&](int l) { return r >> l & 1 ? yes : 0; });
}

// DSETP.MIN / .MAX start a double minimum / maximum: P chooses a, Q says that the result is a NaN to be quieted.
void execDsetp(Context& c, const Insn& in) {
  Dbl a(c, in.o[2]), b(c, in.o[3]);
  if (in.has(Mod_MIN) || in.has(Mod_MAX)) {
    bool minimum = in.has(Mod_MIN);
    u32 chooseA = laneMask([&](int l) { return !std::isnan(a[l]) && (std::isnan(b[l]) || (minimum ? a[l] < b[l] : a[l] > b[l])); });
    u32 nan = laneMask([&](int l) { return std::isnan(a[l]) && std::isnan(b[l]); });
    writeComparison(c, in, chooseA, nan);
    return;
  }
  u32 r = compareFloats(in, a, b);
  writeComparison(c, in, r, ~r);
}

// ---------------------------------------------------------------------------------------------- single precision

struct RoundingScope {               // .RM .RP .RZ: directed rounding
  int saved;
  explicit RoundingScope(const Insn& in) : saved(fegetround()) {
    fesetround(in.has(Mod_RP) ? FE_UPWARD : in.has(Mod_RM) ? FE_DOWNWARD : in.has(Mod_RZ) ? FE_TOWARDZERO : FE_TONEAREST);
  }
  ~RoundingScope() { fesetround(saved); }
};
bool directed(const Insn& in) { return in.has(Mod_RP) || in.has(Mod_RM) || in.has(Mod_RZ); }

// NVIDIA arithmetic returns one NaN, 0x7fffffff.
u32 finishFloat(float v, bool ftz, bool saturate) {
  if (v != v) return saturate ? 0 : 0x7fffffffu;
  if (ftz && fabsf(v) < 1.17549435e-38f) v = copysignf(0.f, v);
  if (saturate) v = v > 0 ? (v < 1 ? v : 1.f) : 0.f;
  return asBits(v);
}

template <class F> void floatResult(Context& c, const Insn& in, F f) {
  bool ftz = in.has(Mod_FTZ), saturate = in.has(Mod_SAT);
  if (directed(in)) {
    RoundingScope scope(in);
    emit(c, in.o[0], [&](int l) { volatile float v = f(l); return finishFloat(v, ftz, saturate); });
  } else if (ftz || saturate) {
    emit(c, in.o[0], [&](int l) { return finishFloat(f(l), ftz, saturate); });
  } else {
    emit(c, in.o[0], [&](int l) { float v = f(l); return v != v ? 0x7fffffffu : asBits(v); });
  }
}

void execFadd(Context& c, const Insn& in) {
  Flt a(c, in.o[1], in.has(Mod_FTZ)), b(c, in.o[2], in.has(Mod_FTZ));
  floatResult(c, in, [&](int l) { return a[l] + b[l]; });
}

void execFmul(Context& c, const Insn& in) {
  Flt a(c, in.o[1], in.has(Mod_FTZ)), b(c, in.o[2], in.has(Mod_FTZ));
  floatResult(c, in, [&](int l) { return a[l] * b[l]; });
}

void execFfma(Context& c, const Insn& in) {
  Flt a(c, in.o[1], in.has(Mod_FTZ)), b(c, in.o[2], in.has(Mod_FTZ)), d(c, in.o[3], in.has(Mod_FTZ));
  floatResult(c, in, [&](int l) { return __builtin_fmaf(a[l], b[l], d[l]); });
}

// FFMA2, FADD2, FMUL2 (sm_100): the same on register pairs.
template <int kArgs, class F> void packedPair(Context& c, const Insn& in, F f) {
  if (in.has(Mod_FTZ) || directed(in)) unsupported(in, "rounding of a packed operation");
  alignas(64) u32 out[2][kLanes];
  for (int w = 0; w < 2; w++) {
    Raw a(c, in.o[1], w), b(c, in.o[2], w), d(c, in.o[kArgs], w);
    for (int l = 0; l < kLanes; l++) {
      float x = asFloat(a[l]), y = asFloat(b[l]), z = asFloat(d[l]);
      out[w][l] = finishFloat(f(in.o[1].neg ? -x : x, in.o[2].neg ? -y : y, in.o[kArgs].neg ? -z : z), false, false);
    }
  }
  writeRegister(c, in.o[0], out[0], 0);
  writeRegister(c, in.o[0], out[1], 1);
}
void execFfma2(Context& c, const Insn& in) { packedPair<3>(c, in, [](float a, float b, float d) { return __builtin_fmaf(a, b, d); }); }
void execFadd2(Context& c, const Insn& in) { packedPair<2>(c, in, [](float a, float b, float) { return a + b; }); }
void execFmul2(Context& c, const Insn& in) { packedPair<2>(c, in, [](float a, float b, float) { return a * b; }); }

template <class T> T chooseMinMax(T a, T b, bool minimum) {
  if (std::isnan(a)) return b;
  if (std::isnan(b)) return a;
  if (a == b) return std::signbit(a) == minimum ? a : b;   // -0 < +0
  return (a < b) == minimum ? a : b;
}

void execFmnmx(Context& c, const Insn& in) {
  Flt a(c, in.o[1], in.has(Mod_FTZ)), b(c, in.o[2], in.has(Mod_FTZ));
  u32 minimum = predicate(c, in.o[3]);
  bool keepNan = in.has(Mod_NAN);
  emit(c, in.o[0], [&](int l) {
    if (keepNan && (std::isnan(a[l]) || std::isnan(b[l]))) return 0x7fffffffu;
    float r = chooseMinMax(a[l], b[l], minimum >> l & 1);
    return std::isnan(r) ? 0x7fffffffu : asBits(r);
  });
}

// FCHK: must a / b take the slow path?  Exponents far from the middle say yes; the slow path is right for every operand.
void execFchk(Context& c, const Insn& in) {
  Flt a(c, in.o[1]), b(c, in.o[2]);
  writePredicate(c, in.o[0], laneMask([&](int l) {
    int ea = asBits(a[l]) >> 23 & 255, eb = asBits(b[l]) >> 23 & 255;
    return ea == 255 || eb == 255 || eb == 0 || eb > 252 || ea < 25 || abs(ea - eb) > 125;
  }));
}

void execMufu(Context& c, const Insn& in) {
  if (in.has(Mod_RCP64H) || in.has(Mod_RSQ64H)) {       // upper word of a double, in and out
    Flt a(c, in.o[1]);
    bool reciprocal = in.has(Mod_RCP64H);
    emit(c, in.o[0], [&](int l) {
      double d = asDouble((u64)a.p[l] << 32);
      return (u32)(asBits(reciprocal ? 1.0 / d : 1.0 / sqrt(d)) >> 32);
    });
    return;
  }
  if (in.has(Mod_F16)) unsupported(in);
  Flt a(c, in.o[1], true);                          // denormal inputs count as zero
  alignas(64) u32 r[kLanes];
  forLanes(c.mask, [&](int l) {
    double v = a[l], y;
    if (in.has(Mod_RCP)) y = 1.0 / v;
    else if (in.has(Mod_RSQ)) y = 1.0 / sqrt(v);
    else if (in.has(Mod_SQRT)) y = sqrt(v);
    else if (in.has(Mod_EX2)) y = exp2(v);
    else if (in.has(Mod_LG2)) y = log2(v);
    else if (in.has(Mod_SIN)) y = sin(v);             // range reduction came before: the argument is in radians
    else if (in.has(Mod_COS)) y = cos(v);
    else if (in.has(Mod_TANH)) y = tanh(v);
    else unsupported(in);
    r[l] = finishFloat((float)y, true, false);
  });
  writeRegister(c, in.o[0], r);
}

// ---------------------------------------------------------------------------------------------- double precision

template <class F> void doubleResult(Context& c, const Insn& in, F f) {
  auto bits = [](double v) { return v != v ? 0xfff8000000000000ull : asBits(v); };
  if (directed(in)) {
    RoundingScope scope(in);
    emit64(c, in.o[0], [&](int l) { volatile double v = f(l); return bits(v); });
  } else {
    emit64(c, in.o[0], [&](int l) { return bits(f(l)); });
  }
}

void execDadd(Context& c, const Insn& in) { Dbl a(c, in.o[1]), b(c, in.o[2]); doubleResult(c, in, [&](int l) { return a[l] + b[l]; }); }
void execDmul(Context& c, const Insn& in) { Dbl a(c, in.o[1]), b(c, in.o[2]); doubleResult(c, in, [&](int l) { return a[l] * b[l]; }); }
void execDfma(Context& c, const Insn& in) {
  Dbl a(c, in.o[1]), b(c, in.o[2]), d(c, in.o[3]);
  doubleResult(c, in, [&](int l) { return __builtin_fma(a[l], b[l], d[l]); });
}

// ---------------------------------------------------------------------------------------------- conversions

double roundToInteger(const Insn& in, double v) {
  if (in.has(Mod_TRUNC)) return trunc(v);
  if (in.has(Mod_FLOOR)) return floor(v);
  if (in.has(Mod_CEIL)) return ceil(v);
  return nearbyint(v);
}

u32 halfBits(u32 raw, const Operand& op) { return op.half == 1 ? raw >> 16 : raw & 0xffff; }

// One lane of a source that .F64, .F16, .BF16 or nothing (F32) describes, as a double.
struct FloatingSource {
  enum Type { kF32, kF64, kF16, kBf16 } type;
  const Operand& op;
  Raw lo, hi;
  FloatingSource(Context& c, const Operand& o, Type t) : type(t), op(o), lo(c, o, 0), hi(c, o, t == kF64 ? 1 : 0) {}
  double operator[](int l) const {
    double v = type == kF64 ? asDouble(lo[l] | (u64)hi[l] << 32) : type == kF16 ? halfToFloat((u16)halfBits(lo[l], op))
             : type == kBf16 ? bf16ToFloat((u16)halfBits(lo[l], op)) : asFloat(lo[l]);
    if (op.abs) v = fabs(v);
    return op.neg ? -v : v;
  }
};

u64 saturateToInt(double v, double low, double high, u64 lowBits, u64 highBits, u64 nanBits, bool isSigned) {
  if (std::isnan(v)) return nanBits;
  if (v <= low) return lowBits;
  if (v >= high) return highBits;
  return isSigned ? (u64)(s64)v : (u64)v;
}

void execF2i(Context& c, const Insn& in) {
  auto type = in.has(Mod_F64) ? FloatingSource::kF64 : in.has(Mod_F16) ? FloatingSource::kF16 : in.has(Mod_BF16) ? FloatingSource::kBf16 : FloatingSource::kF32;
  FloatingSource a(c, in.o[1], type);
  bool ftz = in.has(Mod_FTZ);
  const u64 nan32 = type == FloatingSource::kF64 ? 0x80000000u : 0;      // PTX on cvt: 0 unless source or destination has 64 bits
  auto value = [&](int l) { double v = a[l]; return roundToInteger(in, ftz && fabs(v) < 1.17549435e-38 ? 0.0 : v); };
  if (in.has(Mod_U64)) emit64(c, in.o[0], [&](int l) { return saturateToInt(value(l), 0, 0x1p64, 0, ~0ull, 1ull << 63, false); });
  else if (in.has(Mod_S64)) emit64(c, in.o[0], [&](int l) { return saturateToInt(value(l), -0x1p63, 0x1p63, 1ull << 63, ~0ull >> 1, 1ull << 63, true); });
  else if (in.has(Mod_U32)) emit(c, in.o[0], [&](int l) { return (u32)saturateToInt(value(l), 0, 0x1p32, 0, 0xffffffff, nan32, false); });
  else if (in.has(Mod_U16)) emit(c, in.o[0], [&](int l) { return (u32)saturateToInt(value(l), 0, 65535, 0, 65535, 0, false); });
  else if (in.has(Mod_U8)) emit(c, in.o[0], [&](int l) { return (u32)saturateToInt(value(l), 0, 255, 0, 255, 0, false); });
  else if (in.has(Mod_S16)) emit(c, in.o[0], [&](int l) { return (u32)saturateToInt(value(l), -32768, 32767, (u64)-32768, 32767, 0, true); });
  else if (in.has(Mod_S8)) emit(c, in.o[0], [&](int l) { return (u32)saturateToInt(value(l), -128, 127, (u64)-128, 127, 0, true); });
  else emit(c, in.o[0], [&](int l) { return (u32)saturateToInt(value(l), -0x1p31, 0x1p31 - 1, 0x80000000u, 0x7fffffff, nan32, true); });
}

template <class T> void storeConverted(Context& c, const Insn& in, const Operand& dst, T value) {
  RoundingScope scope(in);
  if (in.has(Mod_F64)) emit64(c, dst, [&](int l) { volatile double v = (double)value(l); return asBits((double)v); });
  else if (in.has(Mod_F16)) emit(c, dst, [&](int l) { return (u32)doubleToHalf((double)value(l)); });
  else if (in.has(Mod_BF16)) emit(c, dst, [&](int l) { return (u32)doubleToBf16((double)value(l)); });
  else emit(c, dst, [&](int l) { volatile float v = (float)value(l); return asBits((float)v); });
}

void execI2f(Context& c, const Insn& in) {
  const Operand& src = in.o[1];
  if (in.has(Mod_U64) || in.has(Mod_S64)) {
    Int64 a(c, src);
    if (in.has(Mod_U64)) storeConverted(c, in, in.o[0], [&](int l) { return a[l]; });
    else storeConverted(c, in, in.o[0], [&](int l) { return (s64)a[l]; });
    return;
  }
  Int a(c, src);
  int shift = src.byte > 0 ? 8 * src.byte : src.half > 0 ? 16 : 0;
  storeConverted(c, in, in.o[0], [&](int l) -> s64 {
    u32 v = a[l] >> shift;
    if (in.has(Mod_U32)) return v;
    if (in.has(Mod_U16)) return (u16)v;
    if (in.has(Mod_S16)) return (int16_t)v;
    if (in.has(Mod_U8)) return (u8)v;
    if (in.has(Mod_S8)) return (int8_t)v;
    return (s32)v;
  });
}

FloatingSource::Type typeNamed(const Insn& in, const std::string& name) {
  if (name == "F64") return FloatingSource::kF64;
  if (name == "F32") return FloatingSource::kF32;
  if (name == "F16") return FloatingSource::kF16;
  if (name == "BF16") return FloatingSource::kBf16;
  unsupported(in, "type " + name);
}

void execF2f(Context& c, const Insn& in) {   // F2F[.FTZ].<to>.<from>
  std::vector<std::string> types;
  for (const std::string& m : in.mods) if (m[0] == 'F' && m != "FTZ" && m != "FLOOR") types.push_back(m); else if (m == "BF16") types.push_back(m);
  if (types.size() != 2) unsupported(in);
  FloatingSource a(c, in.o[1], typeNamed(in, types[1]));
  auto to = typeNamed(in, types[0]);
  RoundingScope scope(in);
  if (to == FloatingSource::kF64) emit64(c, in.o[0], [&](int l) { return asBits(a[l]); });
  else if (to == FloatingSource::kF16) emit(c, in.o[0], [&](int l) { return (u32)doubleToHalf(a[l]); });
  else if (to == FloatingSource::kBf16) emit(c, in.o[0], [&](int l) { return (u32)doubleToBf16(a[l]); });
  else emit(c, in.o[0], [&](int l) { volatile float v = (float)a[l]; return finishFloat(v, in.has(Mod_FTZ), in.has(Mod_SAT)); });
}

void execF2fp(Context& c, const Insn& in) {  // two floats to a packed pair: first operand to the upper half
  Flt hi(c, in.o[1]), lo(c, in.o[2]);
  bool bf = in.has(Mod_BF16), relu = in.has(Mod_RELU);
  auto half = [&](float v) -> u32 {
    if (relu && !(v > 0) && v == v) v = 0;
    return bf ? floatToBf16(v) : doubleToHalf(v);
  };
  emit(c, in.o[0], [&](int l) { return half(hi[l]) << 16 | half(lo[l]); });
}

void execFrnd(Context& c, const Insn& in) {
  if (in.has(Mod_F64)) { Dbl a(c, in.o[1]); emit64(c, in.o[0], [&](int l) { return asBits(roundToInteger(in, a[l])); }); return; }
  Flt a(c, in.o[1], in.has(Mod_FTZ));
  emit(c, in.o[0], [&](int l) { return asBits((float)roundToInteger(in, a[l])); });
}

// ---------------------------------------------------------------------------------------------- packed halves

struct HalfPair {                    // both halves of an operand of a packed instruction
  float v[2][kLanes];
};

// Reads operand k; two immediates in a row (upper, lower) make one operand.  Returns the index of the next operand.
int readHalves(Context& c, const Insn& in, int k, bool bf, HalfPair& out) {
  const Operand& op = in.o[k];
  if (op.kind == Operand::Imm && op.isFloat && k + 1 < (int)in.o.size() && in.o[k + 1].kind == Operand::Imm) {
    for (int l = 0; l < kLanes; l++) {
      out.v[1][l] = asFloat((u32)op.imm);
      out.v[0][l] = asFloat((u32)in.o[k + 1].imm);
    }
    return k + 2;
  }
  Raw raw(c, op);
  for (int h = 0; h < 2; h++)
    for (int l = 0; l < kLanes; l++) {
      u16 bits = (u16)((op.half < 0 ? h : op.half) ? raw[l] >> 16 : raw[l]);
      float v = op.asF32 ? asFloat(raw[l]) : bf ? bf16ToFloat(bits) : halfToFloat(bits);
      if (op.abs) v = fabsf(v);
      out.v[h][l] = op.neg ? -v : v;
    }
  return k + 1;
}

u32 packHalf(const Insn& in, double v, bool bf) {
  if (in.has(Mod_RELU) && (v < 0 || (v == 0 && std::signbit(v)))) v = 0;
  if (in.has(Mod_SAT)) v = v > 0 ? (v < 1 ? v : 1) : 0;
  return bf ? doubleToBf16(v) : doubleToHalf(v);
}

// HADD2, HMUL2, HFMA2: computed in double (exact up to the final rounding of sums of far-apart products).
template <int kArgs, class F> void halfArithmetic(Context& c, const Insn& in, F f) {
  bool bf = in.has(Mod_BF16_V2);
  HalfPair a, b, d{};
  int k = readHalves(c, in, 1, bf, a);
  k = readHalves(c, in, k, bf, b);
  if (kArgs == 3) readHalves(c, in, k, bf, d);
  if (in.has(Mod_F32)) { emit(c, in.o[0], [&](int l) { return finishFloat((float)f(a.v[0][l], b.v[0][l], d.v[0][l]), false, in.has(Mod_SAT)); }); return; }
  emit(c, in.o[0], [&](int l) {
    return packHalf(in, f(a.v[0][l], b.v[0][l], d.v[0][l]), bf) | packHalf(in, f(a.v[1][l], b.v[1][l], d.v[1][l]), bf) << 16;
  });
}
void execHadd2(Context& c, const Insn& in) { halfArithmetic<2>(c, in, [](double a, double b, double) { return a + b; }); }
void execHmul2(Context& c, const Insn& in) { halfArithmetic<2>(c, in, [](double a, double b, double) { return a * b; }); }

void execHfma2(Context& c, const Insn& in) {
  // HFMA2 R, -RZ, RZ, hi, lo is how the compiler loads a 32-bit constant through this pipe.
  bool constant = in.o.size() == 5 && in.o[1].kind == Operand::Reg && in.o[1].index == kRZ && in.o[2].index == kRZ && in.o[3].kind == Operand::Imm;
  if (constant && in.mods.size() <= (size_t)(in.has(Mod_MMA) + in.has(Mod_BF16_V2))) {
    bool bf = in.has(Mod_BF16_V2);
    auto bits = [&](const Operand& op) -> u32 { float v = asFloat((u32)op.imm); return bf ? floatToBf16(v) : doubleToHalf(v); };
    u32 v = bits(in.o[3]) << 16 | bits(in.o[4]);
    emit(c, in.o[0], [&](int) { return v; });
    return;
  }
  halfArithmetic<3>(c, in, [](double a, double b, double d) { return __builtin_fma(a, b, d); });
}

void execHmnmx2(Context& c, const Insn& in) {
  bool bf = in.has(Mod_BF16_V2);
  HalfPair a, b;
  int k = readHalves(c, in, 1, bf, a);
  k = readHalves(c, in, k, bf, b);
  u32 minimum = predicate(c, in.o[k]);
  emit(c, in.o[0], [&](int l) {
    u32 r[2];
    for (int h = 0; h < 2; h++) {
      bool nan = in.has(Mod_NAN) && (std::isnan(a.v[h][l]) || std::isnan(b.v[h][l]));
      r[h] = nan ? 0x7fff : packHalf(in, chooseMinMax(a.v[h][l], b.v[h][l], minimum >> l & 1), bf);
    }
    return r[0] | r[1] << 16;
  });
}

void execHsetp2(Context& c, const Insn& in) {     // P from the lower halves, Q from the upper ones
  bool bf = in.has(Mod_BF16_V2);
  HalfPair a, b;
  int k = readHalves(c, in, 2, bf, a);
  k = readHalves(c, in, k, bf, b);
  u32 other = predicate(c, in.o[k]);
  writePredicate(c, in.o[0], combine(in, compareFloats<float[kLanes]>(in, a.v[0], b.v[0]), other));
  writePredicate(c, in.o[1], combine(in, compareFloats<float[kLanes]>(in, a.v[1], b.v[1]), other));
}

// ---------------------------------------------------------------------------------------------- tensor cores

float tf32(u32 bits) { return asFloat(bits & 0xffffe000u); }

// D(16x8) = A(16xK) B(KxN=8) + C.  Fragments as the PTX manual lays them out: with g = lane / 4 and t = lane % 4,
// A registers alternate rows g, g+8 and step through K; B registers step through K at column g; C holds rows g, g+8 and
// columns 2t, 2t+1.  Sums are formed in double and rounded once, so they may differ from the hardware in the last bits.
struct Fragments {
  int k;
  float a[16][16], b[16][8];
};

void loadFragments(Context& c, const Insn& in, Fragments& f) {
  bool wide = in.has(Mod_TF32), bf = in.has(Mod_BF16);
  int perRegister = wide ? 1 : 2;
  f.k = in.has(Mod_16816) ? 16 : in.has(Mod_1688) ? 8 : 4;
  int stepK = 4 * perRegister, aRegisters = 2 * f.k / stepK, bRegisters = f.k / stepK;
  auto element = [&](u32 r, int i) { return wide ? tf32(r) : bf ? bf16ToFloat((u16)(r >> (16 * i))) : halfToFloat((u16)(r >> (16 * i))); };
  for (int l = 0; l < kLanes; l++) {
    int g = l / 4, t = l % 4;
    for (int r = 0; r < aRegisters; r++) {
      u32 v = c.w->R[in.o[1].index == kRZ ? kRZ : in.o[1].index + r][l];
      for (int i = 0; i < perRegister; i++) f.a[g + 8 * (r & 1)][stepK * (r / 2) + perRegister * t + i] = element(v, i);
    }
    for (int r = 0; r < bRegisters; r++) {
      u32 v = c.w->R[in.o[2].index == kRZ ? kRZ : in.o[2].index + r][l];
      for (int i = 0; i < perRegister; i++) f.b[stepK * r + perRegister * t + i][g] = element(v, i);
    }
  }
}

void execHmma(Context& c, const Insn& in) {
  if (c.mask != kAllLanes) throw Error("barrier", "tensor-core instruction with part of the warp" + where(c, in, 0));
  Fragments f;
  loadFragments(c, in, f);
  bool single = in.has(Mod_F32);
  const Operand& addend = in.o[3];
  alignas(64) u32 out[4][kLanes];
  auto accumulator = [&](int word, int l) { return c.w->R[addend.index == kRZ ? kRZ : addend.index + word][l]; };
  for (int l = 0; l < kLanes; l++)
    for (int e = 0; e < 4; e++) {
      int row = l / 4 + 8 * (e / 2), column = 2 * (l % 4) + (e & 1);
      double sum = single ? asFloat(accumulator(e, l)) : halfToFloat((u16)(accumulator(e / 2, l) >> (16 * (e & 1))));
      for (int k = 0; k < f.k; k++) sum += (double)f.a[row][k] * f.b[k][column];
      if (single) out[e][l] = finishFloat((float)sum, false, false);
      else if (e & 1) out[e / 2][l] |= (u32)doubleToHalf(sum) << 16;
      else out[e / 2][l] = doubleToHalf(sum);
    }
  for (int w = 0; w < (single ? 4 : 2); w++) writeRegister(c, in.o[0], out[w], w);
}

// ---------------------------------------------------------------------------------------------- special registers

u32 specialRegister(Context& c, const Insn& in, const std::string& name, int l) {
  if (name == "SR_TID.X") return c.threadIndex(l, 0);
  if (name == "SR_TID.Y") return c.threadIndex(l, 1);
  if (name == "SR_TID.Z") return c.threadIndex(l, 2);
  if (name == "SR_TID") return c.threadIndex(l, 0) | c.threadIndex(l, 1) << 16 | c.threadIndex(l, 2) << 26;
  if (name == "SR_CTAID.X") return c.b.id[0];
  if (name == "SR_CTAID.Y") return c.b.id[1];
  if (name == "SR_CTAID.Z") return c.b.id[2];
  if (name == "SR_NTID.X" || name == "SR_NTID.Y" || name == "SR_NTID.Z") return c.m.block[name[8] - 'X'];
  if (name == "SR_NCTAID.X" || name == "SR_NCTAID.Y" || name == "SR_NCTAID.Z") return c.m.grid[name[10] - 'X'];
  if (name == "SR_LANEID") return l;
  if (name == "SR_EQMASK") return 1u << l;
  if (name == "SR_LTMASK") return (1u << l) - 1;
  if (name == "SR_LEMASK") return (2u << l) - 1;
  if (name == "SR_GTMASK") return ~((2u << l) - 1);
  if (name == "SR_GEMASK") return ~((1u << l) - 1);
  if (name == "SR_WARPID" || name == "SR_VIRTID") return c.w->id;
  if (name == "SR_SWINHI") return (u32)(kSharedWindow >> 32);
  if (name == "SR_LWINHI") return (u32)(kLocalWindow >> 32);
  bool zero = name == "SRZ" || name == "SR_CgaCtaId" || name == "SR_SMID" || name.rfind("SR_CLOCK", 0) == 0 || name.rfind("SR_GLOBALTIMER", 0) == 0;
  if (zero) return 0;
  unsupported(in, "special register " + name);
}

void execS2r(Context& c, const Insn& in) {
  const std::string& name = in.o[1].text;
  emit(c, in.o[0], [&](int l) { return specialRegister(c, in, name, l); });
  if (in.op == "CS2R" && !in.has(Mod_32)) { const u32 zero[kLanes] = {}; writeRegister(c, in.o[0], zero, 1); }
}

void execP2r(Context& c, const Insn& in) {        // P2R R, PR, base, mask;  UP2UR UR, UPR, base, mask
  if (in.o.size() != 4) unsupported(in);
  const u32* predicates = in.op[0] == 'U' ? c.w->UP : c.w->P;
  Int base(c, in.o[2]), mask(c, in.o[3]);
  emit(c, in.o[0], [&](int l) {
    u32 v = 0;
    for (int k = 0; k < 7; k++) v |= (predicates[k] >> l & 1) << k;
    return (v & mask[l]) | (base[l] & ~mask[l]);
  });
}

void execR2p(Context& c, const Insn& in) {        // R2P PR, a, mask
  Int a(c, in.o[1]), mask(c, in.o[2]);
  for (int k = 0; k < 7; k++) {
    u32 chosen = laneMask([&](int l) { return mask[l] >> k & 1; }) & c.mask, set = laneMask([&](int l) { return a[l] >> k & 1; });
    c.w->P[k] = (c.w->P[k] & ~chosen) | (set & chosen);
  }
}

}  // namespace

struct OpInfo { ExecFn exec; const char* mods; };

extern const std::map<std::string, OpInfo> kAluOps;
const std::map<std::string, OpInfo> kAluOps = {
    {"MOV", {execMov, "64 SPILL"}}, {"MOV32I", {execMov, ""}}, {"UMOV", {execMov, "64"}}, {"R2UR", {execMov, "FILL"}},
    {"SEL", {execSel, "64"}}, {"USEL", {execSel, "64"}}, {"FSEL", {execFsel, "FTZ"}},
    {"PRMT", {execPrmt, ""}}, {"UPRMT", {execPrmt, ""}},
    {"LOP3", {execLop3, "LUT"}}, {"ULOP3", {execLop3, "LUT"}}, {"PLOP3", {execPlop3, "LUT"}}, {"UPLOP3", {execPlop3, "LUT"}},
    {"SHF", {execShf, "L R U32 S32 U64 S64 HI W"}}, {"USHF", {execShf, "L R U32 S32 U64 S64 HI W"}},
    {"POPC", {execPopc, ""}}, {"UPOPC", {execPopc, ""}}, {"FLO", {execFlo, "U32 SH"}}, {"UFLO", {execFlo, "U32 SH"}},
    {"BREV", {execBrev, ""}}, {"UBREV", {execBrev, ""}}, {"SGXT", {execSgxt, "U32 W"}}, {"USGXT", {execSgxt, "U32 W"}},
    {"BMSK", {execBmsk, "W"}}, {"UBMSK", {execBmsk, "W"}},
    {"IADD3", {execIadd3, "X 64"}}, {"UIADD3", {execIadd3, "X 64"}}, {"IADD", {execIadd, "X 64"}}, {"UIADD", {execIadd, "X 64"}},
    {"VIADD", {execIadd, ""}}, {"UVIADD", {execIadd, ""}},
    {"IMAD", {execImad, "WIDE HI U32 X MOV SHL IADD"}}, {"UIMAD", {execImad, "WIDE HI U32 X MOV SHL IADD"}},
    {"LEA", {execLea, "HI X SX32"}}, {"ULEA", {execLea, "HI X SX32"}},
    {"IABS", {execIabs, ""}}, {"UIABS", {execIabs, ""}},
    {"IMNMX", {execImnmx, "U32 S32 S64 U64"}}, {"VIMNMX", {execImnmx, "U32 S32"}}, {"UVIMNMX", {execImnmx, "U32 S32"}}, {"UIMNMX", {execImnmx, "U32 S32 S64 U64"}},
    {"VIADDMNMX", {execViaddmnmx, "U32 RELU"}}, {"VABSDIFF", {execVabsdiff, "U32"}}, {"IDP", {execIdp, "4A 2A LO HI S8 U8 S16 U16"}},
    {"I2IP", {execI2ip, "U8 S8 U16 S16 S32 SAT"}},
    {"ISETP", {execIsetp, "LT LE GT GE EQ NE T F U32 U64 S64 AND OR XOR EX"}}, {"UISETP", {execIsetp, "LT LE GT GE EQ NE T F U32 U64 S64 AND OR XOR EX"}},
    {"FSETP", {execFsetp, "LT LE GT GE EQ NE LTU LEU GTU GEU EQU NEU NUM NAN AND OR XOR FTZ"}},
    {"UFSETP", {execFsetp, "LT LE GT GE EQ NE LTU LEU GTU GEU EQU NEU NUM NAN AND OR XOR FTZ"}},
    {"FSET", {execFset, "BF LT LE GT GE EQ NE LTU LEU GTU GEU EQU NEU NUM NAN AND OR XOR FTZ"}},
    {"DSETP", {execDsetp, "LT LE GT GE EQ NE LTU LEU GTU GEU EQU NEU NUM NAN MIN MAX AND OR XOR"}},
    {"FADD", {execFadd, "FTZ SAT RN RM RP RZ"}}, {"FMUL", {execFmul, "FTZ SAT RN RM RP RZ"}}, {"FFMA", {execFfma, "FTZ SAT RN RM RP RZ"}},
    {"FADD2", {execFadd2, "FTZ RM RP RZ"}}, {"FMUL2", {execFmul2, "FTZ RM RP RZ"}}, {"FFMA2", {execFfma2, "FTZ RM RP RZ"}},
    {"FMNMX", {execFmnmx, "FTZ NAN"}}, {"FCHK", {execFchk, ""}},
    {"MUFU", {execMufu, "RCP RSQ SQRT EX2 LG2 SIN COS TANH RCP64H RSQ64H F16"}},
    {"DADD", {execDadd, "RM RP RZ"}}, {"DMUL", {execDmul, "RM RP RZ"}}, {"DFMA", {execDfma, "RM RP RZ"}},
    {"I2F", {execI2f, "U8 S8 U16 S16 U32 S32 U64 S64 F16 F64 BF16 RM RP RZ"}}, {"UI2F", {execI2f, "U32 S32 RM RP RZ"}}, {"I2FP", {execI2f, "F32 U32 S32 RM RP RZ"}},
    {"F2I", {execF2i, "FTZ NTZ TRUNC FLOOR CEIL U8 S8 U16 S16 U32 U64 S64 F64 F16 BF16"}}, {"UF2I", {execF2i, "FTZ NTZ TRUNC FLOOR CEIL U32"}},
    {"F2F", {execF2f, "FTZ SAT F64 F32 F16 BF16 RM RP RZ"}}, {"F2FP", {execF2fp, "F16 F32 BF16 PACK_AB RELU"}}, {"FRND", {execFrnd, "FTZ F64 TRUNC FLOOR CEIL"}},
    {"HADD2", {execHadd2, "F32 BF16_V2 SAT MMA"}}, {"HMUL2", {execHmul2, "BF16_V2 SAT MMA"}}, {"HFMA2", {execHfma2, "BF16_V2 SAT RELU MMA F32"}},
    {"HMNMX2", {execHmnmx2, "BF16_V2 NAN"}}, {"HSETP2", {execHsetp2, "BF16_V2 LT LE GT GE EQ NE LTU LEU GTU GEU EQU NEU NUM NAN AND OR XOR"}},
    {"HMMA", {execHmma, "16816 1688 1684 F32 F16 BF16 TF32"}},
    {"S2R", {execS2r, ""}}, {"S2UR", {execS2r, ""}}, {"CS2R", {execS2r, "32"}}, {"P2R", {execP2r, ""}}, {"UP2UR", {execP2r, ""}}, {"R2P", {execR2p, ""}},
};

}  // namespace sass
