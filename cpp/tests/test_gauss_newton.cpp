// Gauss-Newton matrices of networks of small whole numbers: sums are exact, and are then divided by the weights' sum.
#include "check.hpp"
#include "kernels/gauss_newton/gate_pattern_grams.hpp"
#include "kernels/gauss_newton/gauss_newton_matrix.hpp"
#include "kernels/gauss_newton/gauss_newton_operator.hpp"

namespace limbeck::tests {

namespace {

void pattern_grams() {
  Random random(51);
  for (const Index d : {0, 1, 6, 7, 8, 15, 16, 20, 64}) {
    for (const Index groups : {1, 2, 8, 32}) {
      for (const bool weighted : {false, true}) {
        const Case sizes("pattern grams d %td groups %td weighted %d", d, groups, weighted);
        const Index D = d + 1;
        std::vector<long> wanted(groups * D * D);
        const Execution exec(3, nullptr);
        gauss_newton::GatePatternGrams grams(d, 9000);
        grams.begin(exec, 2);
        grams.begin(exec, groups);  // memory of others serves again
        // With 9,000 rows there are several blocks of rows, and ranges that begin inside of groups.
        for (const Index rows : {0, 1, 127, 128, 400, 9000}) {
          if (rows == 9000 && (d > 24 || groups == 2)) continue;
          const std::vector<double> X = random.wholes<double>(rows * d, 3), w = random.wholes<double>(rows, 3);
          std::vector<gauss_newton::GatePatternGrams::Group> group(rows);
          for (auto& g : group)
            g = static_cast<gauss_newton::GatePatternGrams::Group>(std::abs(random.whole(99)) % groups);
          grams.add(Execution(rows > 128 ? 3 : 1, nullptr), X.data(), rows, weighted ? w.data() : nullptr,
                    [&](Index first, Index count, gauss_newton::GatePatternGrams::Group* to) {
                      std::copy_n(group.data() + first, count, to);
                    });
          for (Index r = 0; r < rows; ++r) {
            const auto number = [&](Index a) { return a < d ? static_cast<long>(X[r * d + a]) : 1; };
            const long weight = weighted ? static_cast<long>(w[r]) : 1;
            for (Index e = 0; e < D * D; ++e) wanted[group[r] * D * D + e] += weight * number(e / D) * number(e % D);
          }
        }
        grams.sum_supersets(exec);
        for (Index bits = 0; bits < groups; ++bits) {
          constexpr double unset = 0.5;  // sums are whole
          std::vector<double> out(D * D, unset);
          for (Index part = 0; part < grams.parts(); ++part) {
            grams.for_entries(bits, part, [&](Index row, Index column, double sum) {
              CHECK(column <= row && row < D);
              CHECK_EQUAL(out[row * D + column], unset);  // once each
              out[row * D + column] = sum;
            });
          }
          for (Index e = 0; e < D * D; ++e) {
            if (e % D > e / D) continue;
            long sum = 0;
            for (Index g = 0; g < groups; ++g) {
              if ((g & bits) == bits) sum += wanted[g * D * D + e];
            }
            CHECK_EQUAL(out[e], static_cast<double>(sum));
          }
          CHECK_EQUAL(grams.weight(bits), out[D * D - 1]);
        }
      }
    }
  }
}

struct Fit {
  Index n, d, k;
  std::vector<double> X, y, v, signs, decay, parameters;
  std::vector<int> derivative;  // (n, P)
  double total = 0;

  Fit(Random* random, Index n_, Index d_, Index k_)
      : n(n_),
        d(d_),
        k(k_),
        X(random->wholes<double>(n * d, 3)),
        y(n),
        v(random->wholes<double>(n, 1)),
        signs(random->wholes<double>(k, 1)),
        decay(k + 1),
        parameters(random->wholes<double>((k + 1) * (d + 1), 2)),
        derivative(n * (k + 1) * (d + 1)) {
    for (double& weight : v) {
      weight = (weight + 1) * (weight + 1);  // whose roots are exact: 0, 1 and 4
      total += weight;
    }
    for (double& sign : signs) sign = sign < 0 ? -1 : 1;
    for (Index r = 0; r < n; ++r) {
      for (Index i = 0; i <= k; ++i) {
        int* to = derivative.data() + (r * (k + 1) + i) * (d + 1);
        const double* at = parameters.data() + i * (d + 1);
        const int slope = i == k ? 1 : activation(r, at) > 0 ? static_cast<int>(signs[i]) : 0;
        for (Index j = 0; j <= d; ++j) to[j] = slope * (j < d ? static_cast<int>(X[r * d + j]) : 1);
      }
    }
  }
  double activation(Index r, const double* at) const { return product(r, at) + at[d]; }
  double product(Index r, const double* at) const {
    double sum = 0;
    for (Index j = 0; j < d; ++j) sum += at[j] * X[r * d + j];
    return sum;
  }
  gauss_newton::ReluFit problem() const {
    return {X.data(), n, d, y.data(), v.data(), k, signs.data(), true, decay.data()};
  }
  // sum_r v_r a_r b_r over the sum of weights, of numbers a_r and b_r.
  template <class A, class B>
  double mean(const A& a, const B& b) const {
    long sum = 0;
    for (Index r = 0; r < n; ++r) sum += static_cast<long>(v[r]) * static_cast<long>(a(r)) * static_cast<long>(b(r));
    return static_cast<double>(sum) / total;
  }
};

constexpr double rounded = 2 * 0x1p-52;  // one over the sum of weights, and a product with it

void check_matrix(Random* random, Index n, Index d, Index k, int threads) {
  const Case sizes("matrix n %td d %td k %td threads %d", n, d, k, threads);
  const Fit fit(random, n, d, k);
  const Index P = (k + 1) * (d + 1);
  std::vector<double> H(P * P, 55.0);
  gauss_newton::gauss_newton_matrix(Execution(threads, nullptr), fit.problem(), fit.parameters.data(), H.data());
  for (Index a = 0; a < P; ++a) {
    for (Index b = 0; b <= a; ++b) {
      const double wanted = fit.mean([&](Index r) { return fit.derivative[r * P + a]; },
                                     [&](Index r) { return fit.derivative[r * P + b]; });
      CHECK_NEAR(H[a * P + b], wanted, rounded * std::abs(wanted));
      CHECK_EQUAL(H[b * P + a], H[a * P + b]);
    }
  }
}

void check_operator(Random* random, Index n, Index d, Index k, int threads) {
  const Case sizes("operator n %td d %td k %td threads %d", n, d, k, threads);
  const Fit fit(random, n, d, k);
  const Index P = (k + 1) * (d + 1);
  using Operator = gauss_newton::GaussNewtonOperator;
  const Execution exec(threads, nullptr);
  const gauss_newton::ReluFit problem = fit.problem();
  for (const auto features : {Operator::Features::one, Operator::Features::products_and_one}) {
    const Operator product(exec, problem, fit.parameters.data(), features);
    const std::vector<double> p = random->wholes<double>(P, 2);
    std::vector<double> out(P, 55.0), along(n);
    product.apply(p.data(), out.data());
    for (Index r = 0; r < n; ++r) {
      for (Index a = 0; a < P; ++a) along[r] += fit.derivative[r * P + a] * p[a];
    }
    for (Index a = 0; a < P; ++a) {
      const auto derivative = [&](Index r) { return fit.derivative[r * P + a]; };
      const double wanted = fit.mean(derivative, [&](Index r) { return along[r]; });
      CHECK_NEAR(out[a], wanted, rounded * std::abs(wanted));
      const double square = fit.mean(derivative, derivative);
      CHECK_NEAR(product.diagonal()[a], square, rounded * square);
    }
    const Index f = features == Operator::Features::one ? 1 : k + 1, size = (k + 1) * f;
    CHECK_EQUAL(product.n_features(), f);
    CHECK_EQUAL(static_cast<Index>(product.small().size()), size * size);
    // Feature e of row r times the slope of its neuron.
    const auto feature = [&](Index e) {
      return [&, e](Index r) {
        const Index i = e / f, j = e % f;
        const int slope = fit.derivative[r * P + i * (d + 1) + d];
        return slope * (j == f - 1 ? 1.0 : fit.product(r, fit.parameters.data() + j * (d + 1)));
      };
    };
    const Index skip = size > 60 ? 7 : 1;
    for (Index a = 0; a < size; a += skip) {
      for (Index b = 0; b < size; b += skip) {
        const double wanted = fit.mean(feature(a), feature(b));
        CHECK_NEAR(product.small()[a * size + b], wanted, rounded * std::abs(wanted));
      }
    }
  }
}

}  // namespace

void test_gauss_newton() {
  pattern_grams();
  Random random(52);
  // Few rows: the derivatives are formed. Many: patterns of gates, in one pass or several, and in chunks of rows.
  for (const Index k : {0, 1, 3}) {
    for (const Index n : {3, 40, 1000}) check_matrix(&random, n, 3, k, 1);
  }
  check_matrix(&random, 2500, 2, 12, 3);
  check_matrix(&random, 16384, 2, 2, 3);
  check_matrix(&random, 16385, 2, 1, 3);
  check_matrix(&random, 70000, 1, 11, 2);
  // Gates are kept in words of 64 bits.
  for (const Index k : {0, 1, 5, 7, 8}) {
    for (const Index n : {3, 33, 300}) check_operator(&random, n, 4, k, 1);
  }
  for (const Index k : {63, 64, 65}) check_operator(&random, 40, 2, k, 1);
  check_operator(&random, 3000, 9, 3, 3);
}

}  // namespace limbeck::tests
