// A least-squares problem, and the certificate of a solution.
#pragma once

#include <vector>

#include "kernels/core/execution.hpp"

namespace limbeck::least_squares {

template <class T>
struct Problem {
  const T* X;  // (n, p)
  Index n, p;
  const T* Y;  // (n, q)
  Index q;
  double rcond;  // singular values of X below this part of the largest count as zero

  bool wide() const { return n <= p; }
  Index shorter() const { return wide() ? n : p; }
  Index longer() const { return wide() ? p : n; }
};

struct Certificate {
  enum class Verdict { certified, not_positive_definite, rank_unsure, not_converged, out_of_range };
  Verdict verdict;
  double condition;       // estimate of the largest over the smallest singular value; infinite if there is no factor
  double backward_error;  // measured: the largest of all targets
  int refinements;
};

using Numbers = std::vector<double>;  // of one target after the other

}  // namespace limbeck::least_squares
