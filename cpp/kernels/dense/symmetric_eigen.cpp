#include "kernels/dense/symmetric_eigen.hpp"

#include <Eigen/Eigenvalues>

namespace limbeck::dense {

bool symmetric_eigen(Index n, const double* A, double* values, double* vectors) {
  if (n == 0) return true;
  using Matrix = Eigen::MatrixXd;
  const Eigen::Map<const Matrix> matrix(A, n, n);
  if (!matrix.allFinite()) return false;
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(matrix);
  if (solver.info() != Eigen::Success) return false;
  Eigen::Map<Eigen::VectorXd>(values, n) = solver.eigenvalues();
  Eigen::Map<Matrix>(vectors, n, n) = solver.eigenvectors();  // its columns, stored one after another, are our rows
  return true;
}

}  // namespace limbeck::dense
