// Levenberg-Marquardt for sums of ReLUs, with exact normal equations.
#pragma once

#include "kernels/parallel.hpp"

namespace limbeck {

// f(x) = sum_i sign_i relu(<a_i, x> + t_i) + <w, x> + b. The output weights are signs: their sizes live in a_i and t_i.
// Parameters, k + 1 groups of d + 1 numbers: (a_1, t_1), ..., (a_k, t_k), (w, b).
struct RefineProblem {
  const double* X;
  Index n, d;
  const double* y;
  const double* v;  // row weights, or null for ones
  Index k;
  const double* signs;
  bool thresholds;  // whether the t_i move
  double decay;     // the cost is sum v r^2 / (2 sum v) + decay / 2 (sum |a_i|^2 + |w|^2)
};

struct RefineOptions {
  int max_steps;
  double tolerance;  // stop when two accepted steps in a row lower the cost by less than this fraction
  double seconds;    // begin no step after this time
};

struct RefineResult {
  double cost;  // at the parameters returned
  double mean_squared_error;
  int steps;  // accepted or not
  bool converged;
};

// Improves `parameters` in place; the cost never rises. Marquardt scaling, damping by the gain ratio (Madsen, Nielsen
// and Tingleff, Methods for non-linear least squares problems, 2004, algorithm 3.16).
RefineResult refine(const Execution& exec, const RefineProblem& problem, const RefineOptions& options,
                    double* parameters);

// hessian (P, P) = J' diag(v) J / sum v at the parameters, P = (k + 1)(d + 1); symmetric, both triangles.
void normal_matrix(const Execution& exec, const RefineProblem& problem, const double* parameters, double* hessian);

}  // namespace limbeck
