#include "kernels/simulation/distillation_trials.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "kernels/simulation/random_design_fit.hpp"

namespace limbeck::simulation {

namespace {

using Numbers = RandomDesignFit::Numbers;

// Features by decreasing variance, without those that never vary, whose coefficients are zero.
std::vector<Index> varying(const double* variances, Index p, const std::uint8_t* seen = nullptr) {
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
      : order_(order),
        regression_(n, deviations(variances, order), ridge),
        coefficients_(order.size()),
        fit_(order.size()) {}

  // b fitted to targets <x, truth> + noise * N(0, 1). False if there is no finite fit.
  bool fit(const Execution& exec, NormalRng* random, const double* truth, double noise, Numbers* b) {
    for (std::size_t i = 0; i < order_.size(); ++i) coefficients_[i] = truth[order_[i]];
    if (!regression_.fit(exec, random, coefficients_, noise, &fit_)) return false;
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
  RandomDesignFit regression_;
  Numbers coefficients_, fit_;
};

// The standard deviation of a surrogate's targets given the features that it is fitted to: the others act as noise.
double noise_of_first_stage(const Trials& trials) {
  double variance = trials.first_noise * trials.first_noise;
  for (Index j = 0; j < trials.p; ++j) {
    if (!trials.first_seen[j]) variance += trials.first_variances[j] * trials.first_truth[j] * trials.first_truth[j];
  }
  return std::sqrt(variance);
}

// Coefficients in the basis `from`, in the basis `to` (columns are the directions; null: the features' own).
void change_basis(const double* from, const double* to, Index p, Numbers* coefficients, Numbers* scratch) {
  if (from) {
    for (Index i = 0; i < p; ++i) {
      double sum = 0;
      for (Index j = 0; j < p; ++j) sum += from[i * p + j] * (*coefficients)[j];
      (*scratch)[i] = sum;
    }
    coefficients->swap(*scratch);
  }
  if (to) {
    std::fill(scratch->begin(), scratch->end(), 0.0);
    for (Index i = 0; i < p; ++i) {
      const double value = (*coefficients)[i];
      for (Index j = 0; j < p; ++j) (*scratch)[j] += to[i * p + j] * value;
    }
    coefficients->swap(*scratch);
  }
}

double risk_of(const Trials& trials, const Numbers& b) {
  double risk = 0;
  for (Index j = 0; j < trials.p; ++j) {
    const double error = b[j] - trials.truth[j];
    risk += trials.test_variances[j] * error * error;
  }
  return risk;
}

// How many trials run beside one another, and on how many threads each.
struct Plan {
  Index lanes;
  int threads_of_each;
};

Plan plan(const Trials& trials, Index count, int threads, double budget) {
  // Four lanes for each of several threads even out trials of unlike length, where one takes less than 48 MiB.
  constexpr double little = 3 * (Index{1} << 24);
  // Operations of some 10 ms: below, a team of threads for each trial costs more than it saves.
  constexpr double worth_a_team = 1e8;
  const auto bytes = [&](Index rows) { return RandomDesignFit::bytes(rows, trials.p); };
  const double each = bytes(trials.n) + (trials.surrogate ? 0.0 : bytes(trials.m));
  const Index fitting = static_cast<Index>(std::clamp(budget / std::max(each, 1.0), 1.0, 1e6));
  const Index wanted = std::min<Index>(count, (each < little && threads > 1 ? 4 : 1) * static_cast<Index>(threads));
  const Index lanes = std::max<Index>(1, std::min(wanted, fitting));
  const double rows = static_cast<double>(std::min(std::max(trials.n, trials.surrogate ? 0 : trials.m), trials.p));
  if (2 * lanes < threads && rows * rows * static_cast<double>(trials.p) >= worth_a_team) return {1, threads};
  return {lanes, 1};
}

}  // namespace

void run_trials(const Execution& exec, const Trials& trials, std::uint64_t seed, Index first, Index count,
                double budget, double* risks) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const Plan chosen = plan(trials, count, exec.n_threads(), budget);
  const Index lanes = chosen.lanes;
  const auto of_fit = [&](Index rows) { return static_cast<double>(rows) * trials.p * std::min(rows, trials.p); };
  const double operations = count * (of_fit(trials.n) + (trials.surrogate ? 0.0 : of_fit(trials.m)));
  const double first_noise = trials.surrogate ? 0.0 : noise_of_first_stage(trials);
  exec.for_each(lanes, operations, [&](Index lane) {
    const Execution inner(chosen.threads_of_each, [&] { return exec.stopped(); });
    Stage target(trials.n, trials.variances, varying(trials.variances, trials.p), trials.ridge);
    std::optional<Stage> made;
    if (!trials.surrogate) {
      made.emplace(trials.m, trials.first_variances, varying(trials.first_variances, trials.p, trials.first_seen),
                   trials.first_ridge);
    }
    Numbers surrogate(trials.p), b(trials.p), scratch(trials.p);
    if (trials.surrogate) surrogate.assign(trials.surrogate, trials.surrogate + trials.p);
    for (Index k = lane; k < count && !exec.stopped(); k += lanes) {
      NormalRng random(seed, static_cast<std::uint64_t>(first + k));
      bool solved = true;
      if (made) {
        // Features that are hidden from the surrogate, or that never vary, have no coefficients.
        std::fill(surrogate.begin(), surrogate.end(), 0.0);
        solved = made->fit(inner, &random, trials.first_truth, first_noise, &surrogate);
        change_basis(trials.first_basis, trials.basis, trials.p, &surrogate, &scratch);
      }
      solved = solved && target.fit(inner, &random, surrogate.data(), trials.noise, &b);
      const double risk = solved ? risk_of(trials, b) : nan;
      risks[k] = std::isfinite(risk) ? risk : nan;
    }
  });
}

}  // namespace limbeck::simulation
