#include "kernels/gauss_newton/kronecker_preconditioner.hpp"

#include <Eigen/Cholesky>

#include "kernels/dense/symmetric_eigen.hpp"
#include "kernels/gauss_newton/gate_pattern_grams.hpp"

namespace limbeck::gauss_newton {

namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr double least_ridge = 1e-12;

// The diagonal of a positive semidefinite matrix, zeros (a column that no row has) replaced by something tiny.
Vector floored(const Vector& diagonal) { return diagonal.cwiseMax(1e-12 * std::max(diagonal.maxCoeff(), 1e-280)); }

// Cholesky with a ridge, relative to the diagonal, that is raised until the factorisation exists.
Eigen::LLT<Matrix> factored(const Matrix& A, double ridge) {
  const Vector diagonal = floored(A.diagonal());
  Eigen::LLT<Matrix> factor;
  for (; ridge < 1e15; ridge *= 100) {
    Matrix raised = A;
    raised.diagonal() += ridge * diagonal;
    factor.compute(raised);
    if (factor.info() == Eigen::Success) break;
  }
  return factor;
}

}  // namespace

Matrix mean_outer_product(const Execution& exec, const ReluFit& p) {
  GatePatternGrams grams(p.d, 1);
  const std::vector<GatePatternGrams::Group> groups(std::min(p.n, GatePatternGrams::chunk_rows), 0);
  for (Index first = 0; first < p.n; first += GatePatternGrams::chunk_rows) {
    const Index rows = std::min(GatePatternGrams::chunk_rows, p.n - first);
    grams.add(exec, p.X + first * p.d, rows, groups.data(), p.v ? p.v + first : nullptr);
  }
  Matrix outer(p.group_size(), p.group_size());
  grams.sum_of(0, outer.data());
  return outer / p.total_weight();
}

KroneckerPreconditioner::KroneckerPreconditioner(const ReluFit& problem, const Matrix* outer,
                                                 const GaussNewtonOperator& product, const Vector& parameters,
                                                 double damping, const Vector& scale)
    : problem_(problem) {
  set_factors(outer, product, damping);
  if (product.n_features() > 1) set_span(product, parameters, damping, scale);
}

void KroneckerPreconditioner::set_factors(const Matrix* outer, const GaussNewtonOperator& product, double damping) {
  const ReluFit& p = problem_;
  const Index groups = p.k + 1, features = product.n_features();
  const double ridge = std::max(damping, least_ridge);
  const Eigen::Map<const Matrix> small(product.small().data(), groups * features, groups * features);
  Matrix gates(groups, groups);
  for (Index i = 0; i < groups; ++i) {
    for (Index j = 0; j < groups; ++j) gates(i, j) = small((i + 1) * features - 1, (j + 1) * features - 1);
  }
  // The last group has no gate: its part of the normal matrix is G.
  outer_diagonal_ = Eigen::Map<const Vector>(product.diagonal().data() + p.k * p.group_size(), p.group_size());
  // Decay belongs to M (x) G as a whole; a share in each factor overstates it twice at most where it matters.
  const double mean_gate = gates.trace() / static_cast<double>(groups);
  const double mean_square = p.d > 0 ? outer_diagonal_.head(p.d).mean() : 0;
  const Eigen::Map<const Vector> decay(p.decay, groups);
  outer_diagonal_.head(p.d).array() += decay.mean() / mean_gate;
  if (mean_square > 0) gates.diagonal() += decay / mean_square;
  // With both factors damped, much damping would count twice.
  gates_inverse_ = (1 + ridge) * factored(gates, ridge).solve(Matrix::Identity(groups, groups));
  if (outer) {
    Matrix G = *outer;
    G.diagonal() = outer_diagonal_;
    if (!p.thresholds) G.row(p.d).head(p.d).setZero();  // thresholds are no part of the system
    if (!p.thresholds) G.col(p.d).head(p.d).setZero();
    outer_ = factored(G, ridge);
  }
  outer_diagonal_ = floored(outer_diagonal_) * (1 + ridge);
}

void KroneckerPreconditioner::set_span(const GaussNewtonOperator& product, const Vector& parameters, double damping,
                                       const Vector& scale) {
  const ReluFit& p = problem_;
  const Index d = p.d, k = p.k, D = p.group_size(), features = k + 1;
  Matrix A = Matrix::Zero(D, features);
  for (Index i = 0; i < k; ++i) A.col(i).head(d) = parameters.segment(i * D, d);
  A(d, k) = 1;
  // B = A W, with B' G B = I; directions that the others span already are left out.
  const Matrix root =
      outer_.size() > 0 ? Matrix(outer_.matrixU() * A) : Matrix(outer_diagonal_.cwiseSqrt().asDiagonal() * A);
  const Vector norms = root.colwise().norm().cwiseMax(1e-150);
  const Matrix units = root * norms.cwiseInverse().asDiagonal();
  const Matrix gram = units.transpose() * units;
  Vector values = Vector::Zero(features);  // and so rank 0 where the matrix is not finite
  Matrix vectors(features, features);
  dense::symmetric_eigen(features, gram.data(), values.data(), vectors.data());
  Index rank = 0;
  while (rank < features && values[features - 1 - rank] > 1e-10) ++rank;
  const Matrix W = norms.cwiseInverse().asDiagonal() * vectors.rightCols(rank) *
                   values.tail(rank).cwiseSqrt().cwiseInverse().asDiagonal();
  span_ = A * W;

  Matrix small = Eigen::Map<const Matrix>(product.small().data(), features * features, features * features);
  Matrix H((k + 1) * rank, (k + 1) * rank);
  for (Index i = 0; i <= k; ++i) {
    if (moves(i, d)) continue;
    small.row(i * features + k).setZero();
    small.col(i * features + k).setZero();
  }
  for (Index i = 0; i <= k; ++i) {
    for (Index j = 0; j <= k; ++j) {
      H.block(i * rank, j * rank, rank, rank) =
          W.transpose() * small.block(i * features, j * features, features, features) * W;
    }
    Vector added = damping * scale.segment(i * D, D);
    added.head(d).array() += p.decay[i];
    if (!moves(i, d)) added[d] = 1;
    H.block(i * rank, i * rank, rank, rank) += span_.transpose() * added.asDiagonal() * span_;
  }
  in_span_ = factored(H, least_ridge);
}

void KroneckerPreconditioner::apply(const Vector& r, Vector* z) const {
  const Index D = problem_.group_size(), groups = problem_.k + 1;
  const Eigen::Map<const Matrix> R(r.data(), D, groups);
  z->resize(r.size());
  Eigen::Map<Matrix> Z(z->data(), D, groups);
  Matrix solved = outer_.size() > 0 ? Matrix(outer_.solve(R)) : Matrix(outer_diagonal_.cwiseInverse().asDiagonal() * R);
  if (span_.cols() == 0) {
    Z.noalias() = solved * gates_inverse_;
  } else {
    const Matrix inside = span_.transpose() * R;
    solved.noalias() -= span_ * inside;
    Z.noalias() = solved * gates_inverse_;
    const Vector exact = in_span_.solve(inside.reshaped());
    Z.noalias() += span_ * exact.reshaped(span_.cols(), groups);
  }
  for (Index i = 0; i < groups; ++i) {
    if (!moves(i, problem_.d)) Z(problem_.d, i) = 0;
  }
}

}  // namespace limbeck::gauss_newton
