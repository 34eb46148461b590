#include "kernels/simulation/random_design_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/cholesky.hpp"

namespace limbeck::simulation {

namespace {

constexpr double tolerance = 1e-10;  // of the fit's norm: far below the spread between trials
constexpr int most_steps = 20;       // at a rate of 0.3 they reach it; slower ones are left to double precision

RandomDesignFit::Numbers divided(RandomDesignFit::Numbers sizes, double unit) {
  for (double& size : sizes) size /= unit;
  return sizes;
}

}  // namespace

RandomDesignFit::RandomDesignFit(Index n, const Numbers& deviations, double ridge)
    : unit_(deviations.empty() ? 1.0 : deviations[0]),
      deviations_(divided(deviations, unit_)),
      rows_(n, deviations_),
      penalty_(static_cast<double>(n) * (ridge / unit_ / unit_)),
      factor_(rows_.padded(), rows_.padded()),
      right_(rows_.padded(), 1),
      noise_(rows_.count()),
      image_(rows_.features()) {
  for (Numbers* v : {&targets_, &dual_, &residual_, &corrected_, &direction_, &product_}) v->resize(rows_.padded());
}

double RandomDesignFit::bytes(Index n, Index p) {
  const double rows = static_cast<double>(std::min(n, p));
  return (sizeof(float) + sizeof(double)) * rows * (static_cast<double>(p) + rows);
}

bool RandomDesignFit::fit(const Execution& exec, NormalRng* random, const Numbers& coefficients, double noise,
                          Numbers* b) {
  rows_.draw(random);
  random->fill(noise_.data(), rows_.count());
  noise /= unit_;
  if (rows_.count() == rows_.features() && penalty_ == 0) return solve_triangle(coefficients, noise, b);
  rows_.scale();
  rows_.times(coefficients.data(), targets_.data());
  for (Index i = 0; i < rows_.count(); ++i) targets_[i] += noise * noise_[i];
  const double largest = core::max_abs(targets_.data(), rows_.count());
  // So that no square of a target leaves the range of double precision.
  const double target_unit = largest > 0 ? largest : 1;
  for (double& y : targets_) y /= target_unit;
  if (!core::all_finite(targets_) || (!solve_dual(exec) && !solve_dual_in_doubles(exec))) return false;
  rows_.transposed_times(dual_.data(), b->data());
  for (double& value : *b) value *= target_unit;
  return core::all_finite(*b);
}

// b = coefficients + (R D)^-1 noise for the triangle R and standard deviations D: well conditioned whatever D is.
bool RandomDesignFit::solve_triangle(const Numbers& coefficients, double noise, Numbers* b) {
  const Index p = rows_.features();
  for (Index i = p; i-- > 0;) {
    double left = noise * noise_[i];
    for (Index l = i + 1; l < p; ++l) left -= rows_.at(i, l) * image_[l];
    image_[i] = left / rows_.at(i, i);
    (*b)[i] = coefficients[i] + image_[i] / deviations_[i];
  }
  return core::all_finite(*b);
}

// The Cholesky factor of X X' + penalty; rows that only fill a group get a one.
template <class T>
bool RandomDesignFit::factor(const Execution& exec, dense::TiledMatrix<T>* gram) const {
  for (Index j = 0; j < gram->columns(); ++j) std::fill_n(gram->at(0, j), gram->rows(), T(0));
  rows_.add_gram(exec, gram);
  for (Index j = 0; j < gram->rows(); ++j) *gram->at(j, j) += static_cast<T>(j < rows_.count() ? penalty_ : 1.0);
  return dense::cholesky(exec, gram);
}

// (X X' + penalty) dual = targets by conjugate gradients, preconditioned by a Cholesky factor of single precision. Rows
// are graded as standard deviations are, so that the factor is a good one however widely the spectrum ranges.
bool RandomDesignFit::solve_dual(const Execution& exec) {
  if (!factor(exec, &factor_)) return false;
  std::fill(dual_.begin(), dual_.end(), 0.0);
  std::fill(direction_.begin(), direction_.end(), 0.0);
  residual_ = targets_;
  double enough = 0, before = 1;
  for (int step = 0; step < most_steps; ++step) {
    const double now = precondition();
    if (step == 0) enough = tolerance * tolerance * now;
    if (!std::isfinite(now)) return false;
    if (now <= enough) return true;
    for (std::size_t i = 0; i < direction_.size(); ++i) direction_[i] = corrected_[i] + now / before * direction_[i];
    if (!advance(now)) return false;
    before = now;
  }
  return false;
}

// corrected = (L L')^-1 residual; returns their inner product, NaN if there is none.
double RandomDesignFit::precondition() {
  const Execution serial(1, nullptr);
  const double largest = core::max_abs(residual_.data(), static_cast<Index>(residual_.size()));
  if (!core::all_finite(residual_)) return std::numeric_limits<double>::quiet_NaN();
  if (largest == 0) return 0;
  for (std::size_t i = 0; i < residual_.size(); ++i) *right_.at(i, 0) = static_cast<float>(residual_[i] / largest);
  dense::solve_lower(serial, factor_, &right_);
  dense::solve_lower_transposed(serial, factor_, &right_);
  for (std::size_t i = 0; i < residual_.size(); ++i) corrected_[i] = *right_.at(i, 0) * largest;
  return core::dot(residual_, corrected_);
}

// A step along the direction, to where the error's norm is least; `slope`: of the error's square there. False where the
// matrix is not positive definite, as it may be for a negative penalty.
bool RandomDesignFit::advance(double slope) {
  rows_.transposed_times(direction_.data(), image_.data());
  rows_.times(image_.data(), product_.data());
  for (std::size_t i = 0; i < product_.size(); ++i) product_[i] += penalty_ * direction_[i];
  const double curvature = core::dot(direction_, product_);
  if (!(curvature > 0)) return false;
  const double length = slope / curvature;
  for (std::size_t i = 0; i < product_.size(); ++i) {
    dual_[i] += length * direction_[i];
    residual_[i] -= length * product_[i];
  }
  return true;
}

// Cholesky in double precision, where single precision does not do: flat spectra near the peak n = p.
bool RandomDesignFit::solve_dual_in_doubles(const Execution& exec) {
  dense::TiledMatrix<double> gram(rows_.padded(), rows_.padded()), right(rows_.padded(), 1);
  if (!factor(exec, &gram)) return false;
  const Execution serial(1, nullptr);
  std::copy(targets_.begin(), targets_.end(), right.at(0, 0));
  dense::solve_lower(serial, gram, &right);
  dense::solve_lower_transposed(serial, gram, &right);
  std::copy_n(right.at(0, 0), dual_.size(), dual_.begin());
  return true;
}

}  // namespace limbeck::simulation
