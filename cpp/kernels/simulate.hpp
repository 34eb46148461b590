// Monte Carlo trials of regression on labels that a surrogate made.
#pragma once

#include <cstdint>

#include "kernels/parallel.hpp"

namespace limbeck {

// Features are independent Gaussians of the given variances; the target is fitted to n rows labelled <x, surrogate>
// plus noise, and minimises |y - X b|^2 / n + ridge |b|^2, or is the interpolator of least norm for ridge 0.
struct Trials {
  const double *variances, *test_variances, *truth;  // (p)
  // (p), or null: then every trial fits a surrogate of its own first, see below.
  const double* surrogate;
  Index p, n;
  double noise, ridge;  // noise: standard deviation

  // The surrogate's own fit: m rows of other variances, labelled by other coefficients. It sees the features whose flag
  // is set; the others act on its labels all the same.
  const double *first_variances, *first_truth;  // (p)
  const bool* first_seen;                       // (p)
  Index m;
  double first_noise, first_ridge;
};

// risks (count): of trials first ... first + count - 1, sum_i test_variances_i (b_i - truth_i)^2. A trial's random
// numbers depend on its number and the seed only. A trial that has no finite risk gives NaN.
void simulate(const Execution& exec, const Trials& trials, std::uint64_t seed, Index first, Index count, double* risks);

}  // namespace limbeck
