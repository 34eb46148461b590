#include "kernels/least_squares/condition_estimate.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/core/reduce.hpp"
#include "kernels/core/splitmix.hpp"

namespace limbeck::least_squares {

namespace {

// Steps of a power iteration, and by what factor the condition that it finds may be too small: few steps settle the
// usual case, in which the condition is orders of magnitude away from 1 / rcond.
constexpr int quick_steps = 3, sure_steps = 20;
constexpr double quick_margin = 10, sure_margin = 2;

// Divides z by its norm, which is returned.
double normalize(Numbers* z) {
  const double size = core::norm(*z);
  for (double& v : *z) v /= size;
  return size;
}

// Numbers without a pattern, of either sign, that depend on the factor: no matrix is made to be orthogonal to them.
template <class T>
Numbers start(const ScaledCholesky<T>& factor) {
  std::uint64_t state = 0;
  for (Index i = 0; i < factor.order(); ++i) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, factor.lower().at(i, i), sizeof(T));
    state ^= bits;
    state = core::splitmix(&state);
  }
  Numbers z(factor.order());
  for (double& v : z) {
    state = core::splitmix(&state);
    v = static_cast<double>(state >> 11) * 0x1p-52 - 1;
  }
  return z;
}

// Estimate of the norm of (D P' G P D)^-1 for a diagonal D.
template <class T>
double inverse_norm(const ScaledCholesky<T>& factor, int steps, const Numbers& D) {
  double size = 0;
  Numbers z = start(factor);
  for (int step = 0; step < steps; ++step) {
    for (std::size_t i = 0; i < z.size(); ++i) z[i] /= D[i];
    factor.solve_permuted(&z);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] /= D[i];
    size = normalize(&z);
  }
  return size;
}

// Estimate of the largest singular value of X, never too large.
template <class T>
double largest_singular_value(const ScaledCholesky<T>& factor, int steps) {
  Numbers z = start(factor);
  double size = 0;
  for (int step = 0; step < steps; ++step) {
    factor.multiply_permuted(&z);
    size = normalize(&z);
  }
  return std::sqrt(size);
}

// Estimates by power iterations, which have nothing to do with each other: one in each task.
struct Norms {
  double largest, inverse, scaled_inverse;
};
template <class T>
Norms norms_of(const Execution& exec, const ScaledCholesky<T>& factor, int steps, bool scaled) {
  Norms found{};
  const Index m = factor.order();
  const double of_a_product = 2.0 * m * m;
  exec.for_each(scaled ? 3 : 2, of_a_product * steps, [&](Index task) {
    if (task == 0) found.inverse = inverse_norm(factor, steps, Numbers(m, 1.0));
    if (task == 1) found.largest = largest_singular_value(factor, steps);
    if (task == 2) found.scaled_inverse = inverse_norm(factor, steps, factor.scales());
  });
  return found;
}

// Estimate of the largest over the smallest singular value of X, never too large.
double condition(const Norms& norms) {
  const double smallest = 1 / std::sqrt(norms.inverse), found = norms.largest / smallest;
  return std::isfinite(found) ? std::max(1.0, found) : std::numeric_limits<double>::infinity();
}

}  // namespace

template <class T>
QuickEstimates estimate_quickly(const Execution& exec, const ScaledCholesky<T>& factor) {
  double smallest = 1;
  for (Index j = 0; j < factor.order(); ++j) {
    smallest = std::min(smallest, std::pow(static_cast<double>(*factor.lower().at(j, j)), 2));
  }
  const Norms norms = norms_of(exec, factor, quick_steps, true);
  return {std::min(smallest, 1 / norms.scaled_inverse), condition(norms)};
}

template <class T>
RankCheck check_rank(const Execution& exec, const ScaledCholesky<T>& factor, double rcond,
                     std::optional<double> quick) {
  double found = quick ? *quick : condition(norms_of(exec, factor, quick_steps, false));
  if (found * quick_margin * rcond < 1) return {true, found};
  found = condition(norms_of(exec, factor, sure_steps, false));
  return {found * sure_margin * rcond < 1, found};
}

template QuickEstimates estimate_quickly(const Execution&, const ScaledCholesky<float>&);
template QuickEstimates estimate_quickly(const Execution&, const ScaledCholesky<double>&);
template RankCheck check_rank(const Execution&, const ScaledCholesky<float>&, double, std::optional<double>);
template RankCheck check_rank(const Execution&, const ScaledCholesky<double>&, double, std::optional<double>);

}  // namespace limbeck::least_squares
