// The normal matrix of refine, formed: the products of all pairs of gates in few passes over the rows.
#pragma once

#include "kernels/gauss_newton/relu_fit_problem.hpp"

namespace limbeck {

// hessian (P, P) = J' diag(v) J / sum v at the parameters, P = (k + 1)(d + 1); symmetric, both triangles.
void normal_matrix(const Execution& exec, const RefineProblem& problem, const double* parameters, double* hessian);

}  // namespace limbeck
