// Networks of small whole numbers, whose values and gradients are exact.
#include "check.hpp"
#include "kernels/network/gaussian_moments.hpp"
#include "kernels/network/relu_network.hpp"

namespace limbeck::tests {

namespace {

template <class T>
void check_network(Random* random, Index n, Index d, Index k, int threads) {
  const Case sizes("network n %td d %td k %td threads %d", n, d, k, threads);
  const Execution exec(threads, nullptr);
  const std::vector<T> X = random->wholes<T>(n * d, 2), weights = random->wholes<T>(k * d, 2);
  const std::vector<T> thresholds = random->wholes<T>(k, 2), output = random->wholes<T>(k, 2);
  const std::vector<T> linear = random->wholes<T>(d, 2), y = random->wholes<T>(n, 3);
  std::vector<T> v = random->wholes<T>(n, 1);
  for (T& weight : v) weight += T(1);
  const network::ReluNetwork<T> net{k, d, weights.data(), thresholds.data(), output.data(), linear.data(), T(1)};

  std::vector<T> values(n, T(55)), wanted(n);
  std::vector<std::vector<long>> derivative(n, std::vector<long>((k + 1) * (d + 1)));
  for (Index r = 0; r < n; ++r) {
    long sum = 1;
    for (Index i = 0; i <= k; ++i) {
      long activation = i < k ? static_cast<long>(thresholds[i]) : 0;
      for (Index j = 0; j < d; ++j) {
        activation += static_cast<long>(X[r * d + j]) * static_cast<long>(i < k ? weights[i * d + j] : linear[j]);
      }
      const long slope = i == k ? 1 : activation > 0 ? static_cast<long>(output[i]) : 0;  // none at the kink
      sum += slope * activation;
      for (Index j = 0; j <= d; ++j) {
        derivative[r][i * (d + 1) + j] = slope * (j < d ? static_cast<long>(X[r * d + j]) : 1);
      }
    }
    wanted[r] = static_cast<T>(sum);
  }
  network::forward(exec, net, X.data(), n, values.data());
  for (Index r = 0; r < n; ++r) CHECK_EQUAL(values[r], wanted[r]);

  for (const bool weighted : {false, true}) {
    std::vector<long> gradient((k + 1) * (d + 1));
    long error = 0;
    for (Index r = 0; r < n; ++r) {
      const long residual = static_cast<long>(wanted[r] - y[r]), weight = weighted ? static_cast<long>(v[r]) : 1;
      error += weight * residual * residual;
      for (std::size_t e = 0; e < gradient.size(); ++e) gradient[e] += weight * residual * derivative[r][e];
    }
    const T* row_weights = weighted ? v.data() : nullptr;
    std::vector<T> got(gradient.size(), T(55));
    const double with = network::error_and_gradient(exec, net, X.data(), n, y.data(), row_weights, got.data());
    const double without = network::error_and_gradient<T>(exec, net, X.data(), n, y.data(), row_weights, nullptr);
    CHECK_EQUAL(with, static_cast<double>(error));
    CHECK_EQUAL(without, with);
    for (std::size_t e = 0; e < gradient.size(); ++e) CHECK_EQUAL(got[e], static_cast<T>(gradient[e]));
  }
}

template <class T>
void networks() {
  Random random(41);
  for (const Index d : {1, 3, 8, 17, 31}) {
    for (const Index k : {0, 1, 2, 7, 8, 15, 16, 17}) {
      for (const Index n : {0, 1, 31, 33, 70}) check_network<T>(&random, n, d, k, 1);
    }
  }
  check_network<T>(&random, 2500, 3, 2, 3);  // tasks and lanes of many blocks
}

// E relu(<a, x>) = |a| / sqrt(2 pi), E relu(<a, x>)^2 = |a|^2 / 2 and, at right angles, independent neurons.
void gaussian_moments() {
  const double weights[] = {3, 4, 0, -4, 3, 0}, thresholds[] = {0, 0}, output[] = {2, -1}, linear[] = {0, 0, 7};
  const network::GaussianMoments m =
      network::gaussian_moments(serial(), {2, 3, weights, thresholds, output, linear, 0.5});
  const long double one = 5 / std::sqrt(2 * 3.14159265358979323846L);
  CHECK_NEAR(m.mean, one + 0.5, 4 * epsilon<double>);
  const long double variance = (4 + 1) * (12.5L - one * one) + 49;
  CHECK_NEAR(m.variance, variance, 4 * epsilon<double> * 100);
  CHECK_NEAR(m.second_moment, variance + (one + 0.5) * (one + 0.5), 4 * epsilon<double> * 100);

  // Opposite neurons that all but cancel: relu((1 + h) t) - relu(t) = h relu(t), for h of any size.
  for (const double h : {0x1p-10, 0x1p-30, 0x1p-50}) {
    const Case sizes("h %g", h);
    const double near[] = {1 + h, 1}, none[] = {0, 0}, opposite[] = {1, -1}, zero[] = {0};
    const network::GaussianMoments small = network::gaussian_moments(serial(), {2, 1, near, none, opposite, zero, 0.0});
    const double relative = 8 * 0x1p-52;
    CHECK_NEAR(small.mean, h / std::sqrt(2 * 3.14159265358979323846L), relative * h);
    CHECK_NEAR(small.second_moment, h * h / 2, relative * h * h);
  }
}

}  // namespace

void test_network() {
  networks<float>();
  networks<double>();
  gaussian_moments();
}

}  // namespace limbeck::tests
