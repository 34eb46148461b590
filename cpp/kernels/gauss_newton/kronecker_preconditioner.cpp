#include "kernels/gauss_newton/kronecker_preconditioner.hpp"

#include <cmath>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/cholesky.hpp"
#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/dense/symmetric_eigen.hpp"
#include "kernels/gauss_newton/gate_pattern_grams.hpp"

namespace limbeck::gauss_newton {

namespace {

using Matrix = dense::TiledMatrix<double>;
using Vector = std::vector<double>;

// Of the diagonal: some thousands of roundings, so that a nearly singular matrix still has a factor.
constexpr double least_ridge = 1e-12;

// The diagonal of a positive semidefinite matrix, zeros (a column that no row has) replaced by something tiny.
Vector floored(Vector diagonal) {
  double largest = 1e-280;  // its part of 1e-12 is still a normal number
  for (const double v : diagonal) largest = std::max(largest, v);
  for (double& v : diagonal) v = std::max(v, 1e-12 * largest);
  return diagonal;
}

// L of the lower triangle of A with a ridge, relative to the diagonal, that is raised until the factorisation exists.
Matrix factored(const Execution& exec, const Matrix& A, double ridge) {
  const Index m = A.rows();
  Vector diagonal(m);
  for (Index j = 0; j < m; ++j) diagonal[j] = *A.at(j, j);
  diagonal = floored(std::move(diagonal));
  Matrix factor(m, m);
  for (; ridge < 1e15; ridge *= 100) {
    for (Index j = 0; j < m; ++j) {
      std::copy_n(A.at(j, j), m - j, factor.at(j, j));
      *factor.at(j, j) += ridge * diagonal[j];
    }
    if (dense::cholesky(exec, &factor)) break;
  }
  return factor;
}

void solve(const Execution& exec, const Matrix& L, Matrix* B) {
  dense::solve_lower(exec, L, B);
  dense::solve_lower_transposed(exec, L, B);
}

// C += sign A B.
void add_product(const Execution& exec, const Matrix& A, const Matrix& B, double sign, Matrix* C) {
  constexpr Index small = 4096;  // products of numbers that take less time than packing them
  if (A.rows() * A.columns() * B.columns() <= small) {
    for (Index c = 0; c < B.columns(); ++c) {
      for (Index l = 0; l < A.columns(); ++l) core::add_scaled(sign * *B.at(l, c), A.at(0, l), C->at(0, c), A.rows());
    }
    return;
  }
  dense::gemm(exec, dense::rows_of(A), dense::columns_of(B), sign, C);
}

// A' B.
Matrix transposed_product(const Execution& exec, const Matrix& A, const Matrix& B) {
  Matrix C(A.columns(), B.columns());
  dense::gemm(exec, dense::columns_of(A), dense::columns_of(B), 1.0, &C);
  return C;
}

}  // namespace

Matrix mean_outer_product(const Execution& exec, const ReluFit& p) {
  GatePatternGrams grams(p.d, p.n);
  grams.begin(exec, 1);
  grams.add(exec, p.X, p.n, p.v,
            [](Index, Index rows, GatePatternGrams::Group* groups) { std::fill_n(groups, rows, 0); });
  const Index D = p.group_size();
  const double scale = 1 / grams.weight(0);
  Matrix outer(D, D);
  exec.for_each(grams.parts(), 4.0 * D * D, [&](Index part) {
    grams.for_entries(0, part, [&](Index row, Index column, double sum) {
      *outer.at(row, column) = *outer.at(column, row) = scale * sum;
    });
  });
  return outer;
}

KroneckerPreconditioner::KroneckerPreconditioner(const Execution& exec, const ReluFit& problem, const Matrix* outer,
                                                 const GaussNewtonOperator& product, const Vector& parameters,
                                                 double damping, const Vector& scale)
    : exec_(exec),
      problem_(problem),
      gates_inverse_(problem.k + 1, problem.k + 1),
      span_(problem.group_size(), 0),
      in_span_(0, 0) {
  set_factors(outer, product, damping);
  if (product.n_features() > 1) set_span(product, parameters, damping, scale);
}

void KroneckerPreconditioner::set_factors(const Matrix* outer, const GaussNewtonOperator& product, double damping) {
  const ReluFit& p = problem_;
  const Index groups = p.k + 1, features = product.n_features(), D = p.group_size();
  const double ridge = std::max(damping, least_ridge);
  Matrix gates(groups, groups);
  double mean_gate = 0, mean_decay = 0, mean_square = 0;
  for (Index i = 0; i < groups; ++i) {
    const double* row = product.small().data() + ((i + 1) * features - 1) * groups * features;
    for (Index j = 0; j < groups; ++j) *gates.at(j, i) = row[(j + 1) * features - 1];
    mean_gate += *gates.at(i, i) / static_cast<double>(groups);
    mean_decay += p.decay[i] / static_cast<double>(groups);
  }
  // The last group has no gate: its part of the Gauss-Newton matrix is G.
  outer_diagonal_.assign(product.diagonal().begin() + p.k * D, product.diagonal().end());
  // Decay belongs to M (x) G as a whole; a share in each factor overstates it twice at most where it matters.
  for (Index j = 0; j < p.d; ++j) mean_square += outer_diagonal_[j] / static_cast<double>(p.d);
  for (Index j = 0; j < p.d; ++j) outer_diagonal_[j] += mean_decay / mean_gate;
  for (Index i = 0; i < groups && mean_square > 0; ++i) *gates.at(i, i) += p.decay[i] / mean_square;
  // With both factors damped, much damping would count twice.
  for (Index i = 0; i < groups; ++i) *gates_inverse_.at(i, i) = 1 + ridge;
  solve(exec_, factored(exec_, gates, ridge), &gates_inverse_);
  if (outer) {
    Matrix G(D, D);
    for (Index j = 0; j < D; ++j) {
      std::copy_n(outer->at(j, j), D - j, G.at(j, j));
      if (!p.thresholds && j < p.d) *G.at(p.d, j) = 0;  // thresholds are no part of the system
      *G.at(j, j) = outer_diagonal_[j];
    }
    outer_.emplace(factored(exec_, G, ridge));
  }
  outer_diagonal_ = floored(std::move(outer_diagonal_));
  for (double& v : outer_diagonal_) v *= 1 + ridge;
}

// W for B = A W with B' G B = I; directions that the others span already are left out.
Matrix KroneckerPreconditioner::span_coefficients(const Matrix& A) const {
  const Index D = A.rows(), features = A.columns();
  Matrix root(D, features);  // R A for G = R' R
  if (outer_) {
    Matrix upper(D, D);
    for (Index j = 0; j < D; ++j) {
      for (Index i = j; i < D; ++i) *upper.at(j, i) = *outer_->at(i, j);
    }
    add_product(exec_, upper, A, 1.0, &root);
  } else {
    for (Index f = 0; f < features; ++f) {
      for (Index j = 0; j < D; ++j) *root.at(j, f) = std::sqrt(outer_diagonal_[j]) * *A.at(j, f);
    }
  }
  Vector norms(features), gram(features * features);
  for (Index f = 0; f < features; ++f) {
    norms[f] = std::max(core::norm(root.at(0, f), D), 1e-150);
    for (Index j = 0; j < D; ++j) *root.at(j, f) /= norms[f];
    for (Index g = 0; g <= f; ++g) {
      gram[f * features + g] = gram[g * features + f] = core::dot(root.at(0, f), root.at(0, g), D);
    }
  }
  Vector values(features);  // zeros, and so rank 0, where the matrix is not finite
  Vector vectors(features * features);
  dense::symmetric_eigen(features, gram.data(), values.data(), vectors.data());
  Index rank = 0;
  constexpr double independent = 1e-10;  // eigenvalues of unit vectors' products: below, digits of W would be few
  while (rank < features && values[features - 1 - rank] > independent) ++rank;
  Matrix W(features, rank);
  for (Index r = 0; r < rank; ++r) {
    const Index from = features - rank + r;
    for (Index f = 0; f < features; ++f) {
      *W.at(f, r) = vectors[from * features + f] / norms[f] / std::sqrt(values[from]);
    }
  }
  return W;
}

void KroneckerPreconditioner::set_span(const GaussNewtonOperator& product, const Vector& parameters, double damping,
                                       const Vector& scale) {
  const Index d = problem_.d, k = problem_.k, D = problem_.group_size();
  Matrix A(D, k + 1);
  for (Index i = 0; i < k; ++i) std::copy_n(parameters.data() + i * D, d, A.at(0, i));
  *A.at(d, k) = 1;
  const Matrix W = span_coefficients(A);
  span_ = Matrix(D, W.columns());
  add_product(exec_, A, W, 1.0, &span_);
  factor_in_span(product, W, damping, scale);
}

void KroneckerPreconditioner::factor_in_span(const GaussNewtonOperator& product, const Matrix& W, double damping,
                                             const Vector& scale) {
  const ReluFit& p = problem_;
  const Index d = p.d, k = p.k, D = p.group_size(), features = k + 1, rank = W.columns();
  const Index groups = features, columns = groups * features;
  Vector small = product.small();
  for (Index i = 0; i <= k; ++i) {
    if (moves(i, d)) continue;
    for (Index c = 0; c < columns; ++c)
      small[(i * features + k) * columns + c] = small[c * columns + i * features + k] = 0;
  }
  // From the left, (I (x) W)' small: W' times each column of each block, columns of `features` numbers one after
  // another.
  Matrix left(rank, groups * columns);
  dense::gemm(exec_, dense::columns_of(W),
              dense::VectorSet<double>{small.data(), groups * columns, features, features, 1}, 1.0, &left);
  // From the right: block column j of H is the block column j of that, rows (i, r), times W.
  Matrix H(groups * rank, groups * rank), block(groups * rank, features);
  for (Index j = 0; j < groups; ++j) {
    for (Index f = 0; f < features; ++f) {
      for (Index i = 0; i < groups; ++i) {
        std::copy_n(left.at(0, (j * features + f) * groups + i), rank, block.at(i * rank, f));
      }
    }
    dense::gemm(exec_, dense::rows_of(block), dense::columns_of(W), 1.0, &H, {0, j * rank});
  }
  Vector added(D), weighted(D);
  for (Index i = 0; i <= k; ++i) {
    for (Index j = 0; j < D; ++j) added[j] = damping * scale[i * D + j] + (j < d ? p.decay[i] : 0.0);
    if (!moves(i, d)) added[d] = 1;
    for (Index s = 0; s < rank; ++s) {
      for (Index j = 0; j < D; ++j) weighted[j] = added[j] * *span_.at(j, s);
      for (Index r = s; r < rank; ++r)
        *H.at(i * rank + r, i * rank + s) += core::dot(span_.at(0, r), weighted.data(), D);
    }
  }
  in_span_ = factored(exec_, H, least_ridge);
}

void KroneckerPreconditioner::apply(const Vector& r, Vector* z) const {
  const Index D = problem_.group_size(), groups = problem_.k + 1, rank = span_.columns();
  Matrix R(D, groups), solved(D, groups), Z(D, groups);
  for (Index i = 0; i < groups; ++i) {
    std::copy_n(r.data() + i * D, D, R.at(0, i));
    for (Index j = 0; j < D; ++j) *solved.at(j, i) = outer_ ? *R.at(j, i) : *R.at(j, i) / outer_diagonal_[j];
  }
  if (outer_) solve(exec_, *outer_, &solved);
  if (rank > 0) {
    const Matrix inside = transposed_product(exec_, span_, R);
    add_product(exec_, span_, inside, -1.0, &solved);
    Matrix exact(rank * groups, 1), exact_by_group(rank, groups);
    for (Index i = 0; i < groups; ++i) std::copy_n(inside.at(0, i), rank, exact.at(i * rank, 0));
    solve(exec_, in_span_, &exact);
    for (Index i = 0; i < groups; ++i) std::copy_n(exact.at(i * rank, 0), rank, exact_by_group.at(0, i));
    add_product(exec_, span_, exact_by_group, 1.0, &Z);
  }
  add_product(exec_, solved, gates_inverse_, 1.0, &Z);
  for (Index i = 0; i < groups; ++i) {
    std::copy_n(Z.at(0, i), D, z->data() + i * D);
    if (!moves(i, problem_.d)) (*z)[i * D + problem_.d] = 0;
  }
}

}  // namespace limbeck::gauss_newton
