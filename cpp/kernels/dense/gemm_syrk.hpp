// SYRK (S += s V V') and GEMM (S += s A B') on packed operands.
//
// Tasks are blocks of S, or where these are too few blocks of S for parts of the vectors, whose sums are added in
// order. Sizes alone say which, so the bits of S do not depend on the number of threads.
#pragma once

#include "kernels/core/execution.hpp"
#include "kernels/dense/matrix.hpp"

namespace limbeck::dense {

// The rows or the columns of a matrix as operands.
template <class T>
VectorSet<T> rows_of(const TiledMatrix<T>& A) {
  return {A.at(0, 0), A.rows(), A.columns(), 1, A.stride()};
}
template <class T>
VectorSet<T> columns_of(const TiledMatrix<T>& A) {
  return {A.at(0, 0), A.columns(), A.rows(), A.stride(), 1};
}

// Adds `sign` times the inner products of all pairs of vectors, to the lower triangle of the square part that begins on
// the diagonal at `first`. Only its first `columns` columns, a multiple of core::tile_columns, or all. What is above
// the diagonal is not defined. Numbers of type From are rounded to T.
template <class From, class T>
void syrk_lower(const Execution& exec, const VectorSet<From>& vectors, T sign, TiledMatrix<T>* sums, Index first = 0,
                Index columns = -1);

// The most bytes that this holds on one thread, beside its operands.
template <class T>
double syrk_lower_bytes(Index vectors, Index length);

// Adds `sign` times the inner products of vectors a (rows of the result) with vectors b (columns). The fewer are best
// passed as a: b is read where it stands if its vectors are contiguous and of type T.
template <class T, class From = T>
void gemm(const Execution& exec, const VectorSet<T>& a, const VectorSet<From>& b, T sign, TiledMatrix<T>* sums,
          Corner corner = {0, 0});

}  // namespace limbeck::dense
