// Arithmetic beyond double precision against 113 bits. Bounds of single operations in units of 2^-106: Joldes, Muller
// and Popescu, Tight and rigorous error bounds for basic building blocks of double-word arithmetic, ACM Trans. Math.
// Softw. 44, 2017.
#include <algorithm>

#include "check.hpp"
#include "kernels/core/simd.hpp"
#include "kernels/precision/dot2.hpp"
#include "kernels/precision/double_double.hpp"

namespace limbeck::tests {

namespace {

using precision::DoubleDouble;

constexpr double unit = 0x1p-106;

Quad whole(DoubleDouble a) { return static_cast<Quad>(a.high) + static_cast<Quad>(a.low); }
Quad size_of(Quad a) { return a < 0 ? -a : a; }

// Relative error of a result, in units of 2^-106.
void check_relative(DoubleDouble got, Quad wanted, double units) {
  CHECK_NEAR(whole(got), wanted, static_cast<Quad>(units * unit) * size_of(wanted));
  CHECK_EQUAL(got.high + got.low, got.high);  // the first part is the rounded whole
}

// Of any size within some powers of two, with a second part of any smaller size, or none.
DoubleDouble some_number(Random* random) {
  const double high = std::ldexp(random->fraction(), static_cast<int>(random->whole(30)));
  return DoubleDouble::quick_sum(high, random->whole(3) == 0 ? 0 : high * random->fraction() * 0x1p-53);
}

void operations() {
  Random random(21);
  for (int trial = 0; trial < 20000; ++trial) {
    const DoubleDouble a = some_number(&random);
    DoubleDouble b = some_number(&random);
    // Sums that almost cancel are the hard ones.
    if (trial % 4 == 0) b = DoubleDouble::quick_sum(-a.high, random.fraction() * 0x1p-50 * a.high);
    const Case values("a %a + %a, b %a + %a", a.high, a.low, b.high, b.low);
    const Quad A = whole(a), B = whole(b);
    CHECK_EQUAL(whole(DoubleDouble::sum(a.high, b.high)), static_cast<Quad>(a.high) + b.high);
    CHECK_EQUAL(whole(DoubleDouble::product(a.high, b.high)), static_cast<Quad>(a.high) * b.high);
    // By parts, since a whole number may have more than 113 bits, which matters where others cancel them.
    check_relative(a + b, (static_cast<Quad>(a.high) + b.high) + (static_cast<Quad>(a.low) + b.low), 3.1);
    check_relative(a - b, (static_cast<Quad>(a.high) - b.high) + (static_cast<Quad>(a.low) - b.low), 3.1);
    check_relative(a * b, A * B, 7.1);
    check_relative(a / b, A / B, 10);
    const DoubleDouble magnitude = a.high < 0 ? -a : a, root = sqrt(magnitude);
    // The square of a root has twice its relative error: 2 * (one Newton step's 8 units).
    CHECK_NEAR(whole(root) * whole(root), whole(magnitude), static_cast<Quad>(16 * unit) * whole(magnitude));
  }
  CHECK_EQUAL(sqrt(DoubleDouble(-1.0)).high, 0.0);
  CHECK_EQUAL(sqrt(DoubleDouble(0.0)).high, 0.0);
}

// Taylor series, whose terms are at most e^pi = 23: 113 bits leave errors below 1e-32.
Quad series(Quad angle, int first) {
  Quad term = first == 0 ? 1 : angle, sum = term;
  for (int n = first + 1; n < 60; n += 2) {
    term *= -angle * angle / (static_cast<Quad>(n) * (n + 1));
    sum += term;
  }
  return sum;
}

void angles() {
  // Some 40 operations of some units each, each doubled up to four times.
  constexpr double tolerance = 1e-29;
  for (int k = 0; k <= 1000; ++k) {
    const double angle =
        k == 1000 ? 3.141592653589793 : k * 0.00314159265 + (k > 0 && k < 5 ? std::ldexp(1.0, -10 * k) : 0);
    const Case values("angle %a", angle);
    DoubleDouble sine, cosine;
    precision::sine_cosine(angle, &sine, &cosine);
    CHECK_NEAR(whole(sine), series(angle, 1), tolerance);
    CHECK_NEAR(whole(cosine), series(angle, 0), tolerance);
    for (const double radius : {1.0, 1e-3, 1e5}) {
      CHECK_NEAR(whole(precision::angle_of(sine * radius, cosine * radius)), static_cast<Quad>(angle), tolerance);
    }
  }
  CHECK_EQUAL(precision::angle_of(0.0, 0.0).high, 0.0);
}

// Of Dot2: half an epsilon of the result, and n^2 units of the sum of the products' sizes (Ogita, Rump and Oishi,
// proposition 5.5), a few more for lanes that are added up.
struct ExactSum {
  Quad sum = 0, sizes = 0;
  Index count = 0;
  void add(Quad a, Quad b) {
    sum += a * b;
    sizes += size_of(a * b);
    ++count;
  }
  Quad tolerance() const {
    const Quad terms = static_cast<Quad>(count + 20);
    return size_of(sum) * static_cast<Quad>(epsilon<double> / 2) * 1.0001 + terms * terms * unit * sizes;
  }
};

// X B nearly cancels Y: what is left is smaller than a rounding error of the products. Or else, balanced, rows come
// twice with residuals that nearly cancel each other: what is left of the gradient is.
template <class T>
struct Cancelling {
  Index n, p, q;
  std::vector<T> X;
  std::vector<double> B, B_low, Y, C;

  Cancelling(Random* random, Index n_, Index p_, Index q_, bool balanced = false)
      : n(n_),
        p(p_),
        q(q_),
        X(random->fractions<T>(n * p)),
        B(random->fractions<double>(q * p)),
        B_low(random->fractions<double>(q * p)),
        Y(q * n),
        C(random->fractions<double>(q * n)) {
    for (double& low : B_low) low *= 0x1p-54;
    if (balanced) std::copy_n(X.begin(), n / 2 * p, X.begin() + n / 2 * p);
    for (Index t = 0; t < q; ++t) {
      for (Index i = 0; i < n; ++i) {
        Quad sum = 0;
        for (Index j = 0; j < p; ++j) sum += static_cast<Quad>(X[i * p + j]) * B[t * p + j];
        Y[t * n + i] = static_cast<double>(sum);
        if (balanced)
          Y[t * n + i] = i < n / 2 ? random->fraction() : static_cast<double>(2 * sum - Y[t * n + i - n / 2]);
      }
    }
  }
  ExactSum residual(Index t, Index i, bool low) const {
    ExactSum exact;
    exact.add(Y[t * n + i], 1);
    for (Index j = 0; j < p; ++j) {
      const Quad x = X[i * p + j];
      exact.add(-x, B[t * p + j]);
      if (low) exact.add(-x, B_low[t * p + j]);
    }
    return exact;
  }
};

template <class T>
void check_residual(const Cancelling<T>& P, int threads) {
  const Case sizes("dot2 n %td p %td q %td threads %d", P.n, P.p, P.q, threads);
  const Execution exec(threads, nullptr);
  for (const bool low : {false, true}) {
    std::vector<double> R(P.q * P.n), gradient(P.q * P.p), squares(P.q);
    const double* B_low = low ? P.B_low.data() : nullptr;
    precision::dot2_residual(exec, P.X.data(), P.n, P.p, P.q, P.B.data(), B_low, P.Y.data(), R.data());
    precision::dot2_gradient(exec, P.X.data(), P.n, P.p, P.q, P.B.data(), B_low, P.Y.data(), gradient.data(),
                             squares.data());
    for (Index t = 0; t < P.q; ++t) {
      std::vector<Quad> exact(P.n);
      Quad sum = 0, slack = 0;
      for (Index i = 0; i < P.n; ++i) {
        const ExactSum wanted = P.residual(t, i, low);
        CHECK_NEAR(R[t * P.n + i], wanted.sum, wanted.tolerance());
        exact[i] = wanted.sum;
        sum += wanted.sum * wanted.sum;
        slack += wanted.tolerance() * (2 * size_of(wanted.sum) + wanted.tolerance());
      }
      CHECK_NEAR(squares[t], sum, slack + sum * static_cast<Quad>((P.n + 2) * epsilon<double>));
      for (Index j = 0; j < P.p; ++j) {
        ExactSum wanted;
        Quad of_residuals = 0;
        for (Index i = 0; i < P.n; ++i) {
          wanted.add(P.X[i * P.p + j], exact[i]);
          const ExactSum residual = P.residual(t, i, low);
          of_residuals +=
              residual.tolerance() - size_of(residual.sum) * static_cast<Quad>(epsilon<double> / 2) * 1.0001;
        }
        // Residuals enter unrounded, with errors of their own.
        CHECK_NEAR(gradient[t * P.p + j], wanted.sum, wanted.tolerance() + of_residuals);
        if (j > 3 && j < P.p - 3) j = P.p - 4;  // both ends
      }
    }
  }
}

template <class T>
void dot2() {
  constexpr Index w = core::Simd<double>::width;
  Random random(22);
  for (const Index p : {Index{1}, Index{2}, w - 1, w, w + 1, 2 * w - 1, 2 * w, 3 * w, 4 * w + 3}) {
    for (const Index n : {1, 2, 5}) {
      for (const Index q : {1, 3}) check_residual(Cancelling<T>(&random, n, p, q), 1);
    }
  }
  for (const Index p : {Index{1}, w + 1, 3 * w}) check_residual(Cancelling<T>(&random, 4, p, 2, true), 1);
  check_residual(Cancelling<T>(&random, 1700, 101, 1), 3);  // several tasks and lanes
  check_residual(Cancelling<T>(&random, 3, 9000, 2), 2);
}

template <class T>
void combinations() {
  constexpr Index w = core::Simd<double>::width;
  Random random(23);
  // Blocks of 32 registers of columns; lanes of rows.
  for (const auto& [n, p] : {std::pair<Index, Index>{1, 1},
                             {5, w + 1},
                             {7, 32 * w},
                             {7, 32 * w + 1},
                             {3, 70 * w + 3},
                             {3000, 97},
                             {1, 100000}}) {
    const Case sizes("combination %td x %td", n, p);
    const Index q = 2;
    const std::vector<T> X = random.fractions<T>(n * p);
    std::vector<double> C = random.fractions<double>(q * n), bits;
    for (const int threads : {1, 2, 3}) {
      std::vector<double> out(q * p);
      precision::dot2_combination(Execution(threads, nullptr), X.data(), n, p, q, C.data(), out.data());
      if (threads == 1) bits = out;
      CHECK(same_bits(out, bits));
    }
    for (Index t = 0; t < q; ++t) {
      for (Index j = 0; j < p; j += n > 100 ? 10 : 1) {
        ExactSum wanted;
        for (Index i = 0; i < n; ++i) wanted.add(X[i * p + j], C[t * n + i]);
        CHECK_NEAR(bits[t * p + j], wanted.sum, wanted.tolerance());
      }
    }
  }
}

void unevaluated_sums() {
  Random random(24);
  std::vector<double> high(100), low(100);
  std::vector<Quad> exact(100);
  for (int step = 0; step < 10; ++step) {
    std::vector<double> change = random.fractions<double>(100);
    for (double& value : change) value = std::ldexp(value, -5 * step);
    precision::add_unevaluated(serial(), change, &high, &low);
    for (Index i = 0; i < 100; ++i) {
      exact[i] += change[i];
      // One rounding of the second part a step, which is at most half an epsilon of a sum of at most 2.
      CHECK_NEAR(static_cast<Quad>(high[i]) + low[i], exact[i], (step + 1) * 2 * unit);
      CHECK_EQUAL(high[i] + low[i], high[i]);
    }
  }
}

}  // namespace

void test_precision() {
  operations();
  angles();
  dot2<float>();
  dot2<double>();
  combinations<float>();
  combinations<double>();
  unevaluated_sums();
}

}  // namespace limbeck::tests
