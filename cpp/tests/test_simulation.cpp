// Random numbers. Seeds are fixed, so that a test gives the same result every time; tolerances of five standard
// deviations would fail for one in 1.7 million of other seeds, for each of some 150 statistics.
#include <algorithm>

#include "check.hpp"
#include "kernels/simulation/bartlett_design.hpp"
#include "kernels/simulation/normal_rng.hpp"
#include "kernels/simulation/random_design_fit.hpp"

namespace limbeck::tests {

namespace {

using simulation::NormalRng;

constexpr double deviations = 5;

std::vector<float> normal_numbers(std::uint64_t seed, std::uint64_t number, Index count) {
  std::vector<float> z(count);
  NormalRng(seed, number).fill(z.data(), count);
  return z;
}

void normal_distribution() {
  constexpr Index n = 1 << 20;
  for (const std::uint64_t seed : {std::uint64_t{0}, std::uint64_t{1} << 63}) {
    const Case sizes("seed %llu", static_cast<unsigned long long>(seed));
    std::vector<float> z = normal_numbers(seed, 7, n);
    double moments[5] = {};
    for (const float value : z) {
      for (int k = 1; k <= 4; ++k) moments[k] += std::pow(static_cast<double>(value), k) / n;
    }
    // Moments and variances of powers of a standard normal number.
    constexpr double mean[] = {0, 0, 1, 0, 3}, variance[] = {0, 1, 2, 15, 96};
    for (int k = 1; k <= 4; ++k) CHECK_NEAR(moments[k], mean[k], deviations * std::sqrt(variance[k] / n));
    // Pairs made from the same uniforms are 64 apart; lanes begin again after 32, blocks after 128.
    for (const Index lag : {1, 2, 31, 32, 64, 128, 129}) {
      double products = 0, squares = 0;
      for (Index i = 0; i + lag < n; ++i) {
        const double a = z[i], b = z[i + lag];
        products += a * b / n;
        squares += (a * a - 1) * (b * b - 1) / n;
      }
      const Case at("lag %td", lag);
      CHECK_NEAR(products, 0.0, deviations * std::sqrt(1.0 / n));
      CHECK_NEAR(squares, 0.0, deviations * std::sqrt(4.0 / n));
    }
    // Kolmogorov and Smirnov: 2 exp(-2 * 2.7^2) is one in a million.
    std::sort(z.begin(), z.end());
    double largest = 0;
    for (Index i = 0; i < n; ++i) {
      const double below = 0.5 * std::erfc(-static_cast<double>(z[i]) / std::sqrt(2.0));
      largest = std::max({largest, std::abs(below - static_cast<double>(i) / n), std::abs(below - (i + 1.0) / n)});
    }
    CHECK(largest < 2.7 / std::sqrt(static_cast<double>(n)));
    // sqrt(-2 log 2^-31), and no number that is not finite. About 0.6 of so many lie beyond 5: one in 1,700 samples
    // has none beyond 4.
    CHECK(z.front() > -6.6f && z.back() < 6.6f && z.front() < -4 && z.back() > 4);
  }
}

// Digits beyond what a sample's distribution shows: numbers come in pairs, 64 apart in blocks of 128, whose radii are
// sqrt(-2 log(u / 2^31)) of odd whole numbers u. Small u are told apart by them: radii of single precision, some
// roundings of 21.5 = log 2^31 in the logarithm, leave them right to 2.5e-5.
void radii() {
  constexpr Index blocks = 1 << 16, half = 64;
  constexpr double most = 4096;
  const std::vector<float> z = normal_numbers(3, 3, blocks * 2 * half);
  int seen = 0;
  for (Index i = 0; i < blocks * 2 * half; i += i % half == half - 1 ? half + 1 : 1) {
    const double square = static_cast<double>(z[i]) * z[i] + static_cast<double>(z[i + half]) * z[i + half];
    if (square < 2 * std::log(0x1p31 / most)) continue;
    const double u = 0x1p31 * std::exp(-square / 2);
    ++seen;
    CHECK_NEAR(u, 2 * std::floor(u / 2) + 1, 2.5e-5 * u);
  }
  // Eight are to be expected.
  CHECK(seen >= 1 && seen <= 30);
}

void streams() {
  constexpr Index n = 1 << 16;
  const std::vector<float> z = normal_numbers(5, 9, n);
  CHECK(same_bits(normal_numbers(5, 9, n), z));
  // In pieces of any length.
  NormalRng pieces(5, 9);
  std::vector<float> joined(n);
  Index at = 0, piece = 0;
  for (const Index length : {0, 1, 127, 128, 129, 64, 1000}) {
    pieces.fill(joined.data() + at, length);
    at += length;
    ++piece;
  }
  CHECK(std::equal(joined.begin(), joined.begin() + at, z.begin()));
  // Streams of neighbouring seeds and numbers, and of both exchanged.
  for (const auto& [seed, number] : {std::pair<int, int>{5, 10}, {6, 9}, {4, 9}, {9, 5}, {5, 0}, {0, 9}}) {
    const Case sizes("stream %d %d", seed, number);
    const std::vector<float> other = normal_numbers(seed, number, n);
    double products = 0, largest = 0;
    for (Index lag = 0; lag < 40; ++lag) {
      products = 0;
      for (Index i = 0; i + lag < n; ++i) products += static_cast<double>(z[i]) * other[i + lag];
      largest = std::max(largest, std::abs(products));
    }
    // The largest of 40: 40 times as many false alarms, 2.3e-5.
    CHECK(largest < deviations * std::sqrt(static_cast<double>(n)));
  }
}

void chi_distribution() {
  constexpr int n = 40000;
  for (const Index freedom : {1, 2, 3, 10, 1000}) {
    const Case sizes("freedom %td", freedom);
    NormalRng random(11, freedom);
    double mean = 0, square = 0;
    const auto k = static_cast<double>(freedom);
    for (int i = 0; i < n; ++i) {
      const double chi = random.chi(freedom);
      CHECK(chi > 0);
      mean += chi * chi / n;
      square += std::pow(chi * chi - k, 2) / n;
    }
    CHECK_NEAR(mean, k, deviations * std::sqrt(2 * k / n));
    CHECK_NEAR(square, 2 * k, deviations * std::sqrt((8 * k * k + 48 * k) / n));
  }
}

// R^-1 v, which is right where R times it is v: to as many roundings as a row has numbers.
void divided_by_triangle(const simulation::BartlettDesign& X, const std::vector<double>& v) {
  const Index p = X.features();
  std::vector<double> found = v;
  X.divide(found.data());
  for (Index i = 0; i < p; ++i) {
    long double sum = 0, size = std::abs(v[i]);
    for (Index j = i; j < p; ++j) {
      sum += static_cast<long double>(X.at(i, j)) * found[j];
      size += std::abs(X.at(i, j) * found[j]);
    }
    CHECK_NEAR(v[i], sum, (p + 3) * epsilon<double> * size);
  }
}

void design_products() {
  constexpr Index w = simulation::BartlettDesign::width;
  for (const auto& [n, p] : {std::pair<Index, Index>{1, 1},
                             {1, 5},
                             {5, 1},
                             {w, w},
                             {w + 1, 2 * w + 3},
                             {3 * w, w - 1},
                             {3 * w + 2, 70},
                             {100, 70}}) {
    const Case sizes("design %td x %td", n, p);
    std::vector<double> sizes_of(p);
    for (Index j = 0; j < p; ++j) sizes_of[j] = 1 / (1 + 0.25 * static_cast<double>(j));
    simulation::BartlettDesign X(n, sizes_of);
    const Index m = std::min(n, p);
    CHECK_EQUAL(X.count(), m);
    CHECK(X.padded() >= m && X.padded() % w == 0);
    NormalRng random(12, 0), again(12, 0);
    X.draw(&random);
    X.draw(&random);  // memory serves draw after draw
    std::vector<float> drawn;
    for (Index i = 0; i < X.padded(); ++i) {
      for (Index j = 0; j < p; ++j) drawn.push_back(X.at(i, j));
    }
    Random fractions(71);
    std::vector<double> v = fractions.fractions<double>(p), u = fractions.fractions<double>(X.padded());
    std::vector<double> targets(X.padded(), 55.0), image(p, 55.0), back(X.padded(), 55.0);
    if (m == p) divided_by_triangle(X, v);
    X.draw_scaled(&again, v.data(), targets.data());
    X.draw_scaled(&again, v.data(), targets.data());
    std::vector<double> along(X.padded(), 55.0), across(p, 55.0);
    X.times(v.data(), along.data());
    X.transposed_times(u.data(), across.data());
    X.gram_times(u.data(), image.data(), back.data());
    CHECK(same_bits(targets, along));
    CHECK(same_bits(image, across));
    for (Index i = 0; i < X.padded(); ++i) {
      long double sum = 0, size = 0;
      for (Index j = 0; j < p; ++j) {
        const float x = X.at(i, j);
        CHECK_EQUAL(x, drawn[i * p + j] * static_cast<float>(sizes_of[j]));
        CHECK_EQUAL(x == 0, i >= m || j < i);
        if (i == j && i < m) CHECK(x > 0);
        sum += static_cast<long double>(x) * v[j];
        size += std::abs(x * v[j]);
      }
      CHECK_NEAR(along[i], sum, (p + 2) * epsilon<double> * size);
      sum = size = 0;
      for (Index j = 0; j < p; ++j) {
        sum += static_cast<long double>(X.at(i, j)) * image[j];
        size += std::abs(X.at(i, j) * image[j]);
      }
      CHECK_NEAR(back[i], sum, (p + 2) * epsilon<double> * size);
    }
    for (Index j = 0; j < p; ++j) {
      long double sum = 0, size = 0;
      for (Index i = 0; i < X.padded(); ++i) {
        sum += static_cast<long double>(X.at(i, j)) * u[i];
        size += std::abs(X.at(i, j) * u[i]);
      }
      CHECK_NEAR(across[j], sum, (X.padded() + 2) * epsilon<double> * size);
    }
    for (const int threads : {1, 3}) {
      dense::TiledMatrix<float> single(X.padded(), X.padded());
      dense::TiledMatrix<double> twice(X.padded(), X.padded());
      X.add_gram(Execution(threads, nullptr), &single);
      X.add_gram(Execution(threads, nullptr), &twice);
      for (Index k = 0; k < m; ++k) {
        for (Index i = k; i < m; ++i) {
          long double sum = 0, size = 0;
          for (Index j = 0; j < p; ++j) {
            const long double product = static_cast<long double>(X.at(i, j)) * X.at(k, j);
            sum += product;
            size += std::abs(product);
          }
          CHECK_NEAR(*single.at(i, k), sum, (p + 2) * epsilon<float> * size);
          CHECK_NEAR(*twice.at(i, k), sum, (p + 2) * epsilon<double> * size);
        }
      }
    }
  }
}

// X' X is what that of n full rows of normal numbers would be: Wishart's distribution.
void design_distribution() {
  constexpr int trials = 4000;
  for (const auto& [n, p] : {std::pair<Index, Index>{3, 6}, {4, 4}, {9, 5}}) {
    const Case sizes("wishart %td x %td", n, p);
    NormalRng random(13, n);
    simulation::BartlettDesign X(n, std::vector<double>(p, 1.0));
    const auto N = static_cast<double>(n);
    for (const auto& [a, b] : {std::pair<Index, Index>{0, 0}, {p - 1, p - 1}, {0, p - 1}, {p - 2, p - 1}}) {
      double mean = 0, square = 0;
      for (int trial = 0; trial < trials; ++trial) {
        X.draw(&random);
        double sum = 0;
        for (Index i = 0; i < X.count(); ++i) sum += static_cast<double>(X.at(i, a)) * X.at(i, b);
        mean += sum / trials;
        square += sum * sum / trials;
      }
      const Case at("numbers %td %td", a, b);
      const bool same = a == b;
      // A chi square of n; for two columns the square has mean n and the fourth power 3 n^2 + 6 n.
      CHECK_NEAR(mean, same ? N : 0.0, deviations * std::sqrt((same ? 2 * N : N) / trials));
      const double fourth = same ? N * (N + 2) * (N + 4) * (N + 6) : 3 * N * N + 6 * N;
      const double second = same ? N * (N + 2) : N;
      CHECK_NEAR(square, second, deviations * std::sqrt((fourth - second * second) / trials));
    }
  }
}

void fits() {
  NormalRng random(14, 0);
  // Enough rows without noise: the labels' coefficients come back.
  const std::vector<double> sizes_of{4, 2, 1, 0.5, 0.25}, truth{1, -2, 3, 0, 5};
  std::vector<double> b(5);
  for (const Index n : {5, 6, 50}) {
    simulation::RandomDesignFit fit(n, sizes_of, 0);
    CHECK(fit.fit(serial(), &random, truth, 0, &b));
    for (Index j = 0; j < 5; ++j) CHECK_NEAR(b[j], truth[j], 1e-6);
  }
  // Fewer rows than features of one size: the labels projected on a random subspace, whose share is that of Beta(n / 2,
  // (p - n) / 2).
  constexpr int trials = 1000;
  const Index n = 5, p = 20;
  simulation::RandomDesignFit fit(n, std::vector<double>(p, 1.0), 0);
  std::vector<double> labels(p), found(p);
  labels[0] = 3, labels[p - 1] = 4;
  double share = 0;
  for (int trial = 0; trial < trials; ++trial) {
    CHECK(fit.fit(serial(), &random, labels, 0, &found));
    double along = 0, square = 0;
    for (Index j = 0; j < p; ++j) along += labels[j] * found[j], square += found[j] * found[j];
    CHECK_NEAR(square, along, 1e-6 * along);  // a projection
    share += along / 25 / trials;
  }
  const double a = n / 2.0, c = (p - n) / 2.0;
  CHECK_NEAR(share, a / (a + c), deviations * std::sqrt(a * c / ((a + c) * (a + c) * (a + c + 1)) / trials));
}

}  // namespace

void test_simulation() {
  normal_distribution();
  radii();
  streams();
  chi_distribution();
  design_products();
  design_distribution();
  fits();
}

}  // namespace limbeck::tests
