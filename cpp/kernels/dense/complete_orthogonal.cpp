#include "kernels/dense/complete_orthogonal.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/dense/cholesky.hpp"

namespace limbeck::dense {

namespace {

using Numbers = CompleteOrthogonal::Numbers;

// X (n, p), or its transpose if it is wide, with room beside it for the sketch.
TiledMatrix<double> tall_copy(const Execution& exec, const double* X, Index n, Index p) {
  constexpr Index part = 64;  // rows of a task
  const bool wide = n <= p;
  const Index rows = wide ? p : n, columns = wide ? n : p;
  TiledMatrix<double> A(rows, columns + RandomizedQrcp::spare_columns(columns));
  exec.for_each(core::ceil_div(rows, part), static_cast<double>(rows) * columns, [&](Index task) {
    const Index end = std::min(rows, (task + 1) * part);
    for (Index j = 0; j < columns; ++j) {
      for (Index i = task * part; i < end; ++i) *A.at(i, j) = X[wide ? j * rows + i : i * columns + j];
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

// Rows of R down to the rank, transposed: (columns, rank).
TiledMatrix<double> transposed_R(const RandomizedQrcp& qr) {
  TiledMatrix<double> result(qr.columns(), qr.rank());
  for (Index i = 0; i < qr.rank(); ++i) {
    for (Index j = i; j < qr.columns(); ++j) *result.at(j, i) = qr.R(i, j);
  }
  return result;
}

double norm_of(const RandomizedQrcp& qr) {
  double square = 0;
  for (Index i = 0; i < qr.factored(); ++i) {
    for (Index j = i; j < qr.columns(); ++j) square += qr.R(i, j) * qr.R(i, j);
  }
  return std::sqrt(square);
}

}  // namespace

CompleteOrthogonal::CompleteOrthogonal(const Execution& exec, const double* X, Index n, Index p, double negligible)
    : exec_(exec), wide_(n <= p), qr_(exec, tall_copy(exec, X, n, p), std::min(n, p), negligible) {
  frobenius_norm_ = norm_of(qr_);
  if (rank() == 0) return;
  TiledMatrix<double> L = transposed_R(qr_);
  if (!has_full_rank()) {
    Z_.emplace(exec, std::move(L), rank());
    L = transposed_R(*Z_);
  }
  lower_ = std::make_shared<const TiledMatrix<double>>(std::move(L));
}

TiledMatrix<double> CompleteOrthogonal::times_Q(const TiledMatrix<double>& B) const {
  TiledMatrix<double> result = with_rows(B, qr_.rows());
  qr_.apply(&result);
  return result;
}

TiledMatrix<double> CompleteOrthogonal::times_PZ(const TiledMatrix<double>& B) const {
  const Index m = qr_.columns();
  TiledMatrix<double> inner = with_rows(B, m), result(m, B.columns());
  if (Z_) Z_->apply(&inner);
  for (Index j = 0; j < B.columns(); ++j) {
    for (Index i = 0; i < m; ++i) *result.at(qr_.order()[i], j) = *inner.at(i, j);
  }
  return result;
}

void CompleteOrthogonal::divide(TiledMatrix<double>* B, bool transposed) const {
  if (rank() == 0) return;
  // M is lower() for deficient rank, else its transpose.
  if (has_full_rank() == transposed) {
    solve_lower(exec_, *lower_, B);
  } else {
    solve_lower_transposed(exec_, *lower_, B);
  }
}

TiledMatrix<double> CompleteOrthogonal::in_Q(const Numbers& B) const {
  const Index rows = qr_.rows(), q = static_cast<Index>(B.size()) / rows;
  TiledMatrix<double> inner(rows, q);
  for (Index t = 0; t < q; ++t) std::copy_n(B.data() + t * rows, rows, inner.at(0, t));
  qr_.apply_transposed(&inner);
  return with_rows(inner, rank());
}

TiledMatrix<double> CompleteOrthogonal::in_PZ(const Numbers& B) const {
  const Index m = qr_.columns(), q = static_cast<Index>(B.size()) / m;
  TiledMatrix<double> inner(m, q);
  for (Index t = 0; t < q; ++t) {
    for (Index i = 0; i < m; ++i) *inner.at(i, t) = B[t * m + qr_.order()[i]];
  }
  if (Z_) Z_->apply_transposed(&inner);
  return with_rows(inner, rank());
}

CompleteOrthogonal::Numbers CompleteOrthogonal::solve(const Numbers& y) const {
  TiledMatrix<double> inner = wide_ ? in_PZ(y) : in_Q(y);
  divide(&inner, wide_);
  return numbers_of(wide_ ? times_Q(inner) : times_PZ(inner));
}

CompleteOrthogonal::Numbers CompleteOrthogonal::multipliers(const Numbers& g) const {
  TiledMatrix<double> inner = wide_ ? in_Q(g) : in_PZ(g);
  divide(&inner, !wide_);
  divide(&inner, wide_);
  divide(&inner, !wide_);
  return numbers_of(wide_ ? times_PZ(inner) : times_Q(inner));
}

TiledMatrix<double> CompleteOrthogonal::column_basis() const {
  TiledMatrix<double> identity(rank(), rank());
  for (Index j = 0; j < rank(); ++j) *identity.at(j, j) = 1;
  return wide_ ? times_PZ(identity) : times_Q(identity);
}

TiledMatrix<double> CompleteOrthogonal::inverse_root(const TiledMatrix<double>& basis) const {
  // X = P Z M' Q' if wide, Q M Z' P' if tall.
  TiledMatrix<double> root(rank(), basis.rows());
  for (Index j = 0; j < rank(); ++j) {
    for (Index i = 0; i < basis.rows(); ++i) *root.at(j, i) = *basis.at(i, j);
  }
  divide(&root, wide_);
  return root;
}

}  // namespace limbeck::dense
