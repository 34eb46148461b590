#include <algorithm>
#include <limits>

#include "check.hpp"
#include "kernels/least_squares/condition_estimate.hpp"
#include "kernels/least_squares/row_update.hpp"

namespace limbeck::tests {

namespace {

using least_squares::Numbers;

// ---- Solves with a factor, and estimates of condition ----

// Second differences, 2 on the diagonal and -1 beside it: eigenvalues are 2 - 2 cos(k pi / (m + 1)).
double difference(Index i, Index j) { return i == j ? 2 : i - j == 1 || j - i == 1 ? -1 : 0; }

struct Eigenvalues {
  double smallest, largest;
  explicit Eigenvalues(Index m) {
    const double angle = 3.14159265358979323846 / static_cast<double>(m + 1);
    smallest = 4 * std::pow(std::sin(angle / 2), 2);
    largest = 4 - smallest;
  }
};

// Its Cholesky factor: l_i^2 = (i + 2) / (i + 1), and -1 / l_i below.
template <class T>
std::shared_ptr<const dense::TiledMatrix<T>> factor_of_differences(Index m) {
  auto L = std::make_shared<dense::TiledMatrix<T>>(m, m);
  for (Index i = 0; i < m; ++i) {
    const double pivot = std::sqrt((i + 2.0) / (i + 1.0));
    *L->at(i, i) = static_cast<T>(pivot);
    if (i + 1 < m) *L->at(i + 1, i) = static_cast<T>(-1 / pivot);
  }
  return L;
}

// Powers of two without a pattern.
Numbers some_scales(Random* random, Index m) {
  Numbers scales(m);
  for (double& scale : scales) scale = std::ldexp(1.0, static_cast<int>(random->whole(4)));
  return scales;
}

template <class T>
void solves() {
  Random random(61);
  for (const Index m : {1, 2, 9, 40, 250}) {
    for (const Index q : {1, 4, 5}) {
      for (const bool ordered : {false, true}) {
        const Case sizes("solve m %td q %td ordered %d", m, q, ordered);
        const Numbers scales = some_scales(&random, m);
        std::vector<Index> order(m);
        for (Index i = 0; i < m; ++i) order[i] = ordered ? (i + m / 3) % m : i;
        const least_squares::ScaledCholesky<T> factor(serial(), factor_of_differences<T>(m), scales,
                                                      ordered ? order : std::vector<Index>());
        // G x for the known x, row order[i] of G being that of the differences' row i over scales.
        const std::vector<double> x = random.wholes<double>(q * m, 9);
        Numbers B(q * m);
        for (Index t = 0; t < q; ++t) {
          for (Index i = 0; i < m; ++i) {
            for (Index j = std::max<Index>(0, i - 1); j < std::min(m, i + 2); ++j) {
              B[t * m + order[i]] += difference(i, j) / scales[i] / scales[j] * x[t * m + order[j]];
            }
          }
        }
        // In the order of the factor.
        Numbers z(m);
        for (Index i = 0; i < m; ++i) z[i] = x[order[i]];
        factor.multiply_permuted(&z);
        for (Index i = 0; i < m; ++i) {
          // Two products with a factor of two numbers in a row, rounded and of size two at most.
          CHECK_NEAR(z[i] * scales[i], B[order[i]] * scales[i], 64 * epsilon<T> * 4 * 9 * 16);
        }
        factor.solve(&B);
        // Forward error: some epsilon of the condition, in the scaled unknowns.
        const Eigenvalues of(m);
        const double tolerance = 10 * static_cast<double>(epsilon<T>) * of.largest / of.smallest;
        for (Index t = 0; t < q; ++t) {
          double norm = 0;
          for (Index i = 0; i < m; ++i) norm = std::hypot(norm, x[t * m + order[i]] / scales[i]);
          for (Index i = 0; i < m; ++i) {
            CHECK_NEAR(B[t * m + order[i]] / scales[i], x[t * m + order[i]] / scales[i], tolerance * norm);
          }
        }
      }
    }
  }
}

template <class T>
void estimates() {
  for (const Index m : {1, 2, 10, 60, 129, 300}) {
    const Case sizes("estimates m %td", m);
    const least_squares::ScaledCholesky<T> factor(serial(), factor_of_differences<T>(m), Numbers(m, 1.0));
    const Eigenvalues of(m);
    const double condition = std::sqrt(of.largest / of.smallest);
    // The factor is rounded, which moves the smallest eigenvalue by some epsilon of the largest.
    const double rounding = 8 * static_cast<double>(epsilon<T>) * condition * condition;
    // On the safe side. Powers of the inverse separate the smallest eigenvalue by a factor of at least 3 a step; the
    // largest ones are close together, and any of them will do.
    const double quick = least_squares::check_rank(factor, 0).condition;
    const double sure = least_squares::check_rank(factor, 10).condition;
    CHECK(quick >= 1 && quick <= condition * (1 + rounding));
    CHECK(sure >= std::max(1.0, 0.9 * condition) && sure <= condition * (1 + rounding));
    CHECK_EQUAL(least_squares::check_rank(factor, 10).condition, sure);  // no chance in it
    const double scaled = least_squares::estimate_quickly(factor).smallest_scaled_eigenvalue;
    CHECK(scaled >= std::min(1.0, of.smallest * (1 - rounding)) && scaled <= 4 * of.smallest);
    // Twenty steps may be wrong by a factor of two.
    CHECK(least_squares::check_rank(factor, 1 / (30 * condition)).is_full);
    CHECK(least_squares::check_rank(factor, 1 / (3 * condition)).is_full);
    CHECK(!least_squares::check_rank(factor, 1 / (1.5 * condition)).is_full);
    CHECK(!least_squares::check_rank(factor, 10 / condition).is_full);
  }
  // Scales come off: the singular values of G = S^-2 are those of 1 / S, 4 and 1 / 32 at the ends.
  auto identity = std::make_shared<dense::TiledMatrix<T>>(5, 5);
  for (Index i = 0; i < 5; ++i) *identity->at(i, i) = 1;
  const least_squares::ScaledCholesky<T> diagonal(serial(), identity, {1, 8, 0.25, 32, 1}, {3, 0, 1, 2, 4});
  CHECK_NEAR(least_squares::check_rank(diagonal, 1).condition, 128.0, 128e-6);
  CHECK_NEAR(least_squares::estimate_quickly(diagonal).smallest_scaled_eigenvalue, 1.0, 1e-6);
}

// ---- Rows merged into R ----

struct Rows {
  Index n, p, q;
  std::vector<double> X, Y, weights;

  Index columns() const { return 1 + p + q; }
  // Number j of row r of W without its weight.
  double at(Index r, Index j) const { return j == 0 ? 1 : j <= p ? X[r * p + j - 1] : Y[r * q + j - 1 - p]; }
};

// Merges rows [begin, end), given in units of a quarter and of two.
template <class T>
void merge(const Execution& exec, const Rows& rows, Index begin, Index end, double* R) {
  std::vector<T> X(rows.X.begin() + begin * rows.p, rows.X.begin() + end * rows.p);
  std::vector<double> Y(rows.Y.begin() + begin * rows.q, rows.Y.begin() + end * rows.q);
  for (T& x : X) x *= T(0.25);
  for (double& y : Y) y *= 2;
  const double* weights = rows.weights.empty() ? nullptr : rows.weights.data() + begin;
  least_squares::update_r(
      exec, least_squares::RowBlock<T>{X.data(), Y.data(), end - begin, rows.p, rows.q, weights, 0.25, 2.0}, R);
}

// R' R = W' W to some rounding of the columns' norms: reflections and triangular solves are backward stable by column.
void check_r(const Rows& rows, const std::vector<double>& R) {
  const Index m = rows.columns();
  std::vector<long double> gram(m * m), square(m * m);
  for (Index r = 0; r < rows.n; ++r) {
    const long double weight = rows.weights.empty() ? 1 : rows.weights[r];
    for (Index i = 0; i < m; ++i) {
      for (Index j = 0; j <= i; ++j) gram[i * m + j] += weight * rows.at(r, i) * rows.at(r, j);
    }
  }
  for (Index l = 0; l < m; ++l) {
    for (Index i = l; i < m; ++i) {
      for (Index j = l; j <= i; ++j) square[i * m + j] += static_cast<long double>(R[l * m + i]) * R[l * m + j];
    }
  }
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j <= i; ++j) {
      const long double norms = std::sqrt(gram[i * m + i] * gram[j * m + j]);
      CHECK_NEAR(square[i * m + j], gram[i * m + j], 100 * epsilon<double> * norms);
      if (j < i) CHECK_EQUAL(R[i * m + j], 0.0);
    }
  }
}

template <class T>
void row_updates() {
  Random random(62);
  // Rows that reflections take (few), chunks of 192, stretches of 8192, and R of many rows merged with few.
  for (const auto& [p, q] : {std::pair<Index, Index>{0, 1}, {1, 0}, {3, 2}, {6, 1}, {7, 1}, {15, 3}}) {
    for (const Index n : {0, 1, 5, 191, 255, 256, 257, 1000, 8192, 9000}) {
      for (const bool weighted : {false, true}) {
        const Case sizes("update_r n %td p %td q %td weighted %d", n, p, q, weighted);
        Rows rows{n, p, q, random.wholes<double>(n * p, 9), random.wholes<double>(n * q, 9), {}};
        if (weighted) rows.weights = random.wholes<double>(n, 1);
        for (double& weight : rows.weights) weight = (weight + 1) * (weight + 1);
        const Index m = rows.columns();
        std::vector<double> bits;
        for (const int threads : {1, 2, 3}) {
          if (threads > 1 && n < 1000) continue;
          std::vector<double> R(m * m);
          merge<T>(Execution(threads, nullptr), rows, 0, n, R.data());
          if (threads == 1) bits = R;
          CHECK(same_bits(R, bits));
        }
        check_r(rows, bits);
        std::vector<double> in_parts(m * m);
        const Index cut = n * 2 / 3;
        merge<T>(serial(), rows, 0, cut, in_parts.data());
        merge<T>(serial(), rows, cut, n, in_parts.data());
        check_r(rows, in_parts);
      }
    }
  }
  // A direction that was never seen comes late: leverages are without bound there.
  Rows late{3000, 2, 1, random.wholes<double>(6000, 9), random.wholes<double>(3000, 9), {}};
  for (Index r = 0; r < 2500; ++r) late.X[2 * r + 1] = 0;
  std::vector<double> R(16);
  merge<T>(serial(), late, 0, 2500, R.data());
  merge<T>(serial(), late, 2500, 3000, R.data());
  check_r(late, R);

  for (const double wrong : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    for (const Index n : {20, 1000}) {
      Rows bad{n, 2, 1, random.wholes<double>(2 * n, 9), random.wholes<double>(n, 9), {}};
      bad.X[n] = wrong;
      std::vector<double> spoilt(16);
      merge<T>(serial(), bad, 0, n, spoilt.data());
      CHECK(!std::all_of(spoilt.begin(), spoilt.end(), [](double value) { return std::isfinite(value); }));
    }
  }
}

// Norm of what is left of the last column of W beside the others: Gram and Schmidt's process, twice.
long double norm_of_rest(const Rows& rows) {
  const Index m = rows.columns();
  std::vector<std::vector<long double>> W(m, std::vector<long double>(rows.n));
  const auto inner = [&](Index a, Index b) {
    long double sum = 0;
    for (Index r = 0; r < rows.n; ++r) sum += W[a][r] * W[b][r];
    return sum;
  };
  for (Index j = 0; j < m; ++j) {
    for (Index r = 0; r < rows.n; ++r) W[j][r] = rows.at(r, j);
    for (Index before = 0; before < 2 * j; ++before) {
      const Index k = before % j;
      const long double along = inner(j, k) / inner(k, k);
      for (Index r = 0; r < rows.n; ++r) W[j][r] -= along * W[k][r];
    }
  }
  return std::sqrt(inner(m - 1, m - 1));
}

// What is left of the last column is far smaller than the column, and would vanish in a matrix of inner products.
// Backward errors of some epsilon of the column are `size` times as large beside it.
void check_rest(const Rows& rows, Index cut, double size) {
  std::vector<double> R(rows.columns() * rows.columns());
  merge<double>(serial(), rows, 0, cut, R.data());
  merge<double>(serial(), rows, cut, rows.n, R.data());
  const long double wanted = norm_of_rest(rows);
  CHECK_NEAR(std::abs(R.back()), wanted, 100 * epsilon<double> * size * wanted);
}

void small_rests() {
  Random random(63);
  const Index n = 5000;
  Rows rows{n, 2, 0, random.fractions<double>(2 * n), {}, {}};
  // Columns that agree in ten digits.
  for (Index r = 0; r < n; ++r) rows.X[2 * r + 1] = rows.X[2 * r] + 1e-10 * random.fraction();
  check_rest(rows, n, 1e10);
  check_rest(rows, n / 2, 1e10);
  // Small numbers tell two columns apart, and then come large ones that do not: in the coordinates of the rows so far
  // the large ones are 1e9 long, in no column's direction.
  for (Index r = 0; r < n; ++r) {
    rows.X[2 * r] = random.fraction() * (r < n / 2 ? 1e-9 : 1);
    rows.X[2 * r + 1] = r < n / 2 ? random.fraction() * 1e-9 : rows.X[2 * r];
  }
  check_rest(rows, n / 2, 1e9);
}

}  // namespace

void test_least_squares() {
  solves<float>();
  solves<double>();
  estimates<float>();
  estimates<double>();
  row_updates<float>();
  row_updates<double>();
  small_rests();
}

}  // namespace limbeck::tests
