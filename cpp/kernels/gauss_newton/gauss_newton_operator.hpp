// Products with the Gauss-Newton matrix J' diag(v) J / sum v at one point, without forming J or the matrix.
//
// A product is one pass over the rows. The gates do not change while products are taken, so they are kept: one bit a
// row and neuron, the only memory here that grows with n.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/gauss_newton/relu_fit_problem.hpp"

namespace limbeck::gauss_newton {

class GaussNewtonOperator {
public:
  // Row features of the small matrix, see below: all of them, or the constant alone.
  enum class Features { products_and_one, one };

  // Reads the rows once.
  GaussNewtonOperator(const Execution& exec, const ReluFit& problem, const double* parameters, Features features);

  // out (P) = J' diag(v) J / sum v times p.
  void apply(const double* p, double* out) const;

  // The diagonal of the matrix (P).
  const std::vector<double>& diagonal() const { return diagonal_; }

  // The matrix seen through few features q(x) in place of [x, 1]: q = (<a_1, x>, ..., <a_k, x>, 1), or q = (1). With
  // c_i the sign of neuron i times its gate, and c_{k+1} = 1, block (i, j) is sum v c_i c_j q q' / sum v. Symmetric,
  // order (k + 1) * n_features, both triangles.
  Index n_features() const { return n_features_; }
  const std::vector<double>& small() const { return small_; }

private:
  const Execution& exec_;
  ReluFit problem_;
  Index words_, n_features_;
  // Bit i of a row is the gate of neuron i; bit k, that of the linear part, is always set. Without numbers at first:
  // the tasks that fill it are the first to touch it.
  std::unique_ptr<std::uint64_t[]> gates_;
  double scale_ = 0;
  std::vector<double> diagonal_, small_;
};

}  // namespace limbeck::gauss_newton
