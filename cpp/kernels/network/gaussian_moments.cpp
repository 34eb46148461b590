#include "kernels/network/gaussian_moments.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/core/reduce.hpp"
#include "kernels/precision/double_double.hpp"

namespace limbeck::network {

namespace {

constexpr double pi = 3.14159265358979323846;
const precision::DoubleDouble dd_pi(3.141592653589793116, 1.2246467991473532072e-16);

precision::DoubleDouble dot(const double* a, const double* b, Index d) {
  precision::DoubleDouble sum = 0.0;
  for (Index j = 0; j < d; ++j) sum += precision::DoubleDouble::product(a[j], b[j]);
  return sum;
}

// Rounding may take a square below zero; a NaN must stay one.
double not_negative(double square) { return square < 0 ? 0 : square; }

// |a| |b| sin(angle), by the part of b that is orthogonal to a: accurate where a and b are nearly collinear.
precision::DoubleDouble area(const double* a, const double* b, precision::DoubleDouble ab, precision::DoubleDouble aa,
                             Index d) {
  const precision::DoubleDouble along = ab / aa;
  precision::DoubleDouble rest = 0.0;
  for (Index j = 0; j < d; ++j) {
    const precision::DoubleDouble e = precision::DoubleDouble(b[j]) - along * precision::DoubleDouble(a[j]);
    rest += e * e;
  }
  return sqrt(aa * rest);
}

// Mean and variance of a network without bias.
struct Spread {
  precision::DoubleDouble mean;
  double variance;
};

// relu(z) = (z + |z|) / 2 splits f into an odd, linear part and an even one, which are orthogonal.
//   E |<a,x>| |<b,x>| = <a,b> + (2/pi) (|a||b| sin t - t <a,b>), t the angle between a and b;   E |<a,x>| = |a|
//   sqrt(2/pi).
Spread spread_without_thresholds(const Execution& exec, const ReluNetwork<double>& net) {
  const Index k = net.k, d = net.d;
  std::vector<precision::DoubleDouble> odd(d), norm2(k);
  for (Index j = 0; j < d; ++j) odd[j] = net.linear[j];
  for (Index i = 0; i < k; ++i) {
    const double* a = net.weights + i * d;
    for (Index j = 0; j < d; ++j) odd[j] += precision::DoubleDouble::product(net.output[i] / 2, a[j]);
    norm2[i] = dot(a, a, d);
  }
  precision::DoubleDouble odd_square = 0.0, even_square = 0.0, absolute = 0.0;
  for (Index j = 0; j < d; ++j) odd_square += odd[j] * odd[j];
  for (Index i = 0; i < k; ++i) {
    if (norm2[i].high == 0) continue;
    const double *a = net.weights + i * d, half = net.output[i] / 2;
    absolute += sqrt(norm2[i]) * half;
    even_square += precision::DoubleDouble::product(half, half) * norm2[i];
    for (Index j = 0; j < i; ++j) {
      exec.check();
      if (norm2[j].high == 0) continue;
      const double* b = net.weights + j * d;
      const precision::DoubleDouble ab = dot(a, b, d), sine = area(a, b, ab, norm2[i], d);
      const precision::DoubleDouble product = ab + (sine - precision::angle_of(sine, ab) * ab) * 2.0 / dd_pi;
      even_square += precision::DoubleDouble::product(net.output[i], net.output[j] / 2) * product;
    }
  }
  const precision::DoubleDouble two_over_pi = precision::DoubleDouble(2.0) / dd_pi;
  const precision::DoubleDouble variance = odd_square + even_square - absolute * absolute * two_over_pi;
  return {absolute * sqrt(two_over_pi), not_negative(static_cast<double>(variance))};
}

constexpr double far = 40;  // standard deviations, beyond which densities vanish: exp(-40^2 / 2) is below 1e-347
double density(double s) { return std::exp(-s * s / 2) / std::sqrt(2 * pi); }
double probability(double s) { return std::erfc(-s / std::sqrt(2.0)) / 2; }
double ramp(double s) { return s < -far ? 0 : s * probability(s) + density(s); }  // E relu(X + s), X ~ N(0, 1)

// Gauss-Legendre nodes and weights on (-1, 1), by Newton's method on the Legendre recurrence.
struct GaussLegendre {
  static constexpr int size = 20;
  std::array<double, size> node, weight;
  GaussLegendre() {
    for (int i = 0; i < size; ++i) {
      double x = std::cos(pi * (i + 0.75) / (size + 0.5)), slope = 1;
      for (int step = 0; step < 100; ++step) {
        double before = 1, here = x;
        for (int l = 2; l <= size; ++l) {
          const double next = ((2 * l - 1) * x * here - (l - 1) * before) / l;
          before = here;
          here = next;
        }
        slope = size * (x * here - before) / (x * x - 1);
        const double shift = here / slope;
        x -= shift;
        if (std::abs(shift) < 1e-16) break;
      }
      node[i] = x;
      weight[i] = 2 / ((1 - x * x) * slope * slope);
    }
  }
};

// Covariance of relu(X + s) and relu(Y + t) for standard normal X, Y whose correlation is cos(angle).
//
// As a function F of the correlation r, F(0) = 0, F'(0) = P(s) P(t) and F''(r) is the bivariate normal
// density at (s, t) (Price's theorem), so F(r) = r F'(0) + int_0^r (r - q) density(s, t; q) dq. With q =
// +-cos(u) the integrand is smooth on panels that halve towards u = 0, where it may turn sharply if s is close to +-t.
double ramp_covariance(double s, double t, double angle) {
  static const GaussLegendre rule;
  const double r = std::cos(angle);
  // The density is below exp(-s^2 / 2) and exp(-t^2 / 2), and the squares may overflow.
  if (std::max(std::abs(s), std::abs(t)) > far) return r * probability(s) * probability(t);
  const double sign = angle <= pi / 2 ? 1 : -1, lowest = std::min(angle, pi - angle);
  const double difference2 = (s - sign * t) * (s - sign * t), product = sign * s * t;
  constexpr double smallest = 1e-9;  // below, the integrand contributes less than its square
  double integral = 0;
  for (double high = pi / 2; high > lowest;) {
    const double low = high / 2 < std::max(lowest, smallest) ? lowest : high / 2;
    const double half = (high - low) / 2, middle = (high + low) / 2;
    for (int i = 0; i < rule.size; ++i) {
      const double u = middle + half * rule.node[i], sine = std::sin(u);
      const double exponent = difference2 / (2 * sine * sine) + product / (1 + std::cos(u));
      // r - q = +-(cos(lowest) - cos(u))
      integral +=
          half * rule.weight[i] * 2 * std::sin((u + lowest) / 2) * std::sin((u - lowest) / 2) * std::exp(-exponent);
    }
    high = low;
  }
  return r * probability(s) * probability(t) + integral / (2 * pi);
}

double angle_between(const double* a, const double* b, Index d) {
  const precision::DoubleDouble aa = dot(a, a, d), ab = dot(a, b, d);
  return std::atan2(static_cast<double>(area(a, b, ab, aa, d)), static_cast<double>(ab));
}

double variance_with_thresholds(const Execution& exec, const ReluNetwork<double>& net) {
  const Index k = net.k, d = net.d;
  std::vector<double> size(k), shift(k);  // each neuron is size relu(X + shift)
  double variance = 0;
  for (Index j = 0; j < d; ++j) variance += net.linear[j] * net.linear[j];
  for (Index i = 0; i < k; ++i) {
    const double* a = net.weights + i * d;
    const double norm = std::sqrt(static_cast<double>(dot(a, a, d)));
    size[i] = net.output[i] * norm;
    shift[i] = net.thresholds[i] / norm;
    variance += 2 * net.output[i] * static_cast<double>(dot(a, net.linear, d)) * probability(shift[i]);
  }
  for (Index i = 0; i < k; ++i) {
    for (Index j = 0; j <= i; ++j) {
      exec.check();
      const double angle = i == j ? 0.0 : angle_between(net.weights + i * d, net.weights + j * d, d);
      variance += (i == j ? 1 : 2) * size[i] * size[j] * ramp_covariance(shift[i], shift[j], angle);
    }
  }
  return not_negative(variance);
}

constexpr int exponent_of_zero = -100000;  // below every other

// Exponent of the largest entry.
int largest_exponent(const double* values, Index count) {
  const double largest = core::max_abs(values, count);
  return largest > 0 ? std::ilogb(largest) : exponent_of_zero;
}

// A number over a power of two, so that products and sums may lie outside the range of a double as long as the whole
// does not.
struct Scaled {
  double value;
  int exponent;

  Scaled(double x, int e = 0) : value(x), exponent(exponent_of_zero) {  // NOLINT: a double is a Scaled
    if (x == 0) return;
    exponent = e + std::ilogb(x);
    value = std::ldexp(x, -std::ilogb(x));
  }
};

Scaled operator*(Scaled a, Scaled b) { return {a.value * b.value, a.exponent + b.exponent}; }

double sum(const std::vector<Scaled>& terms) {
  int largest = exponent_of_zero;
  for (const Scaled& term : terms) largest = std::max(largest, term.exponent);
  precision::DoubleDouble total = 0.0;
  for (const Scaled& term : terms) total += std::ldexp(term.value, term.exponent - largest);
  return std::ldexp(static_cast<double>(total), largest);
}

// Neurons whose rows are of moderate size: powers of two move from the rows to the output weights, and a common one out
// of the sum, so that no square of an intermediate result overflows or vanishes where the answer does not. Neurons of
// output weight zero, however large, are left out, and constant ones are kept apart.
struct RescaledNetwork {
  std::vector<double> weights, thresholds, output, linear;
  std::vector<Scaled> constants, shifts;  // shifts: output times threshold of each neuron
  int common;

  explicit RescaledNetwork(const ReluNetwork<double>& net)
      : linear(net.linear, net.linear + net.d), constants{net.bias}, common(largest_exponent(net.linear, net.d)) {
    std::vector<Scaled> sizes;
    for (Index i = 0; i < net.k; ++i) {
      const double* row = net.weights + i * net.d;
      const int e = largest_exponent(row, net.d);
      if (net.output[i] == 0) continue;
      if (e == exponent_of_zero) {
        if (net.thresholds[i] > 0) constants.push_back(Scaled(net.output[i]) * net.thresholds[i]);
        continue;
      }
      for (Index j = 0; j < net.d; ++j) weights.push_back(std::ldexp(row[j], -e));
      thresholds.push_back(std::ldexp(net.thresholds[i], -e));  // infinite if far beyond
      shifts.push_back(Scaled(net.output[i]) * net.thresholds[i]);
      sizes.push_back({net.output[i], e});
      common = std::max(common, sizes.back().exponent);
    }
    for (const Scaled& size : sizes) output.push_back(std::ldexp(size.value, size.exponent - common));
    for (double& w : linear) w = std::ldexp(w, -common);
  }
  ReluNetwork<double> network(Index d) const {
    return {static_cast<Index>(output.size()), d, weights.data(), thresholds.data(), output.data(), linear.data(), 0.0};
  }
};

}  // namespace

GaussianMoments gaussian_moments(const Execution& exec, const ReluNetwork<double>& net) {
  const RescaledNetwork rescaled(net);
  const ReluNetwork<double> scaled = rescaled.network(net.d);
  const auto is_zero = [](double t) { return t == 0; };
  std::vector<Scaled> means = rescaled.constants;
  double variance = 0;
  if (std::all_of(rescaled.thresholds.begin(), rescaled.thresholds.end(), is_zero)) {
    const Spread spread = spread_without_thresholds(exec, scaled);
    variance = spread.variance;
    means.push_back({spread.mean.high, rescaled.common});
    means.push_back({spread.mean.low, rescaled.common});
  } else {
    variance = variance_with_thresholds(exec, scaled);
    for (Index i = 0; i < scaled.k; ++i) {
      const double* a = scaled.weights + i * net.d;
      const double norm = std::sqrt(static_cast<double>(dot(a, a, net.d))), shift = scaled.thresholds[i] / norm;
      const bool linear = shift > far;  // its mean is its threshold's share alone
      means.push_back(linear ? rescaled.shifts[i] : Scaled(scaled.output[i] * norm * ramp(shift), rescaled.common));
    }
  }
  const double mean = sum(means);
  variance = std::ldexp(variance, 2 * rescaled.common);
  return {mean, variance + mean * mean, variance};
}

}  // namespace limbeck::network
