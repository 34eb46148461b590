// The Gauss-Newton matrix of a sum of ReLUs, formed: products of all pairs of gates in few passes over the rows.
#pragma once

#include "kernels/gauss_newton/relu_fit_problem.hpp"

namespace limbeck::gauss_newton {

// hessian (P, P) = J' diag(v) J / sum v at the parameters, P = (k + 1)(d + 1); symmetric, both triangles.
void gauss_newton_matrix(const Execution& exec, const ReluFit& problem, const double* parameters, double* hessian);

}  // namespace limbeck::gauss_newton
