#include "kernels/dense/cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "kernels/dense/block_products.hpp"

namespace limbeck::dense {

namespace {

// Columns factored between two updates of the matrix behind them, a multiple of the widths of all blocks; and a third
// of it, so that a block of the diagonal stays in a first-level cache while it is factored.
constexpr Index panel = largest_block, part = 64;
constexpr Index rows_per_task = 64;  // some 30 microseconds; a multiple of the widths of all registers
// Columns that are reduced together, in two registers of rows: eight sums, so that none waits for the one before it.
constexpr Index columns_at_once = 4;
constexpr int registers_at_once = 2;

// Left-looking update: A(rows, j:) -= A(rows, begin:j) A(j:, begin:j)', for `columns` columns and `vectors` vectors of
// rows; if `solves`, these rows then times the inverse of the transposed triangle at j.
template <class T, int vectors, Index columns, bool solves>
void reduce(TiledMatrix<T>* A, Index begin, Index j, Index row) {
  using Vectors = core::Simd<T>;
  constexpr Index width = Vectors::width;
  typename Vectors::Vector acc[columns][vectors];
#pragma GCC unroll 4
  for (Index c = 0; c < columns; ++c) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) acc[c][v] = Vectors::load(A->at(row + v * width, j + c));
  }
  const Index stride = A->stride();
  const T *left = A->at(row, begin), *right = A->at(j, begin);
  for (Index l = begin; l < j; ++l, left += stride, right += stride) {
#pragma GCC unroll 4
    for (Index c = 0; c < columns; ++c) {
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) acc[c][v] -= Vectors::load(left + v * width) * right[c];
    }
  }
#pragma GCC unroll 4
  for (Index c = 0; c < columns; ++c) {
    if constexpr (solves) {
#pragma GCC unroll 4
      for (Index before = 0; before < c; ++before) {
#pragma GCC unroll 2
        for (int v = 0; v < vectors; ++v) acc[c][v] -= acc[before][v] * *A->at(j + c, j + before);
      }
      const T factor = 1 / *A->at(j + c, j + c);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) acc[c][v] = acc[c][v] * factor;
    }
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) Vectors::store(A->at(row + v * width, j + c), acc[c][v]);
  }
}

// Whole vectors that cover the rows [row, end); rows beyond are above the diagonal, or room at the edge.
template <class T, Index columns, bool solves>
void reduce_rows(TiledMatrix<T>* A, Index begin, Index j, Index row, Index end) {
  constexpr Index width = core::Simd<T>::width;
  for (; end - row > width; row += 2 * width) reduce<T, registers_at_once, columns, solves>(A, begin, j, row);
  if (end > row) reduce<T, 1, columns, solves>(A, begin, j, row);
}

// Calls run(columns, j) for columns [begin, end), as many at a time as go together; their number is a constant.
template <class Run>
bool for_columns(Index begin, Index end, const Run& run) {
  Index j = begin;
  for (; j + columns_at_once <= end; j += columns_at_once) {
    if (!run(std::integral_constant<Index, columns_at_once>(), j)) return false;
  }
  for (; j < end; ++j) {
    if (!run(std::integral_constant<Index, 1>(), j)) return false;
  }
  return true;
}

// The rows [row, end) of columns [j, last): less what columns [begin, j) say, and times the inverse of the transposed
// triangle of the diagonal. A few rows at a time, which stay in the first-level cache.
template <class T>
void solve_rows(TiledMatrix<T>* A, Index begin, Index j, Index last, Index row, Index end) {
  constexpr Index rows_at_once = registers_at_once * core::Simd<T>::width;
  for (; row < end; row += rows_at_once) {
    for_columns(j, last, [&](auto columns, Index c) {
      reduce_rows<T, columns, true>(A, begin, c, row, std::min(row + rows_at_once, end));
      return true;
    });
  }
}

// Columns j ... j + columns - 1 of rows [j, end), reduced already: column after column.
template <class T>
bool factor_columns(TiledMatrix<T>* A, Index j, Index columns, Index end) {
  for (Index c = j; c < j + columns; ++c) {
    T* column = A->at(0, c);
    for (Index before = j; before < c; ++before) {
      const T *from = A->at(0, before), factor = from[c];
      for (Index i = c; i < end; ++i) column[i] -= from[i] * factor;
    }
    if (!(column[c] > 0) || !std::isfinite(column[c])) return false;
    const T root = std::sqrt(column[c]);
    for (Index i = c; i < end; ++i) column[i] /= root;
  }
  return true;
}

// The block [begin, end) of the diagonal, part after part.
template <class T>
bool factor_diagonal(TiledMatrix<T>* A, Index begin, Index end) {
  constexpr Index width = core::Simd<T>::width;
  for (Index k = begin; k < end; k += part) {
    const Index last = std::min(k + part, end);
    const bool positive = for_columns(k, last, [&](auto columns, Index j) {
      // Registers that hold rows of the diagonal, and those below them.
      const Index first = k + (j - k) / width * width,
                  below = std::min(k + core::round_up(j + columns - k, width), last);
      reduce_rows<T, columns, false>(A, begin, j, first, below);
      if (!factor_columns(A, j, columns, below)) return false;
      reduce_rows<T, columns, true>(A, begin, j, below, last);
      return true;
    });
    if (!positive) return false;
    solve_rows(A, begin, k, last, last, end);
  }
  return true;
}

// The matrix behind a panel: its rows of the panel, packed, and its update by their inner products.
template <class T>
class Trailing {
public:
  Trailing(const Execution& exec, TiledMatrix<T>* A)
      : exec_(exec),
        A_(A),
        a_(most(), panel, core::Unwritten()),
        b_(one_packing ? 0 : most(), panel, core::Unwritten()) {}

  // Behind the factored block of the diagonal at k. False where the next block is not positive definite: it is factored
  // as soon as it is up to date, while others are updated.
  bool update(Index k) {
    const Index begin = k + panel, rest = A_->rows() - begin;
    const double operations = static_cast<double>(rest) * panel;
    exec_.for_each(core::ceil_div(rest, rows_per_task), operations * panel, [&](Index task) {
      const Index row = task * rows_per_task, end = std::min(row + rows_per_task, rest);
      solve_rows(A_, k, k, begin, begin + row, begin + end);
      const VectorSet<T> found{A_->at(begin, k), rest, panel, 1, A_->stride()};
      pack(found, row, end, &a_);
      if (!one_packing) pack(found, row, end, &b_);
    });
    const Index block = block_size(rest, rest, panel);
    std::vector<Block> blocks;
    for (const Block& place : blocks_of(rest, rest, block)) {
      if (place.i * block >= panel) blocks.push_back(place);
    }
    bool positive = true;
    exec_.for_each(1 + static_cast<Index>(blocks.size()), operations * rest, [&](Index task) {
      if (task > 0) {
        const auto [i, j] = blocks[task - 1];
        return subtract(begin, {i * block, std::min((i + 1) * block, rest)},
                        {j * block, std::min((j + 1) * block, rest)});
      }
      const Range next{0, std::min(panel, rest)};
      subtract(begin, next, next);
      positive = factor_diagonal(A_, begin, begin + next.end);
    });
    return positive;
  }

private:
  static constexpr bool one_packing = core::Simd<T>::width % core::tile_columns == 0;
  Index most() const { return std::max<Index>(0, A_->rows() - panel); }

  template <class To>
  static void pack(const VectorSet<T>& found, Index row, Index end, To* to) {
    to->pack(found, row / To::group_width, core::ceil_div(end, To::group_width), 0, panel);
  }

  void subtract(Index begin, Range rows, Range columns) {
    const Index last = std::min(rows.end, A_->rows() - begin);
    const auto columns_at = [&](Index c) { return one_packing ? a_.columns(c, 0) : b_.columns(c, 0); };
    add_step(a_, columns_at, 0, panel, {rows.begin, last}, columns, true,
             Destination<T>{A_->at(begin, begin), A_->stride(), T(-1)});
  }

  const Execution& exec_;
  TiledMatrix<T>* A_;
  Packed<T> a_;
  Packed<T, core::tile_columns> b_;
};

}  // namespace

template <class T>
bool cholesky(const Execution& exec, TiledMatrix<T>* A) {
  const Index m = A->rows();
  if (!factor_diagonal(A, 0, std::min(panel, m))) return false;
  if (m <= panel) return true;
  Trailing<T> rest(exec, A);
  for (Index k = 0; k + panel < m; k += panel) {
    if (!rest.update(k)) return false;
  }
  return true;
}

template bool cholesky(const Execution&, TiledMatrix<float>*);
template bool cholesky(const Execution&, TiledMatrix<double>*);

}  // namespace limbeck::dense
