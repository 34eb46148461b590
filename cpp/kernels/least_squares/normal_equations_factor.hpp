// The scaled Cholesky factor of the normal matrix, G = X X' for wide X and X' X for tall X, and solves with it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernels/dense/matrix.hpp"
#include "kernels/dense/triangular_sweeps.hpp"
#include "kernels/least_squares/problem.hpp"

namespace limbeck::least_squares {

// Approximate solves with the normal matrix, which iterative refinement makes exact.
class NormalEquationsSolver {
public:
  virtual ~NormalEquationsSolver() = default;
  // B becomes G^-1 B, columns of m numbers.
  virtual void solve(Numbers* B) const = 0;
};

// S P' G P S = L L' for a permutation P and scales S, powers of two.
template <class T>
class ScaledCholesky : public NormalEquationsSolver {
public:
  // L, scales, and P as the places in G of the rows of L; empty for the identity.
  ScaledCholesky(const Execution& exec, std::shared_ptr<const dense::TiledMatrix<T>> L, Numbers scales,
                 std::vector<Index> permutation = {})
      : exec_(exec),
        m_(L->rows()),
        owned_(std::move(L)),
        L_(*owned_),
        scales_(std::move(scales)),
        permutation_(std::move(permutation)),
        sweeps_(exec, L_) {}

  void solve(Numbers* B) const override;

  Index order() const { return m_; }
  const std::vector<T>& diagonal() const { return sweeps_.diagonal(); }  // of L
  const Numbers& scales() const { return scales_; }

  // z becomes (P' G P)^-1 z, columns of m numbers.
  void solve_permuted(Numbers* z) const;
  // z (m) becomes P' G P z.
  void multiply_permuted(Numbers* z) const;

private:
  const Execution& exec_;
  Index m_;
  std::shared_ptr<const dense::TiledMatrix<T>> owned_;
  const dense::TiledMatrix<T>& L_;
  Numbers scales_;
  std::vector<Index> permutation_;
  dense::TriangularSweeps<T> sweeps_;
};

}  // namespace limbeck::least_squares
