// Minimum-norm least squares by the inner products of the smaller side, with a certificate.
#pragma once

#include "kernels/parallel.hpp"

namespace limbeck {

template <class T>
struct LeastSquares {
  const T* X;  // (n, p)
  Index n, p;
  const T* Y;  // (n, q)
  Index q;
  double rcond;  // singular values of X below this part of the largest count as zero

  bool wide() const { return n <= p; }
};

struct Certificate {
  enum class Verdict { certified, not_positive_definite, rank_unsure, not_converged, out_of_range };
  Verdict verdict;
  double condition;       // estimate of the largest over the smallest singular value; infinite if there is no factor
  double backward_error;  // measured: the largest of all targets
  int refinements;
};

// coef (p, q): the vector of least norm among those of least squares, for X of full rank; residual_norms (q). Factors
// the Gram matrix of rows or columns, whichever are fewer, scaled to unit diagonal by powers of two, and refines the
// augmented system of rows and columns with it (Björck, Numerical Methods for Least Squares Problems, 1996, section
// 2.9), residuals being taken to twice the precision where there are few targets. Unless the verdict is certified coef
// is not to be used.
template <class T>
Certificate solve_by_cholesky(const Execution& exec, const LeastSquares<T>& problem, T* coef, double* residual_norms);

}  // namespace limbeck
