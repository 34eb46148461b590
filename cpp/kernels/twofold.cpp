// Compile with -ffp-contract=off: a product fused into one of the sums below breaks them.
#include "kernels/twofold.hpp"

#include <cmath>

#include "kernels/double_double.hpp"
#include "kernels/simd.hpp"

namespace limbeck {

namespace {

using V = Simd<double>::Vector;
constexpr Index width = Simd<double>::width;

// Unevaluated sums, one in each lane.
struct Sums {
  V high{}, low{};

  void add(V value, V error) {
    const V s = high + value, t = s - high;
    low += ((high - (s - t)) + (value - t)) + error;
    high = s;
  }
#ifdef __FMA__
  void subtract_product(V a, V b) {
    const V product = a * b;
    V error;
#pragma GCC unroll 16
    for (Index l = 0; l < width; ++l) error[l] = __builtin_fma(a[l], b[l], -product[l]);
    add(-product, -error);
  }
#else
  // Halves of 26 bits, whose products are exact (Dekker 1971). Beyond 1e300 splitting overflows.
  static void split(V a, V* high, V* low) {
    const V scaled = a * 134217729.0;
    *high = scaled - (scaled - a);
    *low = a - *high;
  }
  void subtract_product(V a, V b) {
    const V product = a * b;
    V a1, a2, b1, b2;
    split(a, &a1, &a2);
    split(b, &b1, &b2);
    add(-product, -(((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2));
  }
#endif
};

V load(const double* from) { return Simd<double>::load(from); }
V load(const float* from) {
  V v;
#pragma GCC unroll 16
  for (Index l = 0; l < width; ++l) v[l] = from[l];
  return v;
}

// The last, incomplete vector of a row.
template <class T>
V load_some(const T* from, Index count) {
  V v{};
  for (Index l = 0; l < count; ++l) v[l] = from[l];
  return v;
}

double total(const Sums& sums, const double* start, const double* second_start, Index at) {
  DoubleDouble sum = DoubleDouble::sum(start ? start[at] : 0.0, second_start ? second_start[at] : 0.0);
  for (Index l = 0; l < width; ++l) sum += DoubleDouble::sum(sums.high[l], sums.low[l]);
  return static_cast<double>(sum);
}

}  // namespace

template <class T>
void twofold_residual(const Execution& exec, const T* X, Index n, Index p, const double* b, const double* start,
                      const double* second_start, double* out) {
  const Index rows = std::max<Index>(1, 8192 / std::max<Index>(p, 1));
  const Index whole = p / width * width;
  exec.for_each((n + rows - 1) / rows, 10.0 * n * p, [&](Index task) {
    for (Index i = task * rows; i < std::min(n, (task + 1) * rows); ++i) {
      const T* row = X + i * p;
      Sums even, odd;  // two, since a sum waits for the one before
      Index j = 0;
      for (; j + 2 * width <= whole; j += 2 * width) {
        even.subtract_product(load(row + j), load(b + j));
        odd.subtract_product(load(row + j + width), load(b + j + width));
      }
      for (; j < whole; j += width) even.subtract_product(load(row + j), load(b + j));
      if (j < p) odd.subtract_product(load_some(row + j, p - j), load_some(b + j, p - j));
      even.add(odd.high, odd.low);
      out[i] = total(even, start, second_start, i);
    }
  });
}

template <class T>
void twofold_transposed_residual(const Execution& exec, const T* X, Index n, Index p, const double* c,
                                 const double* start, const double* second_start, double* out) {
  // Lanes of rows, so that narrow matrices make tasks as well; columns in blocks whose sums stay at hand.
  constexpr Index columns = 32 * width, rows_per_lane = 2048, most_lanes = 16;
  const Index blocks = (p + columns - 1) / columns;
  const Index lanes = std::max<Index>(1, std::min(most_lanes, n / rows_per_lane));
  std::vector<Sums> sums(lanes * blocks * (columns / width));
  exec.for_each(lanes * blocks, 10.0 * n * p, [&](Index task) {
    const Index lane = task / blocks, block = task % blocks, first = block * columns;
    const Index count = std::min(columns, p - first), whole = count / width;
    Sums own[columns / width];
    for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i) {
      const T* row = X + i * p + first;
      const V factor = V{} + c[i];
      for (Index v = 0; v < whole; ++v) own[v].subtract_product(load(row + v * width), factor);
      if (whole * width < count) {
        own[whole].subtract_product(load_some(row + whole * width, count - whole * width), factor);
      }
    }
    std::copy(own, own + columns / width, sums.begin() + task * (columns / width));
  });
  for (Index j = 0; j < p; ++j) {
    const Index vector = j / width, l = j % width;
    DoubleDouble sum = DoubleDouble::sum(start ? start[j] : 0.0, second_start ? second_start[j] : 0.0);
    for (Index lane = 0; lane < lanes; ++lane) {
      const Sums& part = sums[lane * blocks * (columns / width) + vector];
      sum += DoubleDouble::sum(part.high[l], part.low[l]);
    }
    out[j] = static_cast<double>(sum);
  }
}

#define LIMBECK_INSTANTIATE(T)                                                                                      \
  template void twofold_residual(const Execution&, const T*, Index, Index, const double*, const double*,            \
                                 const double*, double*);                                                           \
  template void twofold_transposed_residual(const Execution&, const T*, Index, Index, const double*, const double*, \
                                            const double*, double*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck
