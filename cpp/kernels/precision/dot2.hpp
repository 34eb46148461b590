// Residuals to twice the working precision: the difference of large numbers that almost cancel is right to its last
// digit.
//
// Every product and every sum carries its rounding error along (Ogita, Rump and Oishi, Accurate sum and dot product,
// SIAM J. Sci. Comput. 26, 2005, algorithm Dot2).
#pragma once

#include <vector>

#include "kernels/core/execution.hpp"

namespace limbeck::precision {

// Targets and what belongs to them stand one after the other: B (q, p), Y, R and C (q, n). X is (n, p). B_low, which
// may be null, is added to B.

// R = Y - X B.
template <class T>
void dot2_residual(const Execution& exec, const T* X, Index n, Index p, Index q, const double* B, const double* B_low,
                   const double* Y, double* R);

// out (q, p) = X' C.
template <class T>
void dot2_combination(const Execution& exec, const T* X, Index n, Index p, Index q, const double* C, double* out);

// gradient (q, p) = X' (Y - X B), the residuals in it to twice the precision as well; squares (q): sums of the squares
// of the residuals.
template <class T>
void dot2_gradient(const Execution& exec, const T* X, Index n, Index p, Index q, const double* B, const double* B_low,
                   const double* Y, double* gradient, double* squares);

// high + low += change for unevaluated sums, of which `high` is the rounded whole.
void add_unevaluated(const Execution& exec, const std::vector<double>& change, std::vector<double>* high,
                     std::vector<double>* low);

}  // namespace limbeck::precision
