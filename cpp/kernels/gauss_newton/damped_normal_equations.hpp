// The linear system of a Levenberg-Marquardt step, by two roads.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "kernels/gauss_newton/relu_fit_problem.hpp"

namespace limbeck {

// (H + damping * diag(scale)) step = -gradient, H = J' diag(v) J / sum v + decay. Rows and columns of thresholds that
// do not move are those of the identity.
class DampedSystem {
public:
  virtual ~DampedSystem() = default;
  // Takes H at these parameters; returns its diagonal.
  virtual std::vector<double> move_to(const std::vector<double>& parameters) = 0;
  // False where there is no such step. A step may be inexact, but it minimises the quadratic model over some space that
  // holds it: so -step' gradient = step' (H + damping * diag(scale)) step.
  virtual bool solve(double damping, const std::vector<double>& scale, const std::vector<double>& gradient, double cost,
                     std::vector<double>* step) = 0;
};

// By Cholesky of the matrix.
std::unique_ptr<DampedSystem> dense_system(const Execution& exec, const RefineProblem& problem);

// The same, with the matrix of a sample of the rows.
std::unique_ptr<DampedSystem> sampled_system(const Execution& exec, const RefineProblem& problem);

// By preconditioned conjugate gradients, matrix-free. A step is solved as exactly as it can matter: a gain below
// `tolerance` times the cost is none. Once `in_time` says no, the step found so far is returned.
std::unique_ptr<DampedSystem> iterative_system(const Execution& exec, const RefineProblem& problem, double tolerance,
                                               std::function<bool()> in_time);

// Which of the two is expected to take less time, from the sizes alone.
bool dense_is_faster(const RefineProblem& problem);

// Whether a sample that determines the matrix well enough is worth being drawn.
bool sample_is_worthwhile(const RefineProblem& problem);

}  // namespace limbeck
