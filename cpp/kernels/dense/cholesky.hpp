// The Cholesky factor of a symmetric matrix, and solves with it.
#pragma once

#include "kernels/core/execution.hpp"
#include "kernels/dense/matrix.hpp"

namespace limbeck::dense {

// A = L L' in place, in the lower triangle; false, with A spoilt, where A is not positive definite to rounding.
template <class T>
bool cholesky(const Execution& exec, TiledMatrix<T>* A);

// Every column of B becomes L^-1 times it, or L'^-1 times it.
template <class T>
void solve_lower(const Execution& exec, const TiledMatrix<T>& L, TiledMatrix<T>* B);
template <class T>
void solve_lower_transposed(const Execution& exec, const TiledMatrix<T>& L, TiledMatrix<T>* B);

}  // namespace limbeck::dense
