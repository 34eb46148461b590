#include "kernels/simulation/random_design_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/cholesky.hpp"
#include "kernels/dense/gemm_syrk.hpp"

namespace limbeck::simulation {

namespace {

// Parts of the fit's norm: what its error is to be, far below the spread between trials, and the largest error before
// the last step, whose effect is not measured. A first step of single precision leaves some 5e-7.
constexpr double tolerance = 1e-10, measured = 1e-5;
constexpr int most_steps = 20;  // at a rate of 0.3 they reach it; slower ones are left to double precision

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
      cholesky_(rows_.padded()),
      right_(rows_.padded()),
      noise_(rows_.count()),
      single_image_(rows_.features()),
      image_(rows_.features()) {
  for (Numbers* v : {&targets_, &residual_, &corrected_, &direction_, &product_}) v->resize(rows_.padded());
}

double RandomDesignFit::bytes(Index n, Index p) {
  const Index m = std::min(n, p), padded = dense::PackedView<float>::padded(m);
  const auto features = static_cast<double>(p);
  // Rows and their Gram matrix in single precision; in double precision, again, and what forms it from them; vectors.
  const double floats = sizeof(float) * static_cast<double>(padded) * (features + 1);
  const double doubles = sizeof(double) * static_cast<double>(m) * features;
  return floats + dense::TiledMatrix<float>::bytes(padded, padded) + doubles +
         dense::TiledMatrix<double>::bytes(padded, padded) + dense::syrk_lower_bytes<double>(m, p) +
         (4 * sizeof(double) + sizeof(float)) * features;
}

bool RandomDesignFit::fit(const Execution& exec, NormalRng* random, const Numbers& coefficients, double noise,
                          Numbers* b) {
  const bool triangle = rows_.count() == rows_.features() && penalty_ == 0;
  if (triangle) {
    rows_.draw(random);
  } else {
    rows_.draw_scaled(random, coefficients.data(), targets_.data());
  }
  random->fill(noise_.data(), rows_.count());
  noise /= unit_;
  if (triangle) return solve_triangle(coefficients, noise, b);
  for (Index i = 0; i < rows_.count(); ++i) targets_[i] += noise * noise_[i];
  const double largest = core::max_abs(targets_.data(), rows_.count());
  // So that no square of a target leaves the range of double precision.
  const double target_unit = largest > 0 ? largest : 1;
  for (double& y : targets_) y /= target_unit;
  if (!core::all_finite(targets_) || (!solve_dual(exec, b) && !solve_dual_in_doubles(exec, b))) return false;
  for (double& value : *b) value *= target_unit;
  return core::all_finite(*b);
}

// b = coefficients + (R D)^-1 noise for the triangle R and standard deviations D: well conditioned whatever D is.
bool RandomDesignFit::solve_triangle(const Numbers& coefficients, double noise, Numbers* b) {
  const Index p = rows_.features();
  for (Index i = 0; i < p; ++i) image_[i] = noise * noise_[i];
  rows_.divide(image_.data());
  for (Index i = 0; i < p; ++i) (*b)[i] = coefficients[i] + image_[i] / deviations_[i];
  return core::all_finite(*b);
}

// The lower triangle of X X' + penalty; rows that only fill a group get a one.
template <class T>
void RandomDesignFit::form_dual(const Execution& exec, dense::TiledMatrix<T>* gram) const {
  for (Index j = 0; j < gram->columns(); ++j) {
    const Index first = j / BartlettDesign::width * BartlettDesign::width;
    std::fill_n(gram->at(first, j), gram->rows() - first, T(0));
  }
  rows_.add_gram(exec, gram);
  for (Index j = 0; j < gram->rows(); ++j) *gram->at(j, j) += static_cast<T>(j < rows_.count() ? penalty_ : 1.0);
}

// b = X' dual with (X X' + penalty) dual = targets, by conjugate gradients on the dual that are preconditioned by a
// Cholesky factor of single precision. Rows are graded as standard deviations are, so that the factor is a good one
// however widely the spectrum ranges.
//
// The preconditioned residual's squared norm is that of the error of b (and of the penalty's share, sqrt(penalty) times
// the error of the dual) as far as the factor is the matrix's. A step never makes this error larger; so the last one
// needs no look at what it leaves, where the error before it is small and falls as fast as it did before.
bool RandomDesignFit::solve_dual(const Execution& exec, Numbers* b) {
  form_dual(exec, &factor_);
  if (!cholesky_.factor(exec, &factor_)) return false;
  std::fill(b->begin(), b->end(), 0.0);
  std::fill(direction_.begin(), direction_.end(), 0.0);
  residual_ = targets_;
  double at_first = 0, before = 1;
  for (int step = 0; step < most_steps; ++step) {
    const double now = precondition();
    if (now == 0) return true;
    if (!(now > 0 && std::isfinite(now))) return false;
    if (step == 0) at_first = now;
    const bool last =
        step > 0 && now <= measured * measured * at_first && now * (now / before) <= tolerance * tolerance * at_first;
    for (std::size_t i = 0; i < direction_.size(); ++i) direction_[i] = corrected_[i] + now / before * direction_[i];
    if (!advance(now, last, b)) return false;
    if (last) return true;
    before = now;
  }
  return false;
}

// corrected = (L L')^-1 residual; returns their inner product, NaN if there is none.
double RandomDesignFit::precondition() {
  const double largest = core::max_abs(residual_.data(), static_cast<Index>(residual_.size()));
  if (!core::all_finite(residual_)) return std::numeric_limits<double>::quiet_NaN();
  if (largest == 0) return 0;
  float* x = right_.data();
  for (std::size_t i = 0; i < residual_.size(); ++i) x[i] = static_cast<float>(residual_[i] / largest);
  cholesky_.solve(factor_, x);
  for (std::size_t i = 0; i < residual_.size(); ++i) corrected_[i] = x[i] * largest;
  return core::dot(residual_, corrected_);
}

// A step along the direction, to where the error's norm is least; `slope`: of the error's square there. The last step
// leaves the residual as it is. False where the matrix is not positive definite, as it may be for a negative penalty.
bool RandomDesignFit::advance(double slope, bool last, Numbers* b) {
  if (last) {
    last_image();
  } else {
    rows_.gram_times(direction_.data(), image_.data(), product_.data());
  }
  const double curvature = core::dot(image_, image_) + penalty_ * core::dot(direction_, direction_);
  if (!(curvature > 0)) return false;
  const double length = slope / curvature;
  for (std::size_t j = 0; j < image_.size(); ++j) (*b)[j] += length * image_[j];
  if (last) return true;
  for (std::size_t i = 0; i < product_.size(); ++i) residual_[i] -= length * (product_[i] + penalty_ * direction_[i]);
  return true;
}

// The image of the last direction. It changes the fit by a part of `measured` at most, of which single precision loses
// 1e-6: far below the tolerance.
void RandomDesignFit::last_image() {
  const double largest = core::max_abs(direction_.data(), static_cast<Index>(direction_.size()));
  float* x = right_.data();
  for (std::size_t i = 0; i < direction_.size(); ++i) x[i] = static_cast<float>(direction_[i] / largest);
  rows_.transposed_times(x, single_image_.data());
  for (std::size_t j = 0; j < image_.size(); ++j) image_[j] = single_image_[j] * largest;
}

// Cholesky in double precision, where single precision does not do: flat spectra near the peak n = p.
bool RandomDesignFit::solve_dual_in_doubles(const Execution& exec, Numbers* b) {
  dense::TiledMatrix<double> gram(rows_.padded(), rows_.padded()), dual(rows_.padded(), 1);
  form_dual(exec, &gram);
  if (!dense::cholesky(exec, &gram)) return false;
  const Execution serial(1, nullptr);
  std::copy(targets_.begin(), targets_.end(), dual.at(0, 0));
  dense::solve_lower(serial, gram, &dual);
  dense::solve_lower_transposed(serial, gram, &dual);
  rows_.transposed_times(dual.at(0, 0), b->data());
  return true;
}

}  // namespace limbeck::simulation
