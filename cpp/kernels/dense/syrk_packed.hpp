// Inner products of vectors that are made in packed form: groups of as many as a register holds, interleaved.
#pragma once

#include "kernels/dense/gemm_syrk.hpp"

namespace limbeck {

// Number l of vector v stands at data[(v / width) * group_stride + l * width + v % width]; the count is a multiple of
// `multiple`.
template <class T>
struct PackedVectors {
  static constexpr Index width = Simd<T>::width;
  static constexpr Index multiple = width > tile_columns ? width : tile_columns;
  static Index padded(Index count) { return (count + multiple - 1) / multiple * multiple; }

  const T* data;
  Index count, length, group_stride;
};

// Adds the inner products of all pairs to the lower triangle, on the calling thread. Triangular: number l of vector v
// is zero for l < v.
template <class T>
void add_packed_gram(const PackedVectors<T>& vectors, TiledMatrix<T>* sums, bool triangular = false);

// Columns `first` ... `end` - 1 of that alone, both multiples of `multiple`: every column is bitwise what it is above.
template <class T>
void add_packed_gram(const PackedVectors<T>& vectors, TiledMatrix<T>* sums, bool triangular, Index first, Index end);

// The whole of it into `sums` (count, count), column after column, each `stride` after the one before; what is above
// the diagonal is not defined.
template <class T>
void add_packed_gram(const PackedVectors<T>& vectors, T* sums, Index stride);

}  // namespace limbeck
