// Levenberg-Marquardt for sums of ReLUs.
#pragma once

#include "kernels/gauss_newton/relu_fit_problem.hpp"

namespace limbeck::gauss_newton {

// How the linear system of a step is solved: by Cholesky of the Gauss-Newton matrix, or by conjugate gradients without
// it. sampled: by Cholesky of the Gauss-Newton matrix of a sample of the rows, kept for as long as its steps gain at
// least half of what the quadratic model predicts. The gradient is that of all rows, and so is the optimum; every step
// comes closer by a factor rather than quadratically, so it is for noisy labels, where a few digits are all there is.
// Automatic where rows are few.
enum class Solver { automatic, dense, conjugate_gradients, sampled };

struct LevenbergMarquardtOptions {
  int max_steps;
  // Stop when two accepted steps in a row lower the cost by less than this fraction, or an undamped one is predicted to
  // gain less.
  double tolerance;
  double seconds;  // begin no step, and no further iteration of conjugate gradients, after this time
  Solver solver = Solver::automatic;
};

struct LevenbergMarquardtResult {
  double cost;  // at the parameters returned
  double mean_squared_error;
  int steps;       // accepted or not
  bool converged;  // not where the steps or the time ran out, or no step was accepted however short
};

// Improves `parameters` in place; the cost never rises. Marquardt scaling, damping by the gain ratio (Madsen, Nielsen
// and Tingleff, Methods for non-linear least squares problems, 2004, algorithm 3.16).
LevenbergMarquardtResult levenberg_marquardt(const Execution& exec, const ReluFit& problem,
                                             const LevenbergMarquardtOptions& options, double* parameters);

}  // namespace limbeck::gauss_newton
