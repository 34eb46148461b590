// A triangular factor of X X' or X' X, for X wide or tall: solves with it and estimates of X's condition.
#pragma once

#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/least_squares/problem.hpp"

namespace limbeck {

// What refinement needs to know of a factor: how to solve with the normal matrix.
class NormalSolver {
public:
  virtual ~NormalSolver() = default;
  // B becomes G^-1 B, columns of m numbers.
  virtual void solve(Numbers* B) const = 0;
};

// S P' G P S = L L' for a permutation P and scales S, powers of two.
template <class T>
class TriangularFactor : public NormalSolver {
public:
  // order: where in G a row of L stands; empty for the identity.
  TriangularFactor(const Execution& exec, TiledMatrix<T> L, Numbers scales, std::vector<Index> order = {})
      : exec_(exec), m_(L.rows()), L_(std::move(L)), scales_(std::move(scales)), order_(std::move(order)) {}

  void solve(Numbers* B) const override;
  const TiledMatrix<T>& lower() const { return L_; }

  // Estimate of the smallest eigenvalue of S P' G P S, never too small.
  double smallest_scaled_eigenvalue() const;

  // Estimate of the largest over the smallest singular value of X, never too large: power iterations on G and G^-1.
  double condition(int steps) const;
  // Estimate of the largest singular value, never too large.
  double largest(int steps) const;
  // Estimate of the smallest singular value, never too small.
  double smallest(int steps) const;

private:
  // Estimate of the norm of (D P' G P D)^-1 for a diagonal D.
  double inverse_norm(int steps, const Numbers& D) const;
  // z becomes P' G P z.
  void multiply(Numbers* z) const;
  // z becomes (P' G P)^-1 z, q columns.
  void solve_in_order(Numbers* z) const;
  // Numbers without a pattern, of either sign, that depend on the factor: no matrix is made to be orthogonal to them.
  Numbers start() const;

  const Execution& exec_;
  Index m_;
  TiledMatrix<T> L_;
  Numbers scales_;
  std::vector<Index> order_;
};

// Whether a rank is beyond doubt, and the condition that goes with it.
struct RankCheck {
  bool is_full;
  double condition;
};
template <class T>
RankCheck check_rank(const TriangularFactor<T>& factor, double rcond);

}  // namespace limbeck
