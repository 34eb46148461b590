#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/cholesky.hpp"

namespace limbeck::dense {

namespace {

struct Range {
  Index begin, end;
};

// Unknowns that are found before the rows below them are updated: with one register of right-hand sides they take 4
// KiB.
constexpr Index unknowns_per_step = 64;

// ---- Triangular solves with one right-hand side: blocks of unknowns, then all others less what these say ----

constexpr Index unknowns = 256;
constexpr Index others_per_task = 512, columns_per_task = 32;

// What stands `places` behind a number is fetched into the first-level cache: columns are short, and the processor does
// not see where the next one begins.
template <class T>
void fetch(const T* from, Index places) {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(from) +
                                                   static_cast<std::uintptr_t>(places) * sizeof(T)));
}

// x(j) -= <column j, x> over `rows`, for four columns from j on.
template <class T>
void subtract_products(const TiledMatrix<T>& L, T* x, Range rows, Index j) {
  constexpr Index width = core::Simd<T>::width;
  using Vectors = core::Simd<T>;
  const T* columns[4] = {L.at(0, j), L.at(0, j + 1), L.at(0, j + 2), L.at(0, j + 3)};
  typename Vectors::Vector sums[4] = {};
  const Index next = 4 * L.stride();
  Index i = rows.begin;
  for (; i + width <= rows.end; i += width) {
    const auto here = Vectors::load(x + i);
#pragma GCC unroll 4
    for (Index c = 0; c < 4; ++c) {
      fetch(columns[c], next + i);
      sums[c] += Vectors::load(columns[c] + i) * here;
    }
  }
  for (Index c = 0; c < 4; ++c) {
    T lanes[width], rest = 0;
    Vectors::store(lanes, sums[c]);
    for (Index r = i; r < rows.end; ++r) rest += columns[c][r] * x[r];
    x[j + c] -= core::sum_in_pairs<width>(lanes) + rest;
  }
}

// x(rows) -= L(rows, columns) x(columns), four columns at a time.
template <class T>
void subtract_columns(const TiledMatrix<T>& L, T* x, Range rows, Range columns) {
  constexpr Index width = core::Simd<T>::width;
  using Vectors = core::Simd<T>;
  Index j = columns.begin;
  for (; j + 4 <= columns.end; j += 4) {
    const T *a = L.at(0, j), *b = L.at(0, j + 1), *c = L.at(0, j + 2), *d = L.at(0, j + 3);
    const T by[4] = {x[j], x[j + 1], x[j + 2], x[j + 3]};
    // The next columns; the last ones' belong to other rows, or to nobody: a prefetch never faults.
    const Index next = 4 * L.stride();
    Index i = rows.begin;
    for (; i + width <= rows.end; i += width) {
      for (const T* column : {a, b, c, d}) fetch(column, next + i);
      const auto left = Vectors::load(a + i) * by[0] + Vectors::load(b + i) * by[1];
      const auto right = Vectors::load(c + i) * by[2] + Vectors::load(d + i) * by[3];
      Vectors::store(x + i, Vectors::load(x + i) - (left + right));
    }
    for (; i < rows.end; ++i) x[i] -= (a[i] * by[0] + b[i] * by[1]) + (c[i] * by[2] + d[i] * by[3]);
  }
  for (; j < columns.end; ++j) core::add_scaled(-x[j], L.at(rows.begin, j), x + rows.begin, rows.end - rows.begin);
}

template <class T>
void lower_sweep(const Execution& exec, const TiledMatrix<T>& L, T* x) {
  const Index m = L.rows();
  for (Index k = 0; k < m; k += unknowns) {
    const Index end = std::min(k + unknowns, m), rest = m - end;
    for (Index j = k; j < end; ++j) {
      const T* column = L.at(0, j);
      x[j] /= column[j];
      core::add_scaled(-x[j], column + j + 1, x + j + 1, end - j - 1);
    }
    exec.for_each(core::ceil_div(rest, others_per_task), 2.0 * rest * (end - k), [&](Index task) {
      const Index row = end + task * others_per_task;
      subtract_columns(L, x, {row, std::min(row + others_per_task, m)}, {k, end});
    });
  }
}

template <class T>
void transposed_sweep(const Execution& exec, const TiledMatrix<T>& L, T* x) {
  const Index m = L.rows();
  for (Index end = m, k; end > 0; end = k) {
    k = (end - 1) / unknowns * unknowns;
    const Index rest = m - end;
    if (rest > 0) {
      exec.for_each(core::ceil_div(end - k, columns_per_task), 2.0 * rest * (end - k), [&](Index task) {
        const Index first = k + task * columns_per_task, last = std::min(first + columns_per_task, end);
        Index j = first;
        for (; j + 4 <= last; j += 4) subtract_products(L, x, {end, m}, j);
        for (; j < last; ++j) x[j] -= core::dot(L.at(end, j), x + end, rest);
      });
    }
    for (Index j = end; j-- > k;) {
      const T* column = L.at(0, j);
      x[j] = (x[j] - core::dot(column + j + 1, x + j + 1, end - j - 1)) / column[j];
    }
  }
}

// Up to `groups` registers of right-hand sides, transposed: a register holds one unknown of several right-hand sides.
template <class T, int groups>
class TransposedColumns {
public:
  TransposedColumns(const TiledMatrix<T>& L, TiledMatrix<T>* B, Index first)
      : L_(L), B_(B), first_(first), columns_(std::min(step, B->columns() - first)), X_(L.rows() * step) {
    for (Index c = 0; c < columns_; ++c) {
      const T* from = B->at(0, first + c);
      for (Index i = 0; i < L.rows(); ++i) X_.data()[i * step + c] = from[i];
    }
  }

  void solve_lower() {
    const Index m = L_.rows();
    for (Index k = 0; k < m; k += unknowns_per_step) {
      const Index end = std::min(k + unknowns_per_step, m);
      for (Index i = k; i < end; i += rows) {
        const Index size = std::min(rows, end - i);
        subtract(i, size, L_.at(i, 0), 1, L_.stride(), k, i);
        for (Index j = i; j < i + size; ++j) {
          divide(j);
          for (Index r = j + 1; r < i + size; ++r) subtract_one(r, j, *L_.at(r, j));
        }
      }
      for (Index i = end; i < m; i += rows) subtract(i, std::min(rows, m - i), L_.at(i, 0), 1, L_.stride(), k, end);
    }
  }

  void solve_lower_transposed() {
    const Index m = L_.rows();
    for (Index end = m, i; end > 0; end = i) {
      i = (end - 1) / rows * rows;
      subtract(i, end - i, L_.at(0, i), L_.stride(), 1, end, m);
      for (Index j = end; j-- > i;) {
        divide(j);
        for (Index r = i; r < j; ++r) subtract_one(r, j, *L_.at(j, r));
      }
    }
  }

  void put_back() {
    for (Index c = 0; c < columns_; ++c) {
      T* to = B_->at(0, first_ + c);
      for (Index i = 0; i < L_.rows(); ++i) to[i] = X_.data()[i * step + c];
    }
  }

  static constexpr Index step = groups * core::Simd<T>::width;

private:
  using Vector = typename core::Simd<T>::Vector;
  static constexpr Index width = core::Simd<T>::width, rows = 8;

  Vector load(Index i, int g) const { return core::Simd<T>::load(X_.data() + i * step + g * width); }
  void store(Index i, int g, Vector v) { core::Simd<T>::store(X_.data() + i * step + g * width, v); }

  void divide(Index j) {
    const T factor = 1 / *L_.at(j, j);
    for (int g = 0; g < groups; ++g) store(j, g, load(j, g) * factor);
  }
  void subtract_one(Index i, Index j, T by) {
    for (int g = 0; g < groups; ++g) store(i, g, load(i, g) - load(j, g) * by);
  }

  // Subtracts the products of the found unknowns [begin, end) with their coefficients from rows i ... i + size - 1:
  // coefficient (r, j) stands at l[r * row_step + j * column_step].
  void subtract(Index i, Index size, const T* l, Index row_step, Index column_step, Index begin, Index end) {
    if (size == rows) return subtract_rows<rows>(i, l, row_step, column_step, begin, end);
    for (Index r = 0; r < size; ++r) subtract_rows<1>(i + r, l + r * row_step, row_step, column_step, begin, end);
  }

  template <Index count>
  void subtract_rows(Index i, const T* l, Index row_step, Index column_step, Index begin, Index end) {
    Vector acc[count][groups];
#pragma GCC unroll 8
    for (Index r = 0; r < count; ++r) {
#pragma GCC unroll 2
      for (int g = 0; g < groups; ++g) acc[r][g] = load(i + r, g);
    }
    for (Index j = begin; j < end; ++j) {
      Vector x[groups];
#pragma GCC unroll 2
      for (int g = 0; g < groups; ++g) x[g] = load(j, g);
#pragma GCC unroll 8
      for (Index r = 0; r < count; ++r) {
        const T by = l[r * row_step + j * column_step];
#pragma GCC unroll 2
        for (int g = 0; g < groups; ++g) acc[r][g] -= x[g] * by;
      }
    }
#pragma GCC unroll 8
    for (Index r = 0; r < count; ++r) {
#pragma GCC unroll 2
      for (int g = 0; g < groups; ++g) store(i + r, g, acc[r][g]);
    }
  }

  const TiledMatrix<T>& L_;
  TiledMatrix<T>* B_;
  Index first_, columns_;
  core::AlignedBuffer<T> X_;
};

// Calls solve(columns) for all columns of B, transposed groups of them in tasks.
template <class T, class Solve>
void for_groups(const Execution& exec, const TiledMatrix<T>& L, TiledMatrix<T>* B, const Solve& solve) {
  constexpr int most = core::vector_bytes == 64 ? 2 : 1;  // groups whose eight rows fit the registers
  constexpr Index step = most * core::Simd<T>::width;
  const Index tasks = core::ceil_div(B->columns(), step);
  exec.for_each(tasks, static_cast<double>(L.rows()) * L.rows() * B->columns(), [&](Index task) {
    const auto run = [&](auto groups) {
      TransposedColumns<T, groups> columns(L, B, task * step);
      solve(&columns);
      columns.put_back();
    };
    if (B->columns() - task * step <= core::Simd<T>::width) return run(std::integral_constant<int, 1>());
    run(std::integral_constant<int, most>());
  });
}

}  // namespace

template <class T>
void solve_lower(const Execution& exec, const TiledMatrix<T>& L, TiledMatrix<T>* B) {
  if (B->columns() == 1) return lower_sweep(exec, L, B->at(0, 0));
  for_groups(exec, L, B, [](auto* columns) { columns->solve_lower(); });
}

template <class T>
void solve_lower_transposed(const Execution& exec, const TiledMatrix<T>& L, TiledMatrix<T>* B) {
  if (B->columns() == 1) return transposed_sweep(exec, L, B->at(0, 0));
  for_groups(exec, L, B, [](auto* columns) { columns->solve_lower_transposed(); });
}

#define LIMBECK_INSTANTIATE(T)                                                         \
  template void solve_lower(const Execution&, const TiledMatrix<T>&, TiledMatrix<T>*); \
  template void solve_lower_transposed(const Execution&, const TiledMatrix<T>&, TiledMatrix<T>*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::dense
