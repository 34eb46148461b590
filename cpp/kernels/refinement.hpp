// A least-squares solution brought to the accuracy of its numbers, with the help of a factor that may be much less
// exact.
#pragma once

#include "kernels/triangular_factor.hpp"

namespace limbeck {

struct Refined {
  Certificate::Verdict verdict;  // certified or not_converged
  double backward_error;
  int refinements;
  Numbers b;               // (q, p)
  Numbers residual_norms;  // (q)
};

// The vectors of least norm among those of least squares for X of full rank and targets y (q, n). With G^ for the
// factor of the normal matrix:
//   X wide:  b = X' G^^-1 y, then b += X' G^^-1 (y - X b): b never leaves the span of the rows;
//   X tall:  b += G^^-1 X' (y - X b).
// Few targets: residuals are taken to twice the precision, so that b ends right to its last digits wherever this
// converges at all. That is where the factor's relative error times the condition of G is below one for a factor made
// from G, and times that of X for one made from X (Björck, Numerical Methods for Least Squares Problems, 1996,
// section 6.6, the corrected semi-normal equations).
template <class T>
Refined refine_solution(const Execution& exec, const LeastSquares<T>& problem, const NormalSolver& solver,
                        double frobenius_norm, double condition, const Numbers& y);

}  // namespace limbeck
