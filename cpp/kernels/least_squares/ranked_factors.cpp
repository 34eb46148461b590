#include "kernels/least_squares/ranked_factors.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/least_squares/condition_estimate.hpp"

namespace limbeck::least_squares {

namespace {

using Verdict = Certificate::Verdict;

// What is dropped is at most this part of what counts as zero, for the rank to be beyond doubt.
constexpr double drop_margin = 0.5;

}  // namespace

RankedFactors::RankedFactors(const Execution& exec, const Problem<double>& P, double negligible)
    : factors_(exec, P.X, P.n, P.p, drop_margin * std::clamp(P.rcond, 0.0, negligible)),
      verdict_(Verdict::certified),
      condition_(std::numeric_limits<double>::infinity()) {
  if (rank() == 0) return;
  core_.emplace(exec, factors_.lower(), Numbers(rank(), 1.0),
                factors_.has_full_rank() ? factors_.order() : std::vector<Index>());
  if (P.rcond < 0) {
    condition_ = check_rank(*core_, 1.0).condition;
    verdict_ = factors_.has_full_rank() ? Verdict::certified : Verdict::rank_unsure;
    return;
  }
  // No rank can be told below rounding, whatever was asked for.
  const double rounding = std::numeric_limits<double>::epsilon() * P.longer();
  const RankCheck found = check_rank(*core_, std::max(P.rcond, rounding));
  condition_ = found.condition;
  verdict_ = found.is_full ? Verdict::certified : Verdict::rank_unsure;
}

}  // namespace limbeck::least_squares
