// Residuals to twice the working precision: what is left of large numbers that almost cancel is right to its last
// digit.
//
// Every product and every sum carries its rounding error along (Ogita, Rump and Oishi, Accurate sum and dot product,
// SIAM J. Sci. Comput. 26, 2005, algorithm Dot2).
#pragma once

#include "kernels/parallel.hpp"

namespace limbeck {

// out (n) = sum of starts - X b, for X (n, p), b (p).
template <class T>
void twofold_residual(const Execution& exec, const T* X, Index n, Index p, const double* b, const double* start,
                      const double* second_start, double* out);

// out (p) = sum of starts - X' c, c (n). Starts may be null.
template <class T>
void twofold_transposed_residual(const Execution& exec, const T* X, Index n, Index p, const double* c,
                                 const double* start, const double* second_start, double* out);

}  // namespace limbeck
