#include "kernels/dense/triangular_sweeps.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/core/reduce.hpp"

namespace limbeck::dense {

namespace {

// Unknowns of a block: the longer, the fewer links have the chains, and the more the inverses cost. A product with a
// block takes about two microseconds, half of one is hardly longer than the time until another thread knows.
constexpr Index block = 128, halves = 2;
constexpr Index columns_at_once = 4, columns_ahead = 8;

// What stands `places` behind a number is fetched into the first-level cache: columns are short, and the processor
// fetches nothing beyond their ends by itself. Beyond the last column a prefetch does no harm.
template <class T>
void fetch(const T* from, Index places) {
  __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(from) +
                                                   static_cast<std::uintptr_t>(places) * sizeof(T)));
}

// Row, column and size of a part of a matrix.
template <class T>
struct Part {
  const T* data;
  Index stride, rows, columns;
  // Of a lower triangle, rows from this one on, or columns, where the part is to be transposed; negative: all is there.
  Index first = -1;
};

// out -= A x, for some vectors x and out; whole registers, `registers` of them at a time.
template <class T, int vectors, int registers>
void subtract_rows(const Part<T>& A, Index row, const T* const* x, T* const* out) {
  using Vectors = core::Simd<T>;
  constexpr Index width = Vectors::width;
  typename Vectors::Vector acc[vectors][registers];
#pragma GCC unroll 8
  for (int t = 0; t < vectors; ++t) {
#pragma GCC unroll 4
    for (int v = 0; v < registers; ++v) acc[t][v] = Vectors::load(out[t] + row + v * width);
  }
  const Index columns = A.first < 0 ? A.columns : std::min(A.columns, A.first + row + registers * width);
  const T* from = A.data + row;
  for (Index c = 0; c < columns; ++c, from += A.stride) {
#pragma GCC unroll 4
    for (int v = 0; v < registers; ++v) {
      fetch(from, columns_ahead * A.stride + v * width);
      const auto here = Vectors::load(from + v * width);
#pragma GCC unroll 8
      for (int t = 0; t < vectors; ++t) acc[t][v] -= here * x[t][c];
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < vectors; ++t) {
#pragma GCC unroll 4
    for (int v = 0; v < registers; ++v) Vectors::store(out[t] + row + v * width, acc[t][v]);
  }
}

template <class T, int vectors>
void subtract_product(const Part<T>& A, const T* const* x, T* const* out) {
  constexpr Index width = core::Simd<T>::width;
  Index row = 0;
  for (; A.rows - row > 3 * width; row += 4 * width) subtract_rows<T, vectors, 4>(A, row, x, out);
  for (; row < A.rows; row += width) subtract_rows<T, vectors, 1>(A, row, x, out);
}

// out(c) -= <column c of A, x> for some vectors, and for some columns at once.
template <class T, int vectors, Index columns>
void subtract_inner(const Part<T>& A, Index c, const T* const* x, T* const* out) {
  using Vectors = core::Simd<T>;
  constexpr Index width = Vectors::width;
  typename Vectors::Vector sums[vectors][columns] = {};
  for (Index row = A.first < 0 ? 0 : (A.first + c) / width * width; row < A.rows; row += width) {
    typename Vectors::Vector here[vectors];
#pragma GCC unroll 8
    for (int t = 0; t < vectors; ++t) here[t] = Vectors::load(x[t] + row);
#pragma GCC unroll 4
    for (Index j = 0; j < columns; ++j) {
      fetch(A.data, (c + j + columns) * A.stride + row);
      const auto column = Vectors::load(A.data + (c + j) * A.stride + row);
#pragma GCC unroll 8
      for (int t = 0; t < vectors; ++t) sums[t][j] += column * here[t];
    }
  }
  for (int t = 0; t < vectors; ++t) {
    for (Index j = 0; j < columns; ++j) {
      T parts[width];
      Vectors::store(parts, sums[t][j]);
      out[t][c + j] -= core::sum_in_pairs<width>(parts);
    }
  }
}

template <class T, int vectors>
void subtract_transposed_product(const Part<T>& A, const T* const* x, T* const* out) {
  Index c = 0;
  for (; c + columns_at_once <= A.columns; c += columns_at_once) {
    subtract_inner<T, vectors, columns_at_once>(A, c, x, out);
  }
  for (; c < A.columns; ++c) subtract_inner<T, vectors, 1>(A, c, x, out);
}

// The inverse of the triangle at `first`, of a register's size or less, with the other sign: row after row, of which
// each is a register.
template <class T>
void invert_small(const TiledMatrix<T>& L, Index first, Index size, T* X, Index stride) {
  using Vectors = core::Simd<T>;
  constexpr Index width = Vectors::width;
  typename Vectors::Vector rows[width];
  for (Index i = 0; i < size; ++i) {
    typename Vectors::Vector sum{};
    sum[i] = T(-1);
    for (Index j = 0; j < i; ++j) sum -= rows[j] * *L.at(first + i, first + j);
    rows[i] = sum * (1 / *L.at(first + i, first + i));
    for (Index c = 0; c <= i; ++c) X[c * stride + i] = rows[i][c];
  }
}

// The inverse of a block, with the other sign: rows of a register's size, from those above them, some columns at a
// time. X is zero before.
template <class T>
void invert(const TiledMatrix<T>& L, Index first, Index size, T* X, Index stride) {
  constexpr Index width = core::Simd<T>::width, columns = std::min<Index>(width, 8);  // sums that do not wait
  for (Index row = 0; row < size; row += width) {
    T* const corner = X + row * stride + row;
    invert_small(L, first + row, std::min(width, size - row), corner, stride);
    for (Index begin = 0; begin < row; begin += columns) {
      T products[columns][width] = {};
      const T* x[columns];
      T *to[columns], *out[columns];
      for (Index c = 0; c < columns; ++c) {
        x[c] = X + (begin + c) * stride + begin;
        to[c] = products[c];
        out[c] = X + (begin + c) * stride + row;
      }
      subtract_rows<T, columns, 1>({L.at(first + row, first + begin), L.stride(), width, row - begin}, 0, x, to);
      for (Index c = 0; c < columns; ++c) x[c] = products[c];
      subtract_rows<T, columns, 1>({corner, stride, width, std::min(width, size - row)}, 0, x, out);
    }
  }
}

// Where block k begins, of m unknowns, and how many it has.
struct Range {
  Index begin, size;
  Range(Index k, Index m) : begin(k * block), size(std::min(block, m - k * block)) {}
};

}  // namespace

template <class T>
TriangularSweeps<T>::TriangularSweeps(const Execution& exec, const TiledMatrix<T>& L)
    : L_(L), inverses_(std::min(block, L.rows()), L.rows(), core::Unwritten()), diagonal_(L.rows()) {
  const Index m = L.rows(), blocks = core::ceil_div(m, block);
  exec.for_each(blocks, static_cast<double>(m) * block * block / 3, [&](Index k) {
    const Range here(k, m);
    for (Index i = here.begin; i < here.begin + here.size; ++i) diagonal_[i] = *L_.at(i, i);
    inverses_.clear(here.begin, here.begin + here.size);
    invert(L_, here.begin, here.size, inverses_.at(0, here.begin), inverses_.stride());
  });
  // Each half of a block waits for its last change, and for the unknowns that it is changed by; where it becomes
  // unknowns, for that of both halves.
  std::vector<Index> last(blocks * halves, -1);
  const auto add = [&](Index to, Index from, bool transposed) {
    Index ends[halves];
    for (Index half = 0; half < halves; ++half) {
      for (Index other = 0; other < halves; ++other) {
        if (from != to) awaited_.wait_for(last[from * halves + other]);
        const Index change = last[to * halves + other];
        if (change >= 0 && (from == to || other == half)) awaited_.wait_for(change);
      }
      steps_.push_back({to, from, half, transposed});
      ends[half] = awaited_.close();
    }
    std::copy_n(ends, halves, &last[to * halves]);
  };
  for (Index k = 0; k < blocks; ++k) {
    for (Index to = k; to < blocks; ++to) add(to, k, false);
  }
  for (Index k = blocks; k-- > 0;) {
    for (Index to = k + 1; to-- > 0;) add(to, k, true);
  }
}

template <class T>
template <int columns>
void TriangularSweeps<T>::run(Index task, TiledMatrix<T>* B, TiledMatrix<T>* between) const {
  constexpr Index half_block = block / halves;
  const auto [to, from, half, transposed] = steps_[task];
  const Index m = L_.rows(), offset = half * half_block;
  const Range block_to(to, m), block_from(from, m);
  const Index first = block_to.begin + offset, size = std::min(half_block, block_to.size - offset);
  if (size <= 0) return;
  // The first sweep changes right-hand sides in B, and its unknowns are between; of the second they are the right-hand
  // sides, and its unknowns are in B.
  TiledMatrix<T>*sides = transposed ? between : B, *unknowns = transposed ? B : between;
  const bool solves = to == from;
  const T* x[columns];
  T* out[columns];
  for (int t = 0; t < columns; ++t) {
    x[t] = (solves ? sides : unknowns)->at(block_from.begin, t);
    out[t] = (solves ? unknowns : sides)->at(first, t);
    if (solves) std::fill_n(out[t], size, T(0));
  }
  if (transposed) {
    const T* part = solves ? inverses_.at(0, first) : L_.at(block_from.begin, first);
    subtract_transposed_product<T, columns>({part, stride(solves), block_from.size, size, solves ? offset : -1}, x,
                                            out);
  } else {
    const T* part = solves ? inverses_.at(offset, block_from.begin) : L_.at(first, block_from.begin);
    subtract_product<T, columns>({part, stride(solves), size, block_from.size, solves ? offset : -1}, x, out);
  }
}

template <class T>
void TriangularSweeps<T>::solve(const Execution& exec, TiledMatrix<T>* B) const {
  const double m = static_cast<double>(L_.rows()), columns = static_cast<double>(B->columns());
  TiledMatrix<T> between(L_.rows(), B->columns());
  exec.for_each(awaited_, 2 * m * m * columns, [&](Index task) {
    if (B->columns() == 1) return run<1>(task, B, &between);
    run<2>(task, B, &between);
  });
}

template class TriangularSweeps<float>;
template class TriangularSweeps<double>;

}  // namespace limbeck::dense
