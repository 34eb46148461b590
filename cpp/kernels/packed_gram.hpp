// Inner products of vectors that are made in packed form: groups of as many as a register holds, interleaved.
#pragma once

#include "kernels/products.hpp"

namespace limbeck {

// Number l of vector v stands at data[(v / width) * group_stride + l * width + v % width]; the count is a multiple of
// `multiple`.
struct PackedVectors {
  static constexpr Index width = Simd<double>::width;
  static constexpr Index multiple = width > tile_columns ? width : tile_columns;
  static Index padded(Index count) { return (count + multiple - 1) / multiple * multiple; }

  const double* data;
  Index count, length, group_stride;
};

// Adds the inner products of all pairs to the lower triangle, on the calling thread. Triangular: number l of vector v
// is zero for l < v.
void add_packed_gram(const PackedVectors& vectors, TiledMatrix<double>* sums, bool triangular = false);

}  // namespace limbeck
