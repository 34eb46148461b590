// Estimates of X's condition from a Cholesky factor of its normal matrix, and whether they put its rank beyond doubt.
#pragma once

#include <optional>

#include "kernels/least_squares/normal_equations_factor.hpp"

namespace limbeck::least_squares {

struct QuickEstimates {
  double smallest_scaled_eigenvalue;  // of the scaled matrix S P' G P S = L L', never too small
  double condition;                   // as in RankCheck, by few steps
};
template <class T>
QuickEstimates estimate_quickly(const ScaledCholesky<T>& factor);

struct RankCheck {
  bool is_full;      // beyond doubt: the smallest singular value of X is above rcond times the largest
  double condition;  // estimate of the largest over the smallest, never too large
};
// `quick`: the condition by few steps, where it is known.
template <class T>
RankCheck check_rank(const ScaledCholesky<T>& factor, double rcond, std::optional<double> quick = std::nullopt);

}  // namespace limbeck::least_squares
