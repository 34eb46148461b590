#include "kernels/dense/cholesky.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <initializer_list>
#include <type_traits>
#include <vector>

#include "kernels/dense/block_products.hpp"

namespace limbeck::dense {

namespace {

// Columns factored between two updates of the matrix behind them, and rows and columns of the tiles that are updated: a
// multiple of the widths of all blocks. Matrices of up to `few` rows, where a chain of blocks of the diagonal takes as
// long as everything else on many threads, have a shorter one.
constexpr Index longest_panel = largest_block, shortest_panel = largest_block / 2, few = 1536;
// A third of the longest, so that a block of the diagonal stays in a first-level cache while it is factored.
constexpr Index part = 64;
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

// All steps as one region of tasks. Of panel k: factor the block of the diagonal; solve for the rows below it, and pack
// them; update the tiles behind the panel by their inner products. The next block of the diagonal is factored as soon
// as it is up to date, while other tiles are updated.
template <class T>
class TileCholesky {
public:
  explicit TileCholesky(TiledMatrix<T>* A)
      : A_(A),
        m_(A->rows()),
        panel_(m_ <= few ? shortest_panel : longest_panel),
        tiles_(core::ceil_div(m_, panel_)),
        last_(tiles_ * tiles_, -1),
        before_(tiles_ * tiles_, -1) {
    for (int parity = 0; parity < 2; ++parity) {
      a_.emplace_back(m_ - panel_, panel_, core::Unwritten());
      b_.emplace_back(one_packing ? 0 : m_ - panel_, panel_, core::Unwritten());
    }
    const Index tasks = tiles_ * (tiles_ + parts) * (tiles_ + parts) / 6 + tiles_ * tiles_ * parts / 2;
    constexpr Index awaited_by_each = 8;
    tasks_.reserve(static_cast<std::size_t>(tasks));
    awaited_.reserve(tasks, tasks * awaited_by_each);
    last(0, 0) = add({Kind::factor, 0, 0, 0}, {});
    for (Index k = 0; k + 1 < tiles_; ++k) add_panel(k);
  }

  bool run(const Execution& exec) {
    const double m = static_cast<double>(m_);
    exec.for_each(awaited_, m * m * m / 3, [&](Index i) {
      if (!positive_.load(std::memory_order_relaxed)) return;
      const Task task = tasks_[i];
      switch (task.kind) {
        case Kind::factor:
          if (!factor_diagonal(A_, task.k * panel_, end_of(task.k))) positive_ = false;
          return;
        case Kind::solve:
          return solve(task.k, task.i * panel_ + task.j * rows_of_task(), end_of(task.i));
        case Kind::update:
          return update(task.k, task.i, task.j);
      }
    });
    return positive_;
  }

private:
  enum class Kind { factor, solve, update };
  // Of panel k: the tile of row i and column j; of solve, part j of row i.
  struct Task {
    Kind kind;
    Index k, i, j;
  };
  static constexpr Index parts = 3;  // of a tile that is solved
  static constexpr bool one_packing = core::Simd<T>::width % core::tile_columns == 0;

  Index rows_of_task() const { return panel_ / parts; }
  Index end_of(Index tile) const { return std::min((tile + 1) * panel_, m_); }
  Index& last(Index i, Index j) { return last_[i * tiles_ + j]; }

  // Returns the task's number; -1 among those that it waits for is none.
  Index add(const Task& task, std::initializer_list<Index> awaited) {
    for (const Index other : awaited) {
      if (other >= 0) awaited_.wait_for(other);
    }
    tasks_.push_back(task);
    return awaited_.close();
  }

  // Tasks of panel k behind its block of the diagonal, and the next block: behind two others, so that of two threads
  // none waits for it.
  void add_panel(Index k) {
    for (Index i = k + 1; i < tiles_; ++i) {
      for (Index j = 0; j < parts; ++j) {
        wait_for_readers(k, i);
        const Index number = add({Kind::solve, k, i, j}, {last(k, k), last(i, k)});
        if (j + 1 == parts) last(i, k) = number;
      }
    }
    const auto add_update = [&](Index i, Index j) {
      for (Index other = 0; other < parts; ++other) {
        awaited_.wait_for(last(i, k) - other);
        if (i != j) awaited_.wait_for(last(j, k) - other);
      }
      before_[i * tiles_ + j] = last(i, j);
      last(i, j) = add({Kind::update, k, i, j}, {last(i, j)});
    };
    Index added = 0;
    const Index updates = (tiles_ - k) * (tiles_ - k - 1) / 2;
    for (Index j = k + 1; j < tiles_; ++j) {
      for (Index i = j; i < tiles_; ++i) {
        add_update(i, j);
        if (++added != std::min<Index>(updates, 2)) continue;
        last(k + 1, k + 1) = add({Kind::factor, k + 1, 0, 0}, {last(k + 1, k + 1)});
      }
    }
  }

  // The updates that have read row i where panel k puts it now: those by the panel before the last one.
  void wait_for_readers(Index k, Index i) {
    for (Index other = k; other < tiles_; ++other) {
      const Index reader = before_[other < i ? i * tiles_ + other : other * tiles_ + i];
      if (reader >= 0) awaited_.wait_for(reader);
    }
  }

  void solve(Index k, Index row, Index end) {
    end = std::min(end, row + rows_of_task());
    if (row >= end) return;
    solve_rows(A_, k * panel_, k * panel_, (k + 1) * panel_, row, end);
    const VectorSet<T> found{A_->at(panel_, k * panel_), m_ - panel_, panel_, 1, A_->stride()};
    pack(found, row - panel_, end - panel_, &a_[k % 2]);
    if (!one_packing) pack(found, row - panel_, end - panel_, &b_[k % 2]);
  }

  template <class To>
  void pack(const VectorSet<T>& found, Index row, Index end, To* to) {
    to->pack(found, row / To::group_width, core::ceil_div(end, To::group_width), 0, panel_);
  }

  void update(Index k, Index i, Index j) {
    const auto& a = a_[k % 2];
    const auto& b = b_[k % 2];
    const auto columns_at = [&](Index c) { return one_packing ? a.columns(c, 0) : b.columns(c, 0); };
    add_step(a, columns_at, 0, panel_, {(i - 1) * panel_, end_of(i) - panel_}, {(j - 1) * panel_, end_of(j) - panel_},
             true, Destination<T>{A_->at(panel_, panel_), A_->stride(), T(-1)});
  }

  TiledMatrix<T>* A_;
  Index m_, panel_, tiles_;
  std::vector<Index> last_, before_;  // tasks that have changed a tile last, and before that
  std::vector<Task> tasks_;
  core::Dependencies awaited_;
  std::atomic<bool> positive_{true};
  // Rows of the last two panels, packed.
  std::vector<Packed<T>> a_;
  std::vector<Packed<T, core::tile_columns>> b_;
};

}  // namespace

template <class T>
bool cholesky(const Execution& exec, TiledMatrix<T>* A) {
  if (A->rows() <= longest_panel) return factor_diagonal(A, 0, A->rows());
  return TileCholesky<T>(A).run(exec);
}

template bool cholesky(const Execution&, TiledMatrix<float>*);
template bool cholesky(const Execution&, TiledMatrix<double>*);

}  // namespace limbeck::dense
