// A complete orthogonal factorisation of a matrix of any rank, and minimum-norm solutions by it.
//
// For A = X if X is tall, X' if X is wide, and r its rank: A P = Q M Z' with a permutation P, orthonormal
// columns in Q (longer side, r) and Z (shorter side, r), and a triangular M (r, r); Z = 1 for full rank (Golub and Van
// Loan, Matrix Computations, 4th ed., 2013, section 5.4.7).
#pragma once

#include <optional>

#include "kernels/dense/randomized_qrcp.hpp"
#include "kernels/least_squares/normal_equations_factor.hpp"

namespace limbeck {

class OrthogonalFactors {
public:
  // What is at most `negligible` of X's largest singular value is dropped. Squares of X's numbers must stay in range.
  OrthogonalFactors(const Execution& exec, const LeastSquares<double>& problem, double negligible);

  Index rank() const { return qr_.rank(); }
  bool has_full_rank() const { return rank() == qr_.columns(); }
  // Of M; with full rank also of X X' or X' X. Null for rank 0.
  const TriangularFactor<double>* core() const { return core_ ? &*core_ : nullptr; }
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
  PivotedQR qr_;
  std::optional<PivotedQR> Z_;
  std::optional<TriangularFactor<double>> core_;
};

}  // namespace limbeck
