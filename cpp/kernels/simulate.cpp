#include "kernels/simulate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "kernels/random_regression.hpp"

namespace limbeck {

namespace {

using Numbers = RandomRegression::Numbers;

// Features by decreasing variance; those that never vary take no part, and their coefficients are zero.
std::vector<Index> varying(const double* variances, Index p, const bool* seen = nullptr) {
  std::vector<Index> order;
  for (Index j = 0; j < p; ++j) {
    if (variances[j] > 0 && (!seen || seen[j])) order.push_back(j);
  }
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return variances[i] > variances[j]; });
  return order;
}

// Regression on some of the features, and its coefficients among all.
class Stage {
public:
  Stage(Index n, const double* variances, const std::vector<Index>& order, double ridge)
      : order_(order), regression_(n, deviations(variances, order), ridge), labels_(order.size()), fit_(order.size()) {}

  // b from labels <x, truth> plus noise of standard deviation `noise`. False if there is none.
  bool fit(NormalNumbers* random, const double* truth, double noise, Numbers* b) {
    for (std::size_t i = 0; i < order_.size(); ++i) labels_[i] = truth[order_[i]];
    if (!regression_.fit(random, labels_, noise, &fit_)) return false;
    for (std::size_t i = 0; i < order_.size(); ++i) (*b)[order_[i]] = fit_[i];
    return true;
  }

private:
  static Numbers deviations(const double* variances, const std::vector<Index>& order) {
    Numbers found;
    for (Index j : order) found.push_back(std::sqrt(variances[j]));
    return found;
  }

  std::vector<Index> order_;
  RandomRegression regression_;
  Numbers labels_, fit_;
};

// The standard deviation of a surrogate's labels about what it sees: features that it does not act as noise.
double noise_of_first_stage(const Trials& trials) {
  double variance = trials.first_noise * trials.first_noise;
  for (Index j = 0; j < trials.p; ++j) {
    if (!trials.first_seen[j]) variance += trials.first_variances[j] * trials.first_truth[j] * trials.first_truth[j];
  }
  return std::sqrt(variance);
}

double risk_of(const Trials& trials, const Numbers& b) {
  double risk = 0;
  for (Index j = 0; j < trials.p; ++j) {
    const double error = b[j] - trials.truth[j];
    risk += trials.test_variances[j] * error * error;
  }
  return risk;
}

}  // namespace

void simulate(const Execution& exec, const Trials& trials, std::uint64_t seed, Index first, Index count,
              double* risks) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  // Lanes have memory of their own: more than threads only if that is little.
  constexpr Index small = Index{1} << 22;
  const Index most_rows = std::min(std::max(trials.n, trials.surrogate ? 0 : trials.m), trials.p);
  const Index lanes_per_thread = most_rows * trials.p < small ? 4 : 1;
  const Index lanes = std::min<Index>(count, lanes_per_thread * exec.n_threads());
  const auto of_fit = [&](Index rows) { return static_cast<double>(rows) * trials.p * std::min(rows, trials.p); };
  const double operations = count * (of_fit(trials.n) + (trials.surrogate ? 0.0 : of_fit(trials.m)));
  const double first_noise = trials.surrogate ? 0.0 : noise_of_first_stage(trials);
  exec.for_each(lanes, operations, [&](Index lane) {
    Stage target(trials.n, trials.variances, varying(trials.variances, trials.p), trials.ridge);
    std::optional<Stage> made;
    if (!trials.surrogate) {
      made.emplace(trials.m, trials.first_variances, varying(trials.first_variances, trials.p, trials.first_seen),
                   trials.first_ridge);
    }
    Numbers surrogate(trials.p), b(trials.p);
    if (trials.surrogate) surrogate.assign(trials.surrogate, trials.surrogate + trials.p);
    for (Index k = lane; k < count && !exec.stopped(); k += lanes) {
      NormalNumbers random(seed, static_cast<std::uint64_t>(first + k));
      const bool solved = (!made || made->fit(&random, trials.first_truth, first_noise, &surrogate)) &&
                          target.fit(&random, surrogate.data(), trials.noise, &b);
      const double risk = solved ? risk_of(trials, b) : nan;
      risks[k] = std::isfinite(risk) ? risk : nan;
    }
  });
}

}  // namespace limbeck
