// Inner products of vectors that are made in packed form: groups of as many as a register holds, interleaved.
#pragma once

#include "kernels/dense/packing.hpp"

namespace limbeck::dense {

// Adds the inner products of all pairs to the lower triangle, on the calling thread. Triangular: number l of vector v
// is zero for l < v.
template <class T>
void syrk_packed(const PackedView<T>& vectors, TiledMatrix<T>* sums, bool triangular = false);

// Columns `first` ... `end` - 1 of that alone, both multiples of `multiple`: every column is bitwise what it is above.
template <class T>
void syrk_packed(const PackedView<T>& vectors, TiledMatrix<T>* sums, bool triangular, Index first, Index end);

}  // namespace limbeck::dense
