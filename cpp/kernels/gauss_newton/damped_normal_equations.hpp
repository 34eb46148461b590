// The linear system of a Levenberg-Marquardt step: by Cholesky of the matrix of all rows or of a sample, or by
// conjugate gradients.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernels/gauss_newton/relu_fit_problem.hpp"

namespace limbeck::gauss_newton {

// (H + damping * diag(scale)) step = -gradient, H = J' diag(v) J / sum v + decay. Rows and columns of thresholds that
// do not move are those of the identity.
class DampedNormalEquations {
public:
  virtual ~DampedNormalEquations() = default;
  // Takes H at these parameters; returns its diagonal.
  virtual std::vector<double> move_to(const std::vector<double>& parameters) = 0;
  // False where there is no such step. A step may be inexact, but it minimises the quadratic model over some space that
  // holds it: so -step' gradient = step' (H + damping * diag(scale)) step.
  virtual bool solve(double damping, const std::vector<double>& scale, const std::vector<double>& gradient, double cost,
                     std::vector<double>* step) = 0;
};

// By Cholesky of the matrix.
std::unique_ptr<DampedNormalEquations> dense_solver(const Execution& exec, const ReluFit& problem);

// By Cholesky of the matrix of a sample of the rows.
std::unique_ptr<DampedNormalEquations> sampled_solver(const Execution& exec, const ReluFit& problem);

// By preconditioned conjugate gradients, matrix-free. A step is solved as exactly as it can matter: a gain below
// `tolerance` times the cost is none. Once `in_time` is false, the step found so far is returned.
std::unique_ptr<DampedNormalEquations> cg_solver(const Execution& exec, const ReluFit& problem, double tolerance,
                                                 std::function<bool()> in_time);

// Whether Cholesky is expected to take less time than conjugate gradients, from the sizes alone.
bool dense_solver_is_faster(const ReluFit& problem);

// Whether there are so many rows that a sample which determines the matrix well enough saves time.
bool sample_is_worthwhile(const Execution& exec, const ReluFit& problem);

}  // namespace limbeck::gauss_newton
