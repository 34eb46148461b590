// Minimum-norm least squares by the inner products of the smaller side, with a certificate.
#pragma once

#include "kernels/least_squares.hpp"

namespace limbeck {

// coef (p, q): the vector of least norm among those of least squares, for X of full rank; residual_norms (q). Factors
// the Gram matrix of rows or columns, whichever are fewer, scaled to unit diagonal by powers of two: large ones in
// single precision, if that is enough for the refinement that follows. Unless the verdict is certified coef is not to
// be used.
template <class T>
Certificate solve_by_cholesky(const Execution& exec, const LeastSquares<T>& problem, T* coef, double* residual_norms);

}  // namespace limbeck
