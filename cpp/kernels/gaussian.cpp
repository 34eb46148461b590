#include "kernels/gaussian.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "kernels/double_double.hpp"

namespace limbeck {

namespace {

constexpr double pi = 3.14159265358979323846;
const DoubleDouble dd_pi(3.141592653589793116, 1.2246467991473532072e-16);

DoubleDouble dot(const double* a, const double* b, Index d) {
  DoubleDouble sum = 0.0;
  for (Index j = 0; j < d; ++j) sum += DoubleDouble::product(a[j], b[j]);
  return sum;
}

// Rounding may take a square below zero; a NaN must stay one.
double not_negative(double square) { return square < 0 ? 0 : square; }

// |a| |b| sin(angle), by the part of b that is orthogonal to a: accurate where a and b are nearly collinear.
DoubleDouble area(const double* a, const double* b, DoubleDouble ab, DoubleDouble aa, Index d) {
  const DoubleDouble along = ab / aa;
  DoubleDouble rest = 0.0;
  for (Index j = 0; j < d; ++j) {
    const DoubleDouble e = DoubleDouble(b[j]) - along * DoubleDouble(a[j]);
    rest += e * e;
  }
  return sqrt(aa * rest);
}

// relu(z) = (z + |z|) / 2 splits f into an odd, linear part and an even one, which are orthogonal.
//   E |<a,x>| |<b,x>| = <a,b> + (2/pi) (|a||b| sin t - t <a,b>), t the angle between a and b;   E |<a,x>| = |a|
//   sqrt(2/pi).
GaussianMoments moments_without_thresholds(const Network<double>& net) {
  const Index k = net.k, d = net.d;
  std::vector<DoubleDouble> odd(d), norm2(k);
  for (Index j = 0; j < d; ++j) odd[j] = net.linear[j];
  for (Index i = 0; i < k; ++i) {
    const double* a = net.weights + i * d;
    for (Index j = 0; j < d; ++j) odd[j] += DoubleDouble::product(net.output[i] / 2, a[j]);
    norm2[i] = dot(a, a, d);
  }
  DoubleDouble odd_square = 0.0, even_square = 0.0, absolute = 0.0;
  for (Index j = 0; j < d; ++j) odd_square += odd[j] * odd[j];
  for (Index i = 0; i < k; ++i) {
    if (norm2[i].high == 0) continue;
    const double *a = net.weights + i * d, half = net.output[i] / 2;
    absolute += sqrt(norm2[i]) * half;
    even_square += DoubleDouble::product(half, half) * norm2[i];
    for (Index j = 0; j < i; ++j) {
      if (norm2[j].high == 0) continue;
      const double* b = net.weights + j * d;
      const DoubleDouble ab = dot(a, b, d), sine = area(a, b, ab, norm2[i], d);
      const DoubleDouble product = ab + (sine - angle_of(sine, ab) * ab) * 2.0 / dd_pi;
      even_square += DoubleDouble::product(net.output[i], net.output[j] / 2) * product;
    }
  }
  const DoubleDouble two_over_pi = DoubleDouble(2.0) / dd_pi;
  const DoubleDouble mean = absolute * sqrt(two_over_pi) + net.bias;
  const DoubleDouble variance = odd_square + even_square - absolute * absolute * two_over_pi;
  return {static_cast<double>(mean), not_negative(static_cast<double>(variance + mean * mean)),
          not_negative(static_cast<double>(variance))};
}

double density(double s) { return std::exp(-s * s / 2) / std::sqrt(2 * pi); }
double probability(double s) { return std::erfc(-s / std::sqrt(2.0)) / 2; }
double ramp(double s) { return s * probability(s) + density(s); }  // E relu(X + s), X ~ N(0, 1)

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
  const DoubleDouble aa = dot(a, a, d), ab = dot(a, b, d);
  return std::atan2(static_cast<double>(area(a, b, ab, aa, d)), static_cast<double>(ab));
}

GaussianMoments moments_with_thresholds(const Network<double>& net) {
  const Index k = net.k, d = net.d;
  std::vector<double> norm(k);
  double mean = net.bias, second = 0;
  for (Index j = 0; j < d; ++j) second += net.linear[j] * net.linear[j];
  for (Index i = 0; i < k; ++i) {
    const double* a = net.weights + i * d;
    norm[i] = std::sqrt(static_cast<double>(dot(a, a, d)));
    const double c = net.output[i], t = net.thresholds[i];
    if (norm[i] == 0) {
      mean += c * std::max(0.0, t);
    } else {
      mean += c * norm[i] * ramp(t / norm[i]);
      second += 2 * c * static_cast<double>(dot(a, net.linear, d)) * probability(t / norm[i]);
    }
  }
  double variance = second;  // centred products of the neurons are added to it
  for (Index i = 0; i < k; ++i) {
    if (norm[i] == 0) continue;
    const double s = net.thresholds[i] / norm[i];
    for (Index j = 0; j <= i; ++j) {
      if (norm[j] == 0) continue;
      const double t = net.thresholds[j] / norm[j];
      const double angle = i == j ? 0.0 : angle_between(net.weights + i * d, net.weights + j * d, d);
      const double covariance = ramp_covariance(s, t, angle);
      variance += (i == j ? 1 : 2) * net.output[i] * net.output[j] * norm[i] * norm[j] * covariance;
    }
  }
  variance = not_negative(variance);
  return {mean, variance + mean * mean, variance};
}

}  // namespace

namespace {

// Exponent of the largest entry, or a very small number for zeros.
int largest_exponent(const double* values, Index count) {
  double largest = 0;
  for (Index j = 0; j < count; ++j) largest = std::max(largest, std::abs(values[j]));
  return largest > 0 ? std::ilogb(largest) : -100000;
}

}  // namespace

// Powers of two move from the rows to the output weights, and a common one out of the sum, so that no square of an
// intermediate result overflows or vanishes where the answer does not.
GaussianMoments gaussian_moments(const Network<double>& net) {
  const Index k = net.k, d = net.d;
  std::vector<double> weights(net.weights, net.weights + k * d), thresholds(net.thresholds, net.thresholds + k);
  std::vector<double> output(net.output, net.output + k), linear(net.linear, net.linear + d);
  std::vector<int> row_exponent(k);
  int common = std::max(largest_exponent(net.linear, d), largest_exponent(&net.bias, 1));
  for (Index i = 0; i < k; ++i) {
    int& e = row_exponent[i];
    e = std::max(largest_exponent(net.weights + i * d, d), largest_exponent(net.thresholds + i, 1));
    if (e == -100000 || output[i] == 0) continue;
    common = std::max(common, std::ilogb(output[i]) + e);
    for (Index j = 0; j < d; ++j) weights[i * d + j] = std::ldexp(weights[i * d + j], -e);
    thresholds[i] = std::ldexp(thresholds[i], -e);
  }
  if (common == -100000) return {0, 0, 0};
  for (Index i = 0; i < k; ++i) {
    output[i] = row_exponent[i] == -100000 ? 0 : std::ldexp(output[i], row_exponent[i] - common);
  }
  for (double& w : linear) w = std::ldexp(w, -common);
  const Network<double> scaled{
      k, d, weights.data(), thresholds.data(), output.data(), linear.data(), std::ldexp(net.bias, -common)};
  const bool plain = std::all_of(net.thresholds, net.thresholds + k, [](double t) { return t == 0; });
  const GaussianMoments m = plain ? moments_without_thresholds(scaled) : moments_with_thresholds(scaled);
  return {std::ldexp(m.mean, common), std::ldexp(m.second_moment, 2 * common), std::ldexp(m.variance, 2 * common)};
}

}  // namespace limbeck
