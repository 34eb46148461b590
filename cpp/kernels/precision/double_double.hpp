// Double-double arithmetic: an unevaluated sum of two doubles, about 32 digits.
//
// Files that include this header are compiled with -ffp-contract=off, because a product fused into one of the sums
// below would break them. Sources: Dekker, A floating-point technique for extending the available precision, Numer.
// Math. 18 (1971); Hida, Li and Bailey, Algorithms for quad-double precision floating point arithmetic, ARITH-15
// (2001).
#pragma once

// Contraction of a compiled file cannot be seen by the preprocessor, so files that are compiled without it are marked
// (sources.cmake).
#ifndef LIMBECK_NO_CONTRACTION
#error "Compile with -ffp-contract=off, and define LIMBECK_NO_CONTRACTION."
#endif

#include <cmath>

namespace limbeck::precision {

struct DoubleDouble {
  double high = 0, low = 0;

  DoubleDouble() = default;
  DoubleDouble(double value) : high(value) {}  // NOLINT: a double is a DoubleDouble
  DoubleDouble(double h, double l) : high(h), low(l) {}
  explicit operator double() const { return high + low; }

  // a + b exactly, whatever their sizes; quick_sum needs |a| >= |b|.
  static DoubleDouble sum(double a, double b) {
    const double s = a + b, t = s - a;
    return {s, (a - (s - t)) + (b - t)};
  }
  static DoubleDouble quick_sum(double a, double b) {
    const double s = a + b;
    return {s, b - (s - a)};
  }
  static DoubleDouble product(double a, double b) {
    const double p = a * b;
    return {p, std::fma(a, b, -p)};
  }
};

inline DoubleDouble operator-(DoubleDouble a) { return {-a.high, -a.low}; }
inline DoubleDouble operator+(DoubleDouble a, DoubleDouble b) {
  DoubleDouble s = DoubleDouble::sum(a.high, b.high);
  const DoubleDouble t = DoubleDouble::sum(a.low, b.low);
  s = DoubleDouble::quick_sum(s.high, s.low + t.high);
  return DoubleDouble::quick_sum(s.high, s.low + t.low);
}
inline DoubleDouble operator-(DoubleDouble a, DoubleDouble b) { return a + (-b); }
inline DoubleDouble operator*(DoubleDouble a, DoubleDouble b) {
  const DoubleDouble p = DoubleDouble::product(a.high, b.high);
  return DoubleDouble::quick_sum(p.high, p.low + (a.high * b.low + a.low * b.high));
}
inline DoubleDouble operator/(DoubleDouble a, DoubleDouble b) {
  const double q1 = a.high / b.high;
  const DoubleDouble r1 = a - b * q1;
  const double q2 = r1.high / b.high;
  const DoubleDouble r2 = r1 - b * q2;
  return DoubleDouble::quick_sum(q1, q2) + r2.high / b.high;
}
inline DoubleDouble& operator+=(DoubleDouble& a, DoubleDouble b) { return a = a + b; }

// Square root of a number that is not negative (a negative one counts as zero): one Newton step from the double.
inline DoubleDouble sqrt(DoubleDouble a) {
  if (!(a.high > 0)) return 0.0;
  const double root = std::sqrt(a.high);
  return DoubleDouble::sum(root, static_cast<double>(a - DoubleDouble::product(root, root)) / (2 * root));
}

// Sine and cosine of a double in [0, pi]: Taylor series at angle / 16, then four doublings.
inline void sine_cosine(double angle, DoubleDouble* sine, DoubleDouble* cosine) {
  constexpr int doublings = 4, terms = 13;  // (pi / 16)^26 / 26! is below 1e-44
  const DoubleDouble x = angle / 16, x2 = x * x;
  DoubleDouble s = 0.0, c = 0.0;
  for (int n = terms; n >= 1; --n) {
    s = (DoubleDouble(1.0) + s) * x2 / DoubleDouble(-(2.0 * n) * (2.0 * n + 1));
    c = (DoubleDouble(1.0) + c) * x2 / DoubleDouble(-(2.0 * n - 1) * (2.0 * n));
  }
  s = x * (DoubleDouble(1.0) + s);
  // 1 - cos is doubled in place of cos, which keeps the digits of small angles: v -> 2 v (2 - v).
  DoubleDouble v = -c;
  for (int i = 0; i < doublings; ++i) {
    s = s * (DoubleDouble(1.0) - v) * 2.0;
    v = v * (DoubleDouble(2.0) - v) * 2.0;
  }
  *sine = s;
  *cosine = DoubleDouble(1.0) - v;
}

// The angle of the point (c, s), s >= 0, in [0, pi]: one Newton step from the double.
inline DoubleDouble angle_of(DoubleDouble s, DoubleDouble c) {
  const double start = std::atan2(s.high, c.high);
  DoubleDouble sine, cosine;
  sine_cosine(start, &sine, &cosine);
  const DoubleDouble radius = sqrt(s * s + c * c);
  if (radius.high == 0) return 0.0;
  return DoubleDouble(start) + (s * cosine - c * sine) / radius;
}

}  // namespace limbeck::precision
