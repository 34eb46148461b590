#include "kernels/dense/cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/gemm_syrk.hpp"

namespace limbeck::dense {

namespace {

// Columns factored between two updates of the matrix behind them, and between two updates of their panel: a multiple of
// the widths of all tiles, and a third of it, so that little is updated column by column.
constexpr Index panel = 192, part = 64;
constexpr Index rows_per_task = 64;  // with the 64 columns above them 32 KiB of doubles: a first-level cache
// Unknowns that are found before the rows below them are updated: with one register of right-hand sides they take 4
// KiB.
constexpr Index unknowns_per_step = 64;

// Left-looking update: A(row.., j) = factor * (A(row.., j) - A(row.., begin:j) A(j, begin:j)'), for `vectors` vectors
// of rows.
template <class T, int vectors>
void reduce(TiledMatrix<T>* A, Index begin, Index j, Index row, T factor) {
  constexpr Index width = core::Simd<T>::width;
  typename core::Simd<T>::Vector acc[vectors];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) acc[v] = core::Simd<T>::load(A->at(row + v * width, j));
  for (Index c = begin; c < j; ++c) {
    const T* before = A->at(row, c);
    const T by = *A->at(j, c);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) acc[v] -= core::Simd<T>::load(before + v * width) * by;
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v) core::Simd<T>::store(A->at(row + v * width, j), acc[v] * factor);
}

// Left-looking update of whole vectors that cover the rows [row, end); rows beyond are above the diagonal, or room at
// the edge.
template <class T>
void reduce_rows(TiledMatrix<T>* A, Index begin, Index j, Index row, Index end, T factor) {
  constexpr Index width = core::Simd<T>::width;
  for (; end - row > 3 * width; row += 4 * width) reduce<T, 4>(A, begin, j, row, factor);
  if (end - row > 2 * width) return reduce<T, 3>(A, begin, j, row, factor);
  if (end - row > width) return reduce<T, 2>(A, begin, j, row, factor);
  if (end > row) reduce<T, 1>(A, begin, j, row, factor);
}

// The diagonal block of `size` columns at k, column after column.
template <class T>
bool factor_block(TiledMatrix<T>* A, Index k, Index size) {
  constexpr Index width = core::Simd<T>::width;
  for (Index j = k; j < k + size; ++j) {
    reduce_rows(A, k, j, k + (j - k) / width * width, k + size, T(1));
    T* column = A->at(0, j);
    if (!(column[j] > 0) || !std::isfinite(column[j])) return false;
    const T root = std::sqrt(column[j]);
    for (Index i = j; i < k + size; ++i) column[i] /= root;
  }
  return true;
}

// Rows of the columns k ... k + size times the inverse of the transposed diagonal block.
template <class T>
void solve_rows(TiledMatrix<T>* A, Index k, Index size, Index row, Index rows) {
  constexpr Index rows_at_once = 4 * core::Simd<T>::width;
  for (Index end = row + rows; row < end; row += rows_at_once) {
    for (Index j = k; j < k + size; ++j) {
      reduce_rows(A, k, j, row, std::min(row + rows_at_once, end), 1 / *A->at(j, j));
    }
  }
}

template <class T>
void lower_sweep(const TiledMatrix<T>& L, T* x) {
  const Index m = L.rows();
  for (Index j = 0; j < m; ++j) {
    const T* column = L.at(0, j);
    x[j] /= column[j];
    core::add_scaled(-x[j], column + j + 1, x + j + 1, m - j - 1);
  }
}

template <class T>
void transposed_sweep(const TiledMatrix<T>& L, T* x) {
  const Index m = L.rows();
  for (Index j = m; j-- > 0;) {
    const T* column = L.at(0, j);
    x[j] = (x[j] - core::dot(column + j + 1, x + j + 1, m - j - 1)) / column[j];
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
bool cholesky(const Execution& exec, TiledMatrix<T>* A) {
  const Index m = A->rows();
  for (Index k = 0; k < m; k += panel) {
    exec.check();
    const Index panel_end = std::min(k + panel, m);
    for (Index j = k; j < panel_end; j += part) {
      const Index size = std::min(part, panel_end - j), below = j + size, rest = m - below;
      if (!factor_block(A, j, size)) return false;
      exec.for_each(core::ceil_div(rest, rows_per_task), static_cast<double>(rest) * size * size, [&](Index t) {
        const Index row = below + t * rows_per_task;
        solve_rows(A, j, size, row, std::min(rows_per_task, m - row));
      });
      if (below < panel_end) {
        const VectorSet<T> found{A->at(below, j), rest, size, 1, A->stride()};
        syrk_lower(exec, found, T(-1), A, below, panel_end - below);
      }
    }
    if (panel_end < m) {
      const VectorSet<T> found{A->at(panel_end, k), m - panel_end, panel_end - k, 1, A->stride()};
      syrk_lower(exec, found, T(-1), A, panel_end);
    }
  }
  return true;
}

template <class T>
void solve_lower(const Execution& exec, const TiledMatrix<T>& L, TiledMatrix<T>* B) {
  if (B->columns() == 1) return lower_sweep(L, B->at(0, 0));
  for_groups(exec, L, B, [](auto* columns) { columns->solve_lower(); });
}

template <class T>
void solve_lower_transposed(const Execution& exec, const TiledMatrix<T>& L, TiledMatrix<T>* B) {
  if (B->columns() == 1) return transposed_sweep(L, B->at(0, 0));
  for_groups(exec, L, B, [](auto* columns) { columns->solve_lower_transposed(); });
}

#define LIMBECK_INSTANTIATE(T)                                                         \
  template bool cholesky(const Execution&, TiledMatrix<T>*);                           \
  template void solve_lower(const Execution&, const TiledMatrix<T>&, TiledMatrix<T>*); \
  template void solve_lower_transposed(const Execution&, const TiledMatrix<T>&, TiledMatrix<T>*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::dense
