// SYRK on vectors that are made in packed form.
#pragma once

#include "kernels/dense/packing.hpp"

namespace limbeck::dense {

// Adds the inner products of all pairs to the lower triangle, on the calling thread. Their count is a
// multiple of PackedView::multiple. Triangular: number l of vector v is zero for l < v.
template <class T>
void syrk_packed(const PackedView<T>& vectors, TiledMatrix<T>* sums, bool triangular = false);

// Columns `first` ... `end` - 1 of the inner products alone, both multiples of PackedView::multiple: every column has
// the same bits as in the whole.
template <class T>
void syrk_packed(const PackedView<T>& vectors, TiledMatrix<T>* sums, bool triangular, Index first, Index end);

// The rows of the lower triangle that the last `tile_columns` of triangular vectors make, where they are half of a
// group whose other half is zero: as columns of the transpose, which take half of the time. The same bits again.
template <class T>
constexpr bool has_half_groups = PackedView<T>::width == 2 * core::tile_columns;
template <class T>
void syrk_packed_last_half(const PackedView<T>& vectors, TiledMatrix<T>* sums);

// Adds the inner products of all pairs to `sums` (count, count), column after column, each `stride` after the one
// before; what is above the diagonal is not defined.
template <class T>
void syrk_packed(const PackedView<T>& vectors, T* sums, Index stride);

}  // namespace limbeck::dense
