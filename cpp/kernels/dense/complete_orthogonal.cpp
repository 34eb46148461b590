#include "kernels/dense/complete_orthogonal.hpp"

#include <cmath>

#include "kernels/dense/cholesky.hpp"

namespace limbeck {

namespace {

// The longer side down, with room for the sketch.
TiledMatrix<double> upright(const Execution& exec, const LeastSquares<double>& P) {
  constexpr Index part = 64;
  const Index rows = P.longer(), columns = P.shorter();
  TiledMatrix<double> A(rows, columns + PivotedQR::spare_columns(columns));
  exec.for_each((rows + part - 1) / part, static_cast<double>(rows) * columns, [&](Index task) {
    const Index end = std::min(rows, (task + 1) * part);
    for (Index j = 0; j < columns; ++j) {
      for (Index i = task * part; i < end; ++i) *A.at(i, j) = P.X[P.wide() ? j * rows + i : i * columns + j];
    }
  });
  return A;
}

// The first rows, or columns with zeros below.
TiledMatrix<double> with_rows(const TiledMatrix<double>& B, Index rows) {
  TiledMatrix<double> result(rows, B.columns());
  for (Index j = 0; j < B.columns(); ++j) std::copy_n(B.at(0, j), std::min(rows, B.rows()), result.at(0, j));
  return result;
}

Numbers numbers_of(const TiledMatrix<double>& B) {
  Numbers result(B.rows() * B.columns());
  for (Index j = 0; j < B.columns(); ++j) std::copy_n(B.at(0, j), B.rows(), result.data() + j * B.rows());
  return result;
}

// Rows of R down to the rank, upright: (columns, rank).
TiledMatrix<double> transposed_R(const PivotedQR& qr) {
  TiledMatrix<double> result(qr.columns(), qr.rank());
  for (Index i = 0; i < qr.rank(); ++i) {
    for (Index j = i; j < qr.columns(); ++j) *result.at(j, i) = qr.R(i, j);
  }
  return result;
}

double norm_of(const PivotedQR& qr) {
  double square = 0;
  for (Index i = 0; i < qr.factored(); ++i) {
    for (Index j = i; j < qr.columns(); ++j) square += qr.R(i, j) * qr.R(i, j);
  }
  return std::sqrt(square);
}

}  // namespace

OrthogonalFactors::OrthogonalFactors(const Execution& exec, const LeastSquares<double>& P, double negligible)
    : exec_(exec), wide_(P.wide()), qr_(exec, upright(exec, P), P.shorter(), negligible) {
  frobenius_norm_ = norm_of(qr_);
  if (rank() == 0) return;
  TiledMatrix<double> L = transposed_R(qr_);
  if (!has_full_rank()) {
    Z_.emplace(exec, std::move(L), rank());
    L = transposed_R(*Z_);
  }
  std::vector<Index> order = has_full_rank() ? qr_.order() : std::vector<Index>();
  core_.emplace(exec, std::move(L), Numbers(rank(), 1.0), std::move(order));
}

TiledMatrix<double> OrthogonalFactors::times_Q(const TiledMatrix<double>& B) const {
  TiledMatrix<double> result = with_rows(B, qr_.rows());
  qr_.apply(&result);
  return result;
}

TiledMatrix<double> OrthogonalFactors::times_PZ(const TiledMatrix<double>& B) const {
  const Index m = qr_.columns();
  TiledMatrix<double> inner = with_rows(B, m), result(m, B.columns());
  if (Z_) Z_->apply(&inner);
  for (Index j = 0; j < B.columns(); ++j) {
    for (Index i = 0; i < m; ++i) *result.at(qr_.order()[i], j) = *inner.at(i, j);
  }
  return result;
}

void OrthogonalFactors::divide(TiledMatrix<double>* B, bool transposed) const {
  if (rank() == 0) return;
  // M is the core's L for deficient rank, else its transpose.
  if (has_full_rank() == transposed) {
    solve_lower(exec_, core_->lower(), B);
  } else {
    solve_lower_transposed(exec_, core_->lower(), B);
  }
}

TiledMatrix<double> OrthogonalFactors::in_Q(const Numbers& B) const {
  const Index rows = qr_.rows(), q = static_cast<Index>(B.size()) / rows;
  TiledMatrix<double> inner(rows, q);
  for (Index t = 0; t < q; ++t) std::copy_n(B.data() + t * rows, rows, inner.at(0, t));
  qr_.apply_transposed(&inner);
  return with_rows(inner, rank());
}

TiledMatrix<double> OrthogonalFactors::in_PZ(const Numbers& B) const {
  const Index m = qr_.columns(), q = static_cast<Index>(B.size()) / m;
  TiledMatrix<double> inner(m, q);
  for (Index t = 0; t < q; ++t) {
    for (Index i = 0; i < m; ++i) *inner.at(i, t) = B[t * m + qr_.order()[i]];
  }
  if (Z_) Z_->apply_transposed(&inner);
  return with_rows(inner, rank());
}

Numbers OrthogonalFactors::solve(const Numbers& y) const {
  TiledMatrix<double> inner = wide_ ? in_PZ(y) : in_Q(y);
  divide(&inner, wide_);
  return numbers_of(wide_ ? times_Q(inner) : times_PZ(inner));
}

Numbers OrthogonalFactors::multipliers(const Numbers& g) const {
  TiledMatrix<double> inner = wide_ ? in_Q(g) : in_PZ(g);
  divide(&inner, !wide_);
  divide(&inner, wide_);
  divide(&inner, !wide_);
  return numbers_of(wide_ ? times_PZ(inner) : times_Q(inner));
}

TiledMatrix<double> OrthogonalFactors::column_basis() const {
  TiledMatrix<double> identity(rank(), rank());
  for (Index j = 0; j < rank(); ++j) *identity.at(j, j) = 1;
  return wide_ ? times_PZ(identity) : times_Q(identity);
}

TiledMatrix<double> OrthogonalFactors::inverse_root(const TiledMatrix<double>& basis) const {
  // X = P Z M' Q' if wide, Q M Z' P' if tall.
  TiledMatrix<double> root(rank(), basis.rows());
  for (Index j = 0; j < rank(); ++j) {
    for (Index i = 0; i < basis.rows(); ++i) *root.at(j, i) = *basis.at(i, j);
  }
  divide(&root, wide_);
  return root;
}

}  // namespace limbeck
