// A complete orthogonal factorisation of X whose rank is decided, or known to be in doubt.
#pragma once

#include <optional>

#include "kernels/dense/complete_orthogonal.hpp"
#include "kernels/least_squares/normal_equations_factor.hpp"

namespace limbeck::least_squares {

class RankedFactors {
public:
  // What is at most `negligible` of X's largest singular value counts as rounding; rcond of the problem says what
  // counts as zero, and a negative one that X is known to have full rank. Squares of X's numbers must stay in range; X
  // has rows and columns.
  RankedFactors(const Execution& exec, const Problem<double>& problem, double negligible);

  const dense::CompleteOrthogonal& factors() const { return factors_; }
  Index rank() const { return factors_.rank(); }
  // certified, or rank_unsure where a singular value is too close to what counts as zero.
  Certificate::Verdict verdict() const { return verdict_; }
  double condition() const { return condition_; }
  // For rank above 0: of M; with full rank also of X X' or X' X.
  const ScaledCholesky<double>& core() const { return *core_; }

private:
  dense::CompleteOrthogonal factors_;
  std::optional<ScaledCholesky<double>> core_;
  Certificate::Verdict verdict_;
  double condition_;
};

}  // namespace limbeck::least_squares
