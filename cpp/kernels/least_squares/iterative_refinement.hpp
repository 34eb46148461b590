// Iterative refinement of least-squares solutions: residuals in twice the working precision, corrections by a Cholesky
// factor that may be float32.
#pragma once

#include <algorithm>
#include <functional>

#include "kernels/least_squares/normal_equations_factor.hpp"

namespace limbeck::least_squares {

// Whether the targets of a problem are so few that residuals are taken to twice the precision from the start.
template <class T>
bool has_few_targets(const Problem<T>& P) {
  constexpr double little_work = 1e6;  // multiplications: less than a millisecond even in twice the precision
  return P.q <= std::max<Index>(4, P.shorter() / 100) || static_cast<double>(P.n) * P.p * P.q < little_work;
}

struct RefinedSolution {
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
RefinedSolution refine_solution(const Execution& exec, const Problem<T>& problem, const NormalEquationsSolver& solver,
                                double frobenius_norm, double condition, const Numbers& y);

// Iterative refinement for X of any rank. `multipliers` gives (X')^+ (X' X)^+ g for gradients g (q, p), and b += X'
// times the multipliers, so that b stays in the span of the rows. Right to its last digits where X has the rank
// exactly.
RefinedSolution refine_rank_deficient(const Execution& exec, const Problem<double>& problem, double frobenius_norm,
                                      double condition, const Numbers& y,
                                      const std::function<Numbers(const Numbers&)>& multipliers);

// The solution by a pseudo-inverse of X, for X of any rank, with its residuals and backward error. Where the error is
// not small at once the residuals are solved for as well. The verdict is certified if the error is small in the end.
RefinedSolution certify_solution(const Execution& exec, const Problem<double>& problem, double frobenius_norm,
                                 const Numbers& y, const std::function<Numbers(const Numbers&)>& pseudo_inverse);

}  // namespace limbeck::least_squares
