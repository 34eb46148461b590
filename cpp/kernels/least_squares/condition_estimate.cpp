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

// Divides m numbers by their norm, which is returned.
double normalize(double* z, Index m) {
  const double size = core::norm(z, m);
  for (Index i = 0; i < m; ++i) z[i] /= size;
  return size;
}

// Numbers without a pattern, of either sign, that depend on the factor: no matrix is made to be orthogonal to them.
template <class T>
Numbers start(const ScaledCholesky<T>& factor) {
  std::uint64_t state = 0;
  for (const T& number : factor.diagonal()) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &number, sizeof(T));
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

// Estimate of the largest singular value of X, never too large.
template <class T>
double largest_singular_value(const ScaledCholesky<T>& factor, int steps, Numbers z) {
  double size = 0;
  for (int step = 0; step < steps; ++step) {
    factor.multiply_permuted(&z);
    size = normalize(z.data(), factor.order());
  }
  return std::sqrt(size);
}

// Estimates of the norms of (P' G P)^-1 and, where `scaled`, of the scaled matrix's inverse (S P' G P S)^-1.
struct InverseNorms {
  double plain, scaled;
};
template <class T>
InverseNorms inverse_norms(const ScaledCholesky<T>& factor, int steps, bool scaled, Numbers z) {
  // Both in one sweep, which reads the factor once.
  const Index m = factor.order();
  z.resize((scaled ? 2 : 1) * m);
  if (scaled) std::copy_n(z.begin(), m, z.begin() + m);
  const auto divide = [&] {
    for (Index i = 0; scaled && i < m; ++i) z[m + i] /= factor.scales()[i];
  };
  InverseNorms found{};
  for (int step = 0; step < steps; ++step) {
    divide();
    factor.solve_permuted(&z);
    divide();
    found.plain = normalize(z.data(), m);
    if (scaled) found.scaled = normalize(z.data() + m, m);
  }
  return found;
}

struct Norms {
  double largest;
  InverseNorms inverse;
};
template <class T>
Norms norms_of(const ScaledCholesky<T>& factor, int steps, bool scaled) {
  const Numbers z = start(factor);
  return {largest_singular_value(factor, steps, z), inverse_norms(factor, steps, scaled, z)};
}

// Estimate of the largest over the smallest singular value of X, never too large.
double condition(const Norms& norms) {
  const double smallest = 1 / std::sqrt(norms.inverse.plain), found = norms.largest / smallest;
  return std::isfinite(found) ? std::max(1.0, found) : std::numeric_limits<double>::infinity();
}

}  // namespace

template <class T>
QuickEstimates estimate_quickly(const ScaledCholesky<T>& factor) {
  double smallest = 1;
  for (const double number : factor.diagonal()) smallest = std::min(smallest, number * number);
  const Norms norms = norms_of(factor, quick_steps, true);
  return {std::min(smallest, 1 / norms.inverse.scaled), condition(norms)};
}

template <class T>
RankCheck check_rank(const ScaledCholesky<T>& factor, double rcond, std::optional<double> quick) {
  double found = quick ? *quick : condition(norms_of(factor, quick_steps, false));
  if (found * quick_margin * rcond < 1) return {true, found};
  found = condition(norms_of(factor, sure_steps, false));
  return {found * sure_margin * rcond < 1, found};
}

template QuickEstimates estimate_quickly(const ScaledCholesky<float>&);
template QuickEstimates estimate_quickly(const ScaledCholesky<double>&);
template RankCheck check_rank(const ScaledCholesky<float>&, double, std::optional<double>);
template RankCheck check_rank(const ScaledCholesky<double>&, double, std::optional<double>);

}  // namespace limbeck::least_squares
