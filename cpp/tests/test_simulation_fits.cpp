// Fits to random rows against double precision, and the factor that they are made with.
#include <algorithm>
#include <cmath>

#include "check.hpp"
#include "kernels/dense/cholesky.hpp"
#include "kernels/simulation/block_cholesky.hpp"
#include "kernels/simulation/random_design_fit.hpp"
#include "memory.hpp"

namespace limbeck::tests {

namespace {

using simulation::NormalRng;

// The fit that RandomDesignFit makes of the same random numbers: Cholesky in double precision, refined twice.
std::vector<double> solved_in_doubles(Index n, const std::vector<double>& deviations, double ridge,
                                      const std::vector<double>& truth, double noise, NormalRng* random) {
  simulation::BartlettDesign X(n, deviations);
  const Index m = X.padded(), p = X.features();
  std::vector<double> y(m), b(p), image(p), product(m);
  std::vector<float> z(X.count());
  X.draw_scaled(random, truth.data(), y.data());
  random->fill(z.data(), X.count());
  for (Index i = 0; i < X.count(); ++i) y[i] += noise * z[i];
  dense::TiledMatrix<double> gram(m, m), step(m, 1);
  X.add_gram(serial(), &gram);
  const double penalty = static_cast<double>(n) * ridge;
  for (Index i = 0; i < m; ++i) *gram.at(i, i) += i < X.count() ? penalty : 1;
  CHECK(dense::cholesky(serial(), &gram));
  std::vector<double> dual(m);
  for (int pass = 0; pass < 3; ++pass) {
    X.gram_times(dual.data(), image.data(), product.data());
    for (Index i = 0; i < m; ++i) *step.at(i, 0) = y[i] - product[i] - penalty * dual[i];
    dense::solve_lower(serial(), gram, &step);
    dense::solve_lower_transposed(serial(), gram, &step);
    for (Index i = 0; i < m; ++i) dual[i] += *step.at(i, 0);
  }
  X.transposed_times(dual.data(), b.data());
  return b;
}

// Cholesky factors and solves of sizes on both sides of the one from which the parallel routine takes over.
void block_cholesky() {
  constexpr Index w = simulation::BartlettDesign::width;
  for (const Index size : {w, 2 * w, 5 * w, Index{208}, Index{256}, Index{256} + w}) {
    const Case sizes("cholesky of %td", size);
    // Rows of sizes 1 ... 1e-3 of a product with twice as many numbers: graded, as designs are.
    const Index length = 2 * size;
    std::vector<float> rows(size * length);
    NormalRng(15, size).fill(rows.data(), size * length);
    dense::TiledMatrix<float> A(size, size), L(size, size);
    const auto row_size = [&](Index i) {
      return std::pow(10.0, -3.0 * static_cast<double>(i) / static_cast<double>(size));
    };
    for (Index k = 0; k < size; ++k) {
      for (Index i = k; i < size; ++i) {
        double sum = 0;
        for (Index l = 0; l < length; ++l) sum += static_cast<double>(rows[i * length + l]) * rows[k * length + l];
        *A.at(i, k) = *L.at(i, k) = static_cast<float>(sum * row_size(i) * row_size(k));
      }
    }
    simulation::BlockCholesky cholesky(size);
    CHECK(cholesky.factor(serial(), &L));
    // |A - L L'| is within size + 1 roundings of |L| |L'| (Higham, Accuracy and Stability of Numerical Algorithms, 2nd
    // ed., 2002, theorem 10.3), whose numbers are at most the roots of the diagonal's.
    for (Index k = 0; k < size; ++k) {
      for (Index i = k; i < size; ++i) {
        double sum = 0;
        for (Index l = 0; l <= k; ++l) sum += static_cast<double>(*L.at(i, l)) * *L.at(k, l);
        CHECK_NEAR(*A.at(i, k), sum,
                   (size + 1) * epsilon<float> * std::sqrt(*A.at(i, i) * static_cast<double>(*A.at(k, k))));
      }
    }
    // A x = y for graded y: the residual, in units of the rows, is that of a well conditioned matrix, whose numbers are
    // at most `length` times a constant and whose condition for twice as many numbers is (1 + 0.71)^2 / (1 - 0.71)^2
    // = 34.
    std::vector<float> x(size);
    for (Index i = 0; i < size; ++i) x[i] = static_cast<float>(rows[i] * row_size(i));
    const std::vector<float> y = x;
    cholesky.solve(L, x.data());
    for (Index i = 0; i < size; ++i) {
      double sum = 0;
      for (Index k = 0; k < size; ++k) sum += static_cast<double>(*A.at(std::max(i, k), std::min(i, k))) * x[k];
      CHECK_NEAR(y[i], sum, 34 * size * epsilon<float> * row_size(i));
    }
    *A.at(size - 1, size - 1) = -1;
    CHECK(!cholesky.factor(serial(), &A));
  }
}

// Where conjugate gradients stop: b is within 1e-9 of the solution in doubles of the equations in double precision,
// refined, in the norm that they minimise, where 1e-10 is meant; the spread of trials is some 1e-2.
void accuracy_of_fits() {
  for (const auto& [n, p] : {std::pair<Index, Index>{20, 50}, {200, 230}, {120, 260}, {260, 300}, {40, 20}}) {
    for (const double steepness : {0.0, 1.0, 2.0, 6.0}) {
      for (const double ridge : {0.0, 1e-3}) {
        if (n >= p && ridge == 0) continue;  // solved as a triangle
        const Case sizes("fit %td x %td, i^-%g, ridge %g", n, p, steepness, ridge);
        std::vector<double> deviation(p), truth(p), b(p);
        for (Index j = 0; j < p; ++j) {
          deviation[j] = std::pow(j + 1.0, -steepness / 2);
          truth[j] = std::pow(j + 1.0, steepness / 2 - 0.75);
        }
        simulation::RandomDesignFit fit(n, deviation, ridge);
        NormalRng random(16, n), again(16, n);
        CHECK(fit.fit(serial(), &random, truth, 0.1, &b));
        const std::vector<double> sure = solved_in_doubles(n, deviation, ridge, truth, 0.1, &again);
        double off = 0, square = 0;
        for (Index j = 0; j < p; ++j) off += (b[j] - sure[j]) * (b[j] - sure[j]), square += sure[j] * sure[j];
        CHECK(std::sqrt(off) <= 1e-9 * std::sqrt(square));
      }
    }
  }
}

// What a fit holds at most is what the plan of trials counts on: no more, and not much less. The ridge makes no
// positive definite matrix, so that single precision fails and then double precision, which takes the most memory.
void memory_of_fits() {
  constexpr double small = 65536;  // vectors of rows and such
  for (const auto& [n, p] :
       {std::pair<Index, Index>{1, 9000}, {40, 3000}, {100, 20000}, {200, 9000}, {500, 40}, {260, 1300}, {400, 420}}) {
    const Case sizes("memory of a fit %td x %td", n, p);
    std::vector<double> b(p);
    const std::vector<double> ones(p, 1.0);
    forget_peak();
    simulation::RandomDesignFit fit(n, ones, -1e6);
    NormalRng random(17, n);
    CHECK(!fit.fit(serial(), &random, ones, 0.1, &b));
    const auto held = static_cast<double>(peak_bytes());
    const double counted = simulation::RandomDesignFit::bytes(n, p);
    CHECK(held <= counted + small);
    CHECK(counted <= 1.5 * held + small);
  }
}

}  // namespace

void test_simulation_fits() {
  block_cholesky();
  memory_of_fits();
  accuracy_of_fits();
}

}  // namespace limbeck::tests
