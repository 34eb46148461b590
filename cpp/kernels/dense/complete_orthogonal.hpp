// A complete orthogonal factorisation of a matrix of any rank, and minimum-norm solutions by it.
//
// For A = X if X is tall, X' if X is wide, and r its rank: A P = Q M Z' with a permutation P, orthonormal
// columns in Q (longer side, r) and Z (shorter side, r), and a triangular M (r, r); Z = 1 for full rank (Golub and Van
// Loan, Matrix Computations, 4th ed., 2013, section 5.4.7).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "kernels/dense/randomized_qrcp.hpp"

namespace limbeck::dense {

class CompleteOrthogonal {
public:
  using Numbers = std::vector<double>;  // of one target after the other

  // X is (n, p), C order. What is at most `negligible` of its largest singular value is dropped. Squares of X's numbers
  // must stay in range.
  CompleteOrthogonal(const Execution& exec, const double* X, Index n, Index p, double negligible);

  Index rank() const { return qr_.rank(); }
  bool has_full_rank() const { return rank() == qr_.columns(); }
  // M for deficient rank, M' for full rank, where it is also the Cholesky factor of P' G P for G = X X' if X is wide
  // and X' X if it is tall: lower triangular. Null for rank 0.
  const std::shared_ptr<const TiledMatrix<double>>& lower() const { return lower_; }
  // P: where in G a row of the factor stands. Only for full rank.
  const std::vector<Index>& order() const { return qr_.order(); }
  double frobenius_norm() const { return frobenius_norm_; }

  // b (q, p) for targets y (q, n).
  Numbers solve(const Numbers& y) const;
  // (X')^+ (X' X)^+ g (q, n) for g (q, p).
  Numbers multipliers(const Numbers& g) const;
  // Orthonormal columns that span those of X: (n, r).
  TiledMatrix<double> column_basis() const;
  // B' (r, n) with B B' = (X X')^+, given column_basis().
  TiledMatrix<double> inverse_root(const TiledMatrix<double>& basis) const;

private:
  // Columns of r numbers times Q, times P Z, or divided by M or its transpose.
  TiledMatrix<double> times_Q(const TiledMatrix<double>& B) const;
  TiledMatrix<double> times_PZ(const TiledMatrix<double>& B) const;
  void divide(TiledMatrix<double>* B, bool transposed) const;
  // Q' B or Z' P' B, of columns of numbers of the longer or of the shorter side: r rows.
  TiledMatrix<double> in_Q(const Numbers& B) const;
  TiledMatrix<double> in_PZ(const Numbers& B) const;

  const Execution& exec_;
  bool wide_;
  double frobenius_norm_;
  RandomizedQrcp qr_;
  std::optional<RandomizedQrcp> Z_;
  std::shared_ptr<const TiledMatrix<double>> lower_;
};

}  // namespace limbeck::dense
