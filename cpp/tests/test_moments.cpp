#include "check.hpp"
#include "kernels/moments/contraction.hpp"
#include "kernels/moments/gram_plan.hpp"
#include "kernels/moments/hermite.hpp"
#include "kernels/moments/moment_batches.hpp"
#include "kernels/moments/moment_tensor.hpp"
#include "kernels/moments/weighted_grams.hpp"

namespace limbeck::tests {

namespace {

// sum_k (-1)^k l! / (k! (l - 2 k)! 2^k) v^k t^(l - 2 k); `sizes`: with every term's sign dropped.
long double hermite(int l, long double t, long double v, bool sizes = false) {
  long double sum = 0;
  for (int k = 0; 2 * k <= l; ++k) {
    long double term = k % 2 && !sizes ? -1 : 1;
    for (int i = l - 2 * k + 1; i <= l; ++i) term *= i;
    for (int i = 1; i <= k; ++i) term /= 2 * i;
    for (int i = 0; i < k; ++i) term *= v;
    for (int i = 0; i < l - 2 * k; ++i) term *= sizes ? std::abs(t) : t;
    sum += term;
  }
  return sum;
}

// Whole numbers, of which the recurrence makes no others.
template <class T>
void exact_hermite(int most_order) {
  Random random(31);
  for (int order = 0; order <= most_order; ++order) {
    for (const Index rows : {0, 1, 3, 16, 33}) {
      for (const T v : {T(0), T(1), T(3)}) {
        const Case sizes("hermite order %d rows %td variance %g", order, rows, static_cast<double>(v));
        const Index stride = rows + 2;
        const std::vector<T> t = random.wholes<T>(rows, 4);
        std::vector<T> out((order + 1) * stride, T(55));
        moments::hermite_block(t.data(), rows, v, order, out.data(), stride);
        for (int l = 0; l <= order; ++l) {
          for (Index r = 0; r < stride; ++r) {
            CHECK_EQUAL(out[l * stride + r], r < rows ? static_cast<T>(hermite(l, t[r], v)) : T(55));
          }
        }
      }
    }
  }
}

// Rounding errors of the recurrence, four a step, grow as the recurrence does with every sign dropped.
template <class T>
void normalized_hermite() {
  Random random(32);
  for (const Index n : {0, 1, 4095, 4096, 4097}) {
    for (const int order : {0, 1, 2, 9}) {
      const Case sizes("normalized hermite n %td order %d", n, order);
      std::vector<T> t = random.fractions<T>(n), bits;
      for (T& value : t) value *= 4;
      for (const int threads : {1, 3}) {
        std::vector<T> out((order + 1) * n);
        moments::hermite_normalized(Execution(threads, nullptr), t.data(), n, order, out.data());
        if (threads == 1) bits = out;
        CHECK(same_bits(out, bits));
      }
      long double factorial = 1;
      for (int l = 0; l <= order; factorial *= ++l) {
        const long double root = std::sqrt(factorial);
        for (Index i = 0; i < n; ++i) {
          const long double bound = hermite(l, t[i], 1, true) / root;
          CHECK_NEAR(bits[l * n + i], hermite(l, t[i], 1) / root, 4 * (l + 1) * epsilon<T> * bound);
        }
      }
    }
  }
}

template <class T>
void check_grams(Random* random, Index n, Index d, Index J) {
  const Case sizes("weighted grams n %td d %td J %td", n, d, J);
  const std::vector<T> X = random->wholes<T>(n * d, 3), W = random->wholes<T>(n * J, 3);
  for (const int threads : {1, 3}) {
    std::vector<T> out(J * d * d, T(55));
    moments::weighted_grams(Execution(threads, nullptr), X.data(), n, d, W.data(), J, out.data());
    for (Index j = 0; j < J; ++j) {
      for (Index a = 0; a < d; ++a) {
        for (Index b = 0; b < d; ++b) {
          T sum = 0;
          for (Index r = 0; r < n; ++r) sum += W[r * J + j] * X[r * d + a] * X[r * d + b];
          CHECK_EQUAL(out[(j * d + a) * d + b], sum);
        }
      }
    }
  }
}

template <class T>
void grams() {
  Random random(33);
  for (const Index d : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33}) {
    for (const Index n : {0, 1, 127, 128, 129, 300}) {
      for (const Index J : {0, 1, 3}) check_grams<T>(&random, n, d, J);
    }
  }
  for (const Index n : {1024, 2047, 2048, 2049, 5000}) check_grams<T>(&random, n, 6, 2);  // lanes of eight blocks
}

// Large work has a task for nearly each of 64 threads, or two, and not one more, which all of them would wait for.
void plans_for_64_threads() {
  const moments::GramCosts costs{24, 40, Index{1} << 18, 1 << 16};
  struct Size {
    Index n, d, J;
  };
  for (const auto& [n, d, J] : {Size{50000, 256, 8}, Size{20000, 512, 8}, Size{10000, 1000, 4}, Size{5000, 1000, 4}}) {
    const Case sizes("plan for 64 threads n %td d %td J %td", n, d, J);
    std::vector<Index> strips;
    for (Index j = 0; j < J; ++j) {
      for (Index q = d; q > 0; q -= 8) strips.push_back(8 * q);
    }
    const Index tasks = moments::plan_grams(n, d, strips, 8, costs).tasks();
    CHECK(10 * tasks >= 9 * core::round_up(tasks, 64));
    CHECK_EQUAL(moments::plan_grams(n, d, strips, 8, costs, true).lanes, 1);
  }
}

// Lanes and groups cover every strip of every row once, and none of them is much larger than the others.
void plans() {
  const moments::GramCosts costs{30, 16, Index{1} << 18, 64};
  for (const Index n : {Index{0}, Index{1}, Index{1000}, Index{100000}, Index{10000000}}) {
    for (const Index d : {1, 10, 100, 1000}) {
      for (const Index J : {1, 3, 50}) {
        const Case sizes("plan n %td d %td J %td", n, d, J);
        std::vector<Index> strips;
        for (Index j = 0; j < J; ++j) {
          for (Index q = d; q > 0; q -= 8) strips.push_back(8 * q);
        }
        const moments::GramPlan plan = moments::plan_grams(n, d, strips, 8, costs);
        CHECK(plan.lanes >= 1 && (plan.lanes == 1 || plan.lanes * plan.total() * 8 <= Index{160} << 20));
        CHECK_EQUAL(plan.groups.front(), 0);
        CHECK_EQUAL(plan.groups.back(), static_cast<Index>(strips.size()));
        Index largest = 0;
        for (Index g = 0; g < plan.n_groups(); ++g) {
          CHECK(plan.groups[g] < plan.groups[g + 1]);
          CHECK(plan.groups[g + 1] - plan.groups[g] <= costs.most_strips + (d + 7) / 8);  // of a whole matrix more
          largest = std::max(largest, plan.offsets[plan.groups[g + 1]] - plan.offsets[plan.groups[g]]);
        }
        CHECK(largest <= plan.total() / plan.n_groups() + 8 * d);  // a group ends within half a strip of its place
        const double work = static_cast<double>(n) * static_cast<double>(plan.total());
        CHECK(plan.tasks() == 1 || plan.n_groups() > 1 || work / static_cast<double>(plan.tasks()) > 1e6);
      }
    }
  }
}

// He_l contracted with g in all places but two, from the definition of He_l as the derivative of a Gaussian: for
// x = t g + rest, |g| = 1, it is h_l(t), h_{l-1}(t) x_i and h_{l-2}(t) (x_i x_j - [i = j]) in directions across g.
template <class T>
void contractions() {
  Random random(34);
  for (const Index d : {3, 10, 20}) {
    for (const int order : {2, 3, 4, 6}) {
      const Case sizes("contraction d %td order %d", d, order);
      const Index n = 700, q = 2, m = 3;
      const std::vector<T> X = random.wholes<T>(n * d, 2), y = random.wholes<T>(n * q, 2);
      std::vector<T> G(m * d);
      for (Index g = 0; g < m; ++g) G[g * d + g] = 1;  // along axes
      const moments::ContractionData<T> data{X.data(), n, d, y.data(), q, G.data(), m};
      std::vector<T> matrix(q * m * d * d), vector(q * m * d), scalar(q * m);
      moments::contract(serial(), data, order, matrix.data());
      moments::contract_to_vector(serial(), data, order, vector.data());
      moments::contract_to_scalar(serial(), data, &order, 1, scalar.data());
      for (Index k = 0; k < q * m; ++k) {
        const Index g = k % m, target = k / m;
        // He_l of independent features is a product of polynomials of each.
        const auto mean = [&](Index i, Index j, int times_g) {
          long double sum = 0;
          for (Index r = 0; r < n; ++r) {
            long double product = y[r * q + target];
            for (Index a = 0; a < d; ++a) {
              const int power = (a == i) + (a == j) + (a == g ? times_g : 0);
              if (power > 0) product *= hermite(power, X[r * d + a], 1);
            }
            sum += product;
          }
          return sum / n;
        };
        // Terms of up to He_6(2) = 61 times 4 and 2; n of them in sums of whole numbers; the mean rounds, and so do few
        // products after it. In single precision sums may pass 2^24.
        const long double tolerance = 2000 * epsilon<T>;
        CHECK_NEAR(scalar[k], mean(-1, -1, order), tolerance);
        for (Index i = 0; i < d; i += 1 + d / 6) {
          CHECK_NEAR(vector[k * d + i], mean(i, -1, order - 1), tolerance);
          for (Index j = 0; j < d; j += 1 + d / 6) {
            CHECK_NEAR(matrix[(k * d + i) * d + j], mean(i, j, order - 2), tolerance);
          }
        }
      }
      // Batches: means and mean squares, each times its rows; few in turn, and many together.
      std::vector<Index> many{0, 1, n / 2};
      for (Index b = 1; b <= 20; ++b) many.push_back(n / 2 + b * (n - n / 2) / 20);
      const std::vector<double> zeros(q * m * d * d);
      std::vector<double> bits;
      for (const std::vector<Index>& cuts : {many, {0, 1, 400, n}}) {
        for (const int threads : {1, 2, 3}) {
          std::vector<double> sums(2 * q * m * d * d, -1.0);
          moments::add_batches(Execution(threads, nullptr), data, order, cuts, {zeros.data(), zeros.data()},
                               {sums.data(), sums.data() + sums.size() / 2});
          if (threads == 1) bits = sums;
          CHECK(same_bits(sums, bits));
          std::vector<double> twice = sums;
          moments::add_batches(Execution(threads, nullptr), data, order, cuts,
                               {sums.data(), sums.data() + sums.size() / 2},
                               {twice.data(), twice.data() + twice.size() / 2});
          for (std::size_t e = 0; e < sums.size(); ++e) CHECK(twice[e] == sums[e] + sums[e]);
        }
        for (Index e = 0; e < q * m * d * d; ++e) CHECK_NEAR(bits[e] / n, matrix[e], 2 * 2000 * epsilon<T>);
      }
    }
  }
}

// Products with a block of vectors are those of the matrices, also where they are so large that tasks take slices of
// features (more than 16 MiB / 64 of sums), of more rows than one chunk of factors holds.
template <class T>
void products(Index n, Index d, Index q, Index m, Index s, int order) {
  const Case sizes("products n %td d %td q %td m %td s %td order %d", n, d, q, m, s, order);
  Random random(36);
  const std::vector<T> X = random.wholes<T>(n * d, 1), y = random.wholes<T>(n * q, 1), B = random.wholes<T>(d * s, 1);
  std::vector<T> G(m * d), matrix(q * m * d * d), bits;
  for (Index g = 0; g < m; ++g) G[g * d + g] = 1;
  const moments::ContractionData<T> data{X.data(), n, d, y.data(), q, G.data(), m};
  moments::contract(serial(), data, order, matrix.data());
  for (const int threads : {1, 3}) {
    std::vector<T> out(q * m * d * s);
    moments::contract_apply(Execution(threads, nullptr), data, order, B.data(), s, out.data());
    if (threads == 1) bits = out;
    CHECK(same_bits(out, bits));
  }
  for (Index k = 0; k < q * m; ++k) {
    for (Index i = 0; i < d; ++i) {
      for (Index c = 0; c < s; ++c) {
        long double sum = 0;
        for (Index j = 0; j < d; ++j) sum += static_cast<long double>(matrix[(k * d + i) * d + j]) * B[j * s + c];
        // Sums over rows are of whole numbers; means of at most h_2 + 2 h_1 + 2 <= 8 and d of them are rounded.
        CHECK_NEAR(bits[(k * d + i) * s + c], sum, 100 * d * epsilon<T>);
      }
    }
  }
}

template <class T>
void tensors() {
  Random random(35);
  for (const Index d : {1, 2, 4, 9}) {
    for (const int order : {0, 1, 2, 3, 4}) {
      const Case sizes("tensor d %td order %d", d, order);
      const Index n = 300, q = 2;
      const std::vector<T> X = random.wholes<T>(n * d, 2), y = random.wholes<T>(n * q, 2);
      Index size = 1;
      for (int l = 0; l < order; ++l) size *= d;
      std::vector<T> out(q * size, T(55));
      moments::moment_tensor(serial(), X.data(), n, d, y.data(), q, order, out.data());
      for (Index e = 0; e < q * size; ++e) {
        std::vector<int> powers(d);
        Index rest = e % size;
        for (int l = 0; l < order; ++l, rest /= d) ++powers[rest % d];
        long double sum = 0;
        for (Index r = 0; r < n; ++r) {
          long double product = y[r * q + e / size];
          for (Index a = 0; a < d; ++a) product *= hermite(powers[a], X[r * d + a], 1);
          sum += product;
        }
        CHECK_NEAR(out[e], sum / n, 100 * epsilon<T>);  // sums of whole numbers, one rounded division
      }
    }
  }
}

}  // namespace

void test_moments() {
  exact_hermite<double>(14);
  exact_hermite<float>(6);
  normalized_hermite<float>();
  normalized_hermite<double>();
  plans();
  plans_for_64_threads();
  grams<float>();
  grams<double>();
  contractions<float>();
  contractions<double>();
  tensors<float>();
  tensors<double>();
  for (const int order : {2, 4}) {
    products<double>(70, 5, 2, 3, 3, order);
    products<float>(70, 9, 1, 2, 9, order);
    products<double>(500, 260, 1, 3, 45, order);
    products<double>(9000, 130, 1, 2, 130, order);
  }
}

}  // namespace limbeck::tests
