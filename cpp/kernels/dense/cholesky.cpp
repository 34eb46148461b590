#include "kernels/dense/cholesky.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/gemm_syrk.hpp"

namespace limbeck::dense {

namespace {

constexpr Index panel = 192, part = 64;  // columns factored between two updates of the rest, and of the panel's rest
constexpr Index rows_per_task = 64;
constexpr Index few_columns = 4;  // solved one by one, without packing the factor

// Some vectors of column j from `row` on, less what the columns [begin, j) explain of them; then times `factor`.
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

// The same for whole vectors that cover the rows [row, end): those beyond are above the diagonal, or room at the edge.
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
  constexpr Index together = 4 * core::Simd<T>::width;
  for (Index end = row + rows; row < end; row += together) {
    for (Index j = k; j < k + size; ++j) {
      reduce_rows(A, k, j, row, std::min(row + together, end), 1 / *A->at(j, j));
    }
  }
}

template <class T>
void lower_sweep(const TiledMatrix<T>& L, Index begin, Index end, T* x) {
  for (Index j = begin; j < end; ++j) {
    const T* column = L.at(0, j);
    const T value = x[j] /= column[j];
    for (Index i = j + 1; i < end; ++i) x[i] -= value * column[i];
  }
}

// Sum of products in a fixed order that vectors can take.
template <class T>
T inner_product(const T* a, const T* b, Index n) {
  constexpr Index lanes = 64 / static_cast<Index>(sizeof(T));
  T sums[lanes] = {};
  Index i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (Index l = 0; l < lanes; ++l) sums[l] += a[i + l] * b[i + l];
  }
  for (Index l = 0; i < n; ++i, ++l) sums[l] += a[i] * b[i];
  return core::sum_in_pairs<lanes>(sums);
}

template <class T>
void transposed_sweep(const TiledMatrix<T>& L, Index begin, Index end, T* x) {
  for (Index j = end; j-- > begin;) {
    const T* column = L.at(0, j);
    x[j] = (x[j] - inner_product(column + j + 1, x + j + 1, end - j - 1)) / column[j];
  }
}

template <class T, class Sweep>
void for_columns(const Execution& exec, TiledMatrix<T>* B, Index size, const Sweep& sweep) {
  exec.for_each(B->columns(), static_cast<double>(size) * size * B->columns(), [&](Index c) { sweep(B->at(0, c)); });
}

// Rows [begin, end) of the columns of a matrix.
template <class T>
VectorSet<T> columns_of(const TiledMatrix<T>& B, Index begin, Index end) {
  return {B.at(begin, 0), B.columns(), end - begin, B.stride(), 1};
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
  const Index m = L.rows(), step = B->columns() <= few_columns ? m : panel;
  for (Index k = 0; k < m; k += step) {
    const Index end = std::min(k + step, m);
    for_columns(exec, B, end - k, [&](T* x) { lower_sweep(L, k, end, x); });
    if (end == m) break;
    gemm(exec, VectorSet<T>{L.at(end, k), m - end, end - k, 1, L.stride()}, columns_of(*B, k, end), T(-1), B, {end, 0});
  }
}

template <class T>
void solve_lower_transposed(const Execution& exec, const TiledMatrix<T>& L, TiledMatrix<T>* B) {
  const Index m = L.rows(), step = B->columns() <= few_columns ? m : panel;
  // Whole panels from the top: tiles of the rows above must not reach into those being read.
  for (Index end = m, k; end > 0; end = k) {
    k = (end - 1) / step * step;
    for_columns(exec, B, end - k, [&](T* x) { transposed_sweep(L, k, end, x); });
    if (k == 0) break;
    // What the unknowns found so far take from those above: rows [k, end) of L, columns before k.
    gemm(exec, VectorSet<T>{L.at(k, 0), k, end - k, L.stride(), 1}, columns_of(*B, k, end), T(-1), B, {0, 0});
  }
}

#define LIMBECK_INSTANTIATE(T)                                                         \
  template bool cholesky(const Execution&, TiledMatrix<T>*);                           \
  template void solve_lower(const Execution&, const TiledMatrix<T>&, TiledMatrix<T>*); \
  template void solve_lower_transposed(const Execution&, const TiledMatrix<T>&, TiledMatrix<T>*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::dense
