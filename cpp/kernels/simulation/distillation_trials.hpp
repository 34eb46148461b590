// Monte Carlo trials of regression on the predictions of a surrogate.
#pragma once

#include <cstdint>

#include "kernels/core/execution.hpp"

namespace limbeck::simulation {

// Features are independent Gaussians of the given variances; the target is fitted to n rows with targets
// <x, surrogate> plus noise, and minimises |y - X b|^2 / n + ridge |b|^2, or is the interpolator of least norm for
// ridge 0. For a negative ridge it is X' (X X' + n ridge)^-1 y, if that matrix is positive definite.
struct Trials {
  const double *variances, *test_variances, *truth;  // (p)
  // (p), or null: then every trial fits a surrogate of its own first, see below.
  const double* surrogate;
  Index p, n;
  double noise, ridge;  // noise: standard deviation

  // The surrogate's own fit: m rows of other variances, with targets by other coefficients. It is fitted to the
  // features whose flag is set; the others act on its targets all the same.
  const double *first_variances, *first_truth;  // (p)
  const std::uint8_t* first_seen;               // (p), zero or not
  Index m;
  double first_noise, first_ridge;
  // (p, p), C order, or null for the identity: columns are the directions whose variances `variances` and
  // `first_variances` are. The surrogate's coefficients go from the latter to the former by way of the features' own.
  const double *basis, *first_basis;
};

// Memory of all lanes of trials together, in bytes: a quarter of a machine of 8 GiB.
constexpr double simulation_budget = 2.0 * (Index{1} << 30);

// risks (count): of trials first ... first + count - 1, sum_i test_variances_i (b_i - truth_i)^2. A trial's random
// numbers depend on its number and the seed only. A trial that has no finite risk gives NaN. Trials run beside one
// another as long as all of them fit the budget, in bytes; where that leaves more than half of the threads idle, one
// runs after the other on all threads.
void run_trials(const Execution& exec, const Trials& trials, std::uint64_t seed, Index first, Index count,
                double budget, double* risks);

}  // namespace limbeck::simulation
