// Residuals to twice the working precision: what is left of large numbers that almost cancel is right to its last
// digit.
//
// Every product and every sum carries its rounding error along (Ogita, Rump and Oishi, Accurate sum and dot product,
// SIAM J. Sci. Comput. 26, 2005, algorithm Dot2).
#pragma once

#include "kernels/least_squares/problem.hpp"

namespace limbeck {

// Targets and what belongs to them stand one after the other: B (q, p), Y, R and C (q, n). X is (n, p). B_low, which
// may be null, is added to B.

// R = Y - X B.
template <class T>
void twofold_residual(const Execution& exec, const T* X, Index n, Index p, Index q, const double* B,
                      const double* B_low, const double* Y, double* R);

// out (q, p) = X' C.
template <class T>
void twofold_combination(const Execution& exec, const T* X, Index n, Index p, Index q, const double* C, double* out);

// gradient (q, p) = X' (Y - X B), the residuals in it to twice the precision as well; squares (q): sums of the squares
// of the residuals.
template <class T>
void twofold_gradient(const Execution& exec, const T* X, Index n, Index p, Index q, const double* B,
                      const double* B_low, const double* Y, double* gradient, double* squares);

// high + low, unevaluated sums of which the first part is the rounded whole, grow by `change`.
void add_twofold(const Numbers& change, Numbers* high, Numbers* low);

}  // namespace limbeck
