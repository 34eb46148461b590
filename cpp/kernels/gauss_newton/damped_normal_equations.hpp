// The linear system of a Levenberg-Marquardt step, by two roads.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <memory>

#include "kernels/gauss_newton/relu_fit_problem.hpp"

namespace limbeck::gauss_newton {

// (H + damping * diag(scale)) step = -gradient, H = J' diag(v) J / sum v + decay. Rows and columns of thresholds that
// do not move are those of the identity.
class DampedNormalEquations {
public:
  virtual ~DampedNormalEquations() = default;
  // Takes H at these parameters; returns its diagonal.
  virtual Eigen::VectorXd move_to(const Eigen::VectorXd& parameters) = 0;
  // False where there is no such step. A step may be inexact, but it minimises the quadratic model over some space that
  // holds it: so -step' gradient = step' (H + damping * diag(scale)) step.
  virtual bool solve(double damping, const Eigen::VectorXd& scale, const Eigen::VectorXd& gradient, double cost,
                     Eigen::VectorXd* step) = 0;
};

// By Cholesky of the matrix.
std::unique_ptr<DampedNormalEquations> dense_solver(const Execution& exec, const ReluFit& problem);

// The same, with the matrix of a sample of the rows.
std::unique_ptr<DampedNormalEquations> sampled_solver(const Execution& exec, const ReluFit& problem);

// By preconditioned conjugate gradients, matrix-free. A step is solved as exactly as it can matter: a gain below
// `tolerance` times the cost is none. Once `in_time` says no, the step found so far is returned.
std::unique_ptr<DampedNormalEquations> cg_solver(const Execution& exec, const ReluFit& problem, double tolerance,
                                                 std::function<bool()> in_time);

// Which of the two is expected to take less time, from the sizes alone.
bool dense_solver_is_faster(const ReluFit& problem);

// Whether a sample that determines the matrix well enough is worth being drawn.
bool sample_is_worthwhile(const ReluFit& problem);

}  // namespace limbeck::gauss_newton
