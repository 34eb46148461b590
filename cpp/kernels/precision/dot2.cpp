// Compile with -ffp-contract=off: a product fused into one of the sums below breaks them.
#include "kernels/precision/dot2.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/core/aligned_buffer.hpp"
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

// Sums of all lanes, `lane_size` vectors apart: vectors of columns in tasks.
void add_lanes(const Execution& exec, const Sums* sums, Index lanes, Index lane_size, Index count, double* out) {
  constexpr Index vectors = 8;  // of a task: with 128 lanes some 10 microseconds
  const Index whole = core::ceil_div(count, width);
  exec.for_each(core::ceil_div(whole, vectors), 10.0 * lanes * count, [&](Index task) {
    for (Index v = task * vectors; v < std::min(whole, (task + 1) * vectors); ++v) {
      Sums all;
      for (Index lane = 0; lane < lanes; ++lane)
        all.add(sums[lane * lane_size + v].high, sums[lane * lane_size + v].low);
      const V rounded = all.high + all.low;
      for (Index l = 0; l < std::min(width, count - v * width); ++l) out[v * width + l] = rounded[l];
    }
  });
}

// Number of lanes to deal rows to, for q targets, where a lane of columns in so many blocks is as many tasks.
Index lanes_for(Index n, Index p, Index q, Index blocks = 1) {
  // A lane of 32,768 numbers takes some 30 microseconds, long against the start of a task; all sums take 32 MiB at
  // most.
  constexpr Index numbers_per_lane = 1 << 15, most_lanes = 256, budget = Index{32} << 20, all_threads = 64;
  const Index fitting = budget / (2 * static_cast<Index>(sizeof(double)) * std::max<Index>(p * q * blocks, 1));
  const Index lanes = std::min({n * p / numbers_per_lane, most_lanes, n, fitting}), tasks = lanes * blocks;
  // So that all of 64 threads end together.
  return std::max<Index>(1, tasks > all_threads ? tasks / all_threads * all_threads / blocks : lanes);
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
  // Columns in blocks of so many vectors that the sums of all targets take half of a first-level cache, or 16 vectors;
  // wide matrices make tasks as well. Short blocks cost: the first one of a row waits for the row's page.
  constexpr Index fewest = 16, all_sums = 128;
  const Index vectors = std::max(fewest, all_sums / std::max<Index>(q, 1) / fewest * fewest), columns = vectors * width;
  const Index blocks = core::ceil_div(p, columns), lanes = lanes_for(n, std::min(p, columns), q, blocks);
  const Index lane_size = blocks * q * vectors;
  core::AlignedBuffer<Sums> sums(lanes * lane_size, core::Unwritten());
  exec.for_each(lanes * blocks, 10.0 * n * p * q, [&](Index task) {
    const Index lane = task / blocks, block = task % blocks, first = block * columns;
    Sums* own = sums.data() + task * q * vectors;
    std::fill_n(own, q * vectors, Sums());
    for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i) {
      for (Index t = 0; t < q; ++t) {
        add_multiple(X + i * p + first, std::min(columns, p - first), C[t * n + i], own + t * vectors);
      }
    }
  });
  for (Index t = 0; t < q; ++t) {
    for (Index block = 0; block < blocks; ++block) {
      const Index first = block * columns;
      add_lanes(exec, sums.data() + (block * q + t) * vectors, lanes, lane_size, std::min(columns, p - first),
                out + t * p + first);
    }
  }
}

template <class T>
void dot2_gradient(const Execution& exec, const T* X, Index n, Index p, Index q, const double* B, const double* B_low,
                   const double* Y, double* gradient, double* squares) {
  const Index vectors = core::ceil_div(p, width), lanes = lanes_for(n, p, q);
  constexpr Index line = 64 / static_cast<Index>(sizeof(double));
  const Index apart = core::round_up(q, line);  // lanes write to cache lines of their own
  core::AlignedBuffer<Sums> sums(lanes * q * vectors, core::Unwritten());
  std::vector<double> lane_squares(lanes * apart);
  exec.for_each(lanes, 20.0 * n * p * q, [&](Index lane) {
    Sums* own = sums.data() + lane * q * vectors;
    double* own_squares = lane_squares.data() + lane * apart;
    std::fill_n(own, q * vectors, Sums());
    for (Index i = lane * n / lanes; i < (lane + 1) * n / lanes; ++i) {
      for (Index t = 0; t < q; ++t) {
        const DoubleDouble r = residual(X + i * p, B + t * p, B_low ? B_low + t * p : nullptr, p, Y[t * n + i]);
        add_multiple(X + i * p, p, r, own + t * vectors);
        own_squares[t] += r.high * r.high;
      }
    }
  });
  for (Index t = 0; t < q; ++t) {
    add_lanes(exec, sums.data() + t * vectors, lanes, q * vectors, p, gradient + t * p);
    squares[t] = 0;
    for (Index lane = 0; lane < lanes; ++lane) squares[t] += lane_squares[lane * apart + t];
  }
}

void add_unevaluated(const Execution& exec, const std::vector<double>& change, std::vector<double>* high,
                     std::vector<double>* low) {
  constexpr Index part = 1 << 13;  // numbers of a task: some ten microseconds
  const Index size = static_cast<Index>(change.size());
  exec.for_each(core::ceil_div(size, part), 8.0 * static_cast<double>(size), [&](Index task) {
    for (Index i = task * part; i < std::min(size, (task + 1) * part); ++i) {
      const DoubleDouble sum = DoubleDouble::sum((*high)[i], change[i]);
      const DoubleDouble whole = DoubleDouble::quick_sum(sum.high, sum.low + (*low)[i]);
      (*high)[i] = whole.high;
      (*low)[i] = whole.low;
    }
  });
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
