// Compile with -ffp-contract=off: a product fused into one of the sums below breaks them.
#include "kernels/precision/dot2.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/core/simd.hpp"
#include "kernels/precision/double_double.hpp"

namespace limbeck::precision {

namespace {

using V = core::Simd<double>::Vector;
constexpr Index width = core::Simd<double>::width;

// Unevaluated sums, one in each lane.
struct Sums {
  V high{}, low{};

  void add(V value, V error) {
    const V s = high + value, t = s - high;
    low += ((high - (s - t)) + (value - t)) + error;
    high = s;
  }
#ifdef __FMA__
  void add_product(V a, V b) {
    const V product = a * b;
    V error;
#pragma GCC unroll 16
    for (Index l = 0; l < width; ++l) error[l] = __builtin_fma(a[l], b[l], -product[l]);
    add(product, error);
  }
#else
  // Halves of 26 bits, whose products are exact (Dekker 1971). Beyond 1e300 splitting overflows.
  static void split(V a, V* high, V* low) {
    const V scaled = a * 134217729.0;
    *high = scaled - (scaled - a);
    *low = a - *high;
  }
  void add_product(V a, V b) {
    const V product = a * b;
    V a1, a2, b1, b2;
    split(a, &a1, &a2);
    split(b, &b1, &b2);
    add(product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2);
  }
#endif
};

V load(const double* from) { return core::Simd<double>::load(from); }
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

void add_to(double high, double low, DoubleDouble* sum) {
  const DoubleDouble whole = DoubleDouble::sum(sum->high, high);
  *sum = {whole.high, sum->low + (whole.low + low)};
}

DoubleDouble total(const Sums& sums, double start) {
  DoubleDouble sum = start;
  for (Index l = 0; l < width; ++l) add_to(sums.high[l], sums.low[l], &sum);
  return DoubleDouble::quick_sum(sum.high, sum.low);
}

// y - <row, b + b_low>.
template <class T>
DoubleDouble residual(const T* row, const double* b, const double* b_low, Index p, double y) {
  const Index whole = p / width * width;
  Sums even, odd;  // two, since a sum waits for the one before
  Index j = 0;
  for (; j + 2 * width <= whole; j += 2 * width) {
    even.add_product(load(row + j), load(b + j));
    odd.add_product(load(row + j + width), load(b + j + width));
  }
  for (; j < whole; j += width) even.add_product(load(row + j), load(b + j));
  if (j < p) odd.add_product(load_some(row + j, p - j), load_some(b + j, p - j));
  even.add(odd.high, odd.low);
  if (b_low) {
    for (j = 0; j < whole; j += width) even.low += load(row + j) * load(b_low + j);
    if (j < p) even.low += load_some(row + j, p - j) * load_some(b_low + j, p - j);
  }
  return -total(even, -y);
}

// sums += factor * row.
template <class T>
void add_multiple(const T* row, Index count, DoubleDouble factor, Sums* sums) {
  const V high = V{} + factor.high, low = V{} + factor.low;
  const Index whole = count / width;
  const auto add = [&](V x, Sums* to) {
    to->add_product(x, high);
    to->low += x * low;
  };
  for (Index v = 0; v < whole; ++v) add(load(row + v * width), sums + v);
  if (whole * width < count) add(load_some(row + whole * width, count - whole * width), sums + whole);
}

// Sums of all lanes, `lane_size` vectors apart.
void add_lanes(const Sums* sums, Index lanes, Index lane_size, Index count, double* out) {
  for (Index j = 0; j < count; ++j) {
    DoubleDouble sum = 0.0;
    for (Index lane = 0; lane < lanes; ++lane) {
      const Sums& part = sums[lane * lane_size + j / width];
      add_to(part.high[j % width], part.low[j % width], &sum);
    }
    out[j] = static_cast<double>(sum);
  }
}

// Number of lanes to deal rows to.
Index lanes_for(Index n, Index p) {
  // A lane of 65,536 numbers takes about as long as a team of threads takes to start; lanes are added up one after the
  // other, so there are no more than 16.
  constexpr Index numbers_per_lane = 1 << 16, most_lanes = 16;
  return std::clamp<Index>(n * p / numbers_per_lane, 1, std::min(n, most_lanes));
}

}  // namespace

template <class T>
void dot2_residual(const Execution& exec, const T* X, Index n, Index p, Index q, const double* B, const double* B_low,
                   const double* Y, double* R) {
  const Index rows = std::max<Index>(1, 8192 / std::max<Index>(p, 1));  // 8192 numbers of X in a task
  exec.for_each(core::ceil_div(n, rows), 10.0 * n * p * q, [&](Index task) {
    for (Index i = task * rows; i < std::min(n, (task + 1) * rows); ++i) {
      for (Index t = 0; t < q; ++t) {
        R[t * n + i] =
            static_cast<double>(residual(X + i * p, B + t * p, B_low ? B_low + t * p : nullptr, p, Y[t * n + i]));
      }
    }
  });
}

template <class T>
void dot2_combination(const Execution& exec, const T* X, Index n, Index p, Index q, const double* C, double* out) {
  // Columns in blocks of 32 vectors, whose sums stay in the first-level cache; wide matrices make tasks as well.
  constexpr Index vectors = 32, columns = vectors * width;
  const Index blocks = core::ceil_div(p, columns), lanes = lanes_for(n, std::min(p, columns));
  std::vector<Sums> sums(lanes * blocks * q * vectors);
  exec.for_each(lanes * blocks, 10.0 * n * p * q, [&](Index task) {
    const Index lane = task / blocks, block = task % blocks, first = block * columns;
    Sums* own = sums.data() + task * q * vectors;
    for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i) {
      for (Index t = 0; t < q; ++t) {
        add_multiple(X + i * p + first, std::min(columns, p - first), C[t * n + i], own + t * vectors);
      }
    }
  });
  for (Index t = 0; t < q; ++t) {
    for (Index block = 0; block < blocks; ++block) {
      const Index first = block * columns;
      add_lanes(sums.data() + (block * q + t) * vectors, lanes, blocks * q * vectors, std::min(columns, p - first),
                out + t * p + first);
    }
  }
}

template <class T>
void dot2_gradient(const Execution& exec, const T* X, Index n, Index p, Index q, const double* B, const double* B_low,
                   const double* Y, double* gradient, double* squares) {
  const Index vectors = core::ceil_div(p, width), lanes = lanes_for(n, p);
  std::vector<Sums> sums(lanes * q * vectors);
  std::vector<double> lane_squares(lanes * q);
  exec.for_each(lanes, 20.0 * n * p * q, [&](Index lane) {
    for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i) {
      for (Index t = 0; t < q; ++t) {
        const DoubleDouble r = residual(X + i * p, B + t * p, B_low ? B_low + t * p : nullptr, p, Y[t * n + i]);
        add_multiple(X + i * p, p, r, sums.data() + (lane * q + t) * vectors);
        lane_squares[lane * q + t] += r.high * r.high;
      }
    }
  });
  for (Index t = 0; t < q; ++t) {
    add_lanes(sums.data() + t * vectors, lanes, q * vectors, p, gradient + t * p);
    squares[t] = 0;
    for (Index lane = 0; lane < lanes; ++lane) squares[t] += lane_squares[lane * q + t];
  }
}

void add_unevaluated(const std::vector<double>& change, std::vector<double>* high, std::vector<double>* low) {
  for (std::size_t i = 0; i < change.size(); ++i) {
    const DoubleDouble sum = DoubleDouble::sum((*high)[i], change[i]);
    const DoubleDouble whole = DoubleDouble::quick_sum(sum.high, sum.low + (*low)[i]);
    (*high)[i] = whole.high;
    (*low)[i] = whole.low;
  }
}

#define LIMBECK_INSTANTIATE(T)                                                                               \
  template void dot2_residual(const Execution&, const T*, Index, Index, Index, const double*, const double*, \
                              const double*, double*);                                                       \
  template void dot2_combination(const Execution&, const T*, Index, Index, Index, const double*, double*);   \
  template void dot2_gradient(const Execution&, const T*, Index, Index, Index, const double*, const double*, \
                              const double*, double*, double*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::precision
