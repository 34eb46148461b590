// Estimates of X's condition from a Cholesky factor of its normal matrix, and whether they put its rank beyond doubt.
#pragma once

#include "kernels/least_squares/normal_equations_factor.hpp"

namespace limbeck::least_squares {

// Estimate of the smallest eigenvalue of the scaled matrix S P' G P S = L L', never too small.
template <class T>
double smallest_scaled_eigenvalue(const ScaledCholesky<T>& factor);

struct RankCheck {
  bool is_full;      // beyond doubt: the smallest singular value of X is above rcond times the largest
  double condition;  // estimate of the largest over the smallest, never too large
};
template <class T>
RankCheck check_rank(const ScaledCholesky<T>& factor, double rcond);

}  // namespace limbeck::least_squares
