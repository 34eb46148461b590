// Products of a block of rows with a skinny matrix, one of few columns: X is read from cache.
//
// The skinny side is row-major with padded rows: element (r, c) of a block of its rows stands at [r * stride + c],
// where stride = skinny_stride<T>(columns) is a whole number of vectors.
#pragma once

#include <algorithm>

#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/prefetch.hpp"
#include "kernels/core/simd.hpp"

namespace limbeck::dense {

// Number of rows to take at a time, so that a block of X and the one fetched ahead are still in the second-level cache
// when they are used.
template <class T>
Index skinny_block_rows(Index d) {
  constexpr Index block_bytes = 64 * 1024;
  const Index rows = block_bytes / (std::max<Index>(d, 1) * static_cast<Index>(sizeof(T)));
  return std::clamp<Index>(rows / 16 * 16, 32, 256);
}

template <class T>
Index skinny_stride(Index columns) {
  return core::round_up(columns, core::Simd<T>::width);
}

// A skinny matrix C' (d, columns), kept feature by feature in groups of one vector of columns.
template <class T>
class SkinnyMatrix {
public:
  static constexpr Index width = core::Simd<T>::width;

  SkinnyMatrix(Index columns, Index d)
      : columns_(columns), d_(d), data_(skinny_stride<T>(columns) * d), single_(columns % width == 1 ? d : 0) {}
  void set(Index column, const T* values) {  // d numbers
    T* to = data_.data() + column / width * width * d_ + column % width;
    for (Index j = 0; j < d_; ++j) to[j * width] = values[j];
    if (has_single() && column == columns_ - 1) std::copy_n(values, d_, single_.data());
  }
  Index columns() const { return columns_; }
  Index n_features() const { return d_; }
  // A last column that would have a vector to itself is also kept as it is: dot products along d are cheaper then.
  bool has_single() const { return columns_ % width == 1; }
  const T* single() const { return single_.data(); }
  const T* group(Index g) const { return data_.data() + g * width * d_; }

private:
  Index columns_, d_;
  core::AlignedBuffer<T> data_, single_;
};

template <class T>
SkinnyMatrix<T> skinny_matrix(const T* rows, Index count, Index d) {
  SkinnyMatrix<T> C(count, d);
  for (Index c = 0; c < count; ++c) C.set(c, rows + c * d);
  return C;
}

// Beside their arithmetic both products fetch what `ahead` names, the rows that come next.

// out[r * stride + c] = <x_r, C_c>, for rows of X (rows, d); the padding columns become zero.
template <class T>
void multiply_rows(const T* X, Index rows, const SkinnyMatrix<T>& C, T* out, core::Prefetch& ahead);

// Some features of some rows: number (r, j) stands at data[r * stride + j].
template <class T>
struct RowsOf {
  const T* data;
  Index rows, columns, stride;
};

// out[c * out_stride + j] += sum_r V[r * stride + c] x_rj, for c < columns.
template <class T>
void accumulate_outer(const RowsOf<T>& X, const T* V, Index columns, Index stride, T* out, Index out_stride,
                      core::Prefetch& ahead);

// Of all features of contiguous rows, with the results of a column behind those of the one before.
template <class T>
void accumulate_outer(const T* X, Index rows, Index d, const T* V, Index columns, Index stride, T* out,
                      core::Prefetch& ahead);

}  // namespace limbeck::dense
