#include <cmath>
#include <limits>

#include "kernels/dense/cholesky.hpp"
#include "kernels/dense/triangular_sweeps.hpp"
#include "matrices.hpp"

namespace limbeck::tests {

namespace {

using dense::TiledMatrix;

// Lower triangular, whole numbers, few of them not zero, and powers of two on the diagonal: all steps of a
// factorisation of L L' and of solves with L are exact.
template <class T>
TiledMatrix<T> whole_triangle(Random* random, Index m) {
  TiledMatrix<T> L(m, m);
  for (Index j = 0; j < m; ++j) {
    *L.at(j, j) = T(1 << (j % 3));
    for (Index i = j + 1; i < m; ++i) *L.at(i, j) = random->whole(7) == 0 ? static_cast<T>(random->whole(1)) : T(0);
    if (j + 1 < m) *L.at(m - 1, j) = T(1);
  }
  return L;
}

// The lower triangle of L L'.
template <class T>
TiledMatrix<T> squared(const TiledMatrix<T>& L) {
  const Index m = L.rows();
  TiledMatrix<T> A(m, m);
  for (Index l = 0; l < m; ++l) {
    for (Index j = l; j < m; ++j) {
      const T factor = *L.at(j, l);
      if (factor == 0) continue;
      for (Index i = j; i < m; ++i) *A.at(i, j) += factor * *L.at(i, l);
    }
  }
  return A;
}

// Around registers, parts of 64 columns, tiles of 96 and panels of 192.
constexpr Index orders[] = {0,   1,   2,   3,   7,   8,   9,   31,  63,  64,  65,  66, 127,
                            129, 191, 192, 193, 255, 257, 287, 289, 384, 385, 450, 600};

template <class T>
void exact_cholesky() {
  Random random(11);
  for (const Index m : orders) {
    const Case sizes("cholesky %td", m);
    const TiledMatrix<T> L = whole_triangle<T>(&random, m), A = squared(L);
    for (const int threads : {1, 3}) {
      TiledMatrix<T> factor = copy_of(A);
      CHECK(dense::cholesky(Execution(threads, nullptr), &factor));
      for (Index j = 0; j < m; ++j) {
        for (Index i = j; i < m; ++i) CHECK_EQUAL(*factor.at(i, j), *L.at(i, j));
      }
    }
    // A pivot that is zero, negative or no number, wherever it is met.
    for (const Index at : {Index{0}, Index{1}, Index{62}, Index{63}, Index{64}, Index{191}, Index{192}, m - 1}) {
      if (at < 0 || at >= m) continue;
      const Case place("pivot %td", at);
      const T pivot = *L.at(at, at) * *L.at(at, at), NaN = std::numeric_limits<T>::quiet_NaN();
      for (const T wrong :
           {*A.at(at, at) - pivot, *A.at(at, at) - pivot - 1, NaN, std::numeric_limits<T>::infinity()}) {
        TiledMatrix<T> indefinite = copy_of(A);
        *indefinite.at(at, at) = wrong;
        CHECK(!dense::cholesky(serial(), &indefinite));
      }
      if (at + 1 < m) {
        TiledMatrix<T> indefinite = copy_of(A);
        *indefinite.at(m - 1, at) = NaN;
        CHECK(!dense::cholesky(serial(), &indefinite));
      }
    }
  }
}

template <class T>
void exact_solves() {
  Random random(12);
  for (const Index m : orders) {
    const TiledMatrix<T> L = whole_triangle<T>(&random, m);
    // One column goes by itself, others by registers full of columns.
    for (const Index columns : {0, 1, 2, 4, 5, 8, 9, 16, 17, 33, 200}) {
      if (columns == 200 && m != 193 && m != 450) continue;
      if (m == 600 && columns > 2) continue;
      for (const bool transposed : {false, true}) {
        const Case sizes("triangular solve %td columns %td transposed %d", m, columns, transposed);
        const TiledMatrix<T> X = whole_matrix<T>(&random, m, columns);
        TiledMatrix<T> B(m, columns);
        for (Index c = 0; c < columns; ++c) {
          for (Index j = 0; j < m; ++j) {
            for (Index i = j; i < m; ++i) {
              if (transposed) *B.at(j, c) += *L.at(i, j) * *X.at(i, c);
              if (!transposed) *B.at(i, c) += *L.at(i, j) * *X.at(j, c);
            }
          }
        }
        const Execution exec(columns > 5 ? 3 : 1, nullptr);
        if (transposed) {
          dense::solve_lower_transposed(exec, L, &B);
        } else {
          dense::solve_lower(exec, L, &B);
        }
        for (Index c = 0; c < columns; ++c) {
          for (Index i = 0; i < m; ++i) CHECK_EQUAL(*B.at(i, c), *X.at(i, c));
        }
      }
    }
  }
}

// Panels of 192 columns: their matrices have more than 1536 rows.
template <class T>
void exact_large_cholesky() {
  Random random(14);
  const Index m = 1600;
  const TiledMatrix<T> L = whole_triangle<T>(&random, m), A = squared(L);
  for (const int threads : {1, 3}) {
    TiledMatrix<T> factor = copy_of(A);
    CHECK(dense::cholesky(Execution(threads, nullptr), &factor));
    for (Index j = 0; j < m; ++j) {
      for (Index i = j; i < m; ++i) CHECK_EQUAL(*factor.at(i, j), *L.at(i, j));
    }
  }
  for (const Index at : {Index{0}, Index{192}, m - 1}) {
    TiledMatrix<T> indefinite = copy_of(A);
    *indefinite.at(at, at) -= *L.at(at, at) * *L.at(at, at);
    CHECK(!dense::cholesky(Execution(3, nullptr), &indefinite));
  }
}

// Solves with L L' where L has a condition of some units: as the inverses of blocks are numbers of about that size, an
// error of some roundings for each of m products is all there may be. Columns do not see each other.
template <class T>
void rounded_sweeps() {
  Random random(15);
  for (const Index m :
       {1, 3, 7, 8, 15, 16, 17, 63, 64, 65, 100, 127, 128, 129, 191, 192, 193, 255, 256, 257, 300, 520, 900}) {
    const Case sizes("sweeps %td", m);
    TiledMatrix<T> L(m, m);
    for (Index j = 0; j < m; ++j) {
      for (Index i = 0; i < m; ++i) {
        *L.at(i, j) = i < j ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(random.fraction() / std::sqrt(m));
      }
      *L.at(j, j) = static_cast<T>(1.5 + random.fraction() / 2);
    }
    const TiledMatrix<T> X = whole_matrix<T>(&random, m, 2);
    TiledMatrix<T> B(m, 2);
    for (Index t = 0; t < 2; ++t) {
      std::vector<long double> middle(m, 0), right(m, 0);
      for (Index j = 0; j < m; ++j) {
        for (Index i = j; i < m; ++i) middle[j] += static_cast<long double>(*L.at(i, j)) * *X.at(i, t);
      }
      for (Index j = 0; j < m; ++j) {
        for (Index i = j; i < m; ++i) right[i] += *L.at(i, j) * middle[j];
      }
      for (Index i = 0; i < m; ++i) *B.at(i, t) = static_cast<T>(right[i]);
    }
    std::vector<T> bits;
    for (const int threads : {1, 2, 3}) {
      const Execution exec(threads, nullptr);
      const dense::TriangularSweeps<T> sweeps(exec, L);
      TiledMatrix<T> both = copy_of(B), second(m, 1);
      std::copy_n(B.at(0, 1), m, second.at(0, 0));
      sweeps.solve(exec, &both);
      sweeps.solve(exec, &second);
      if (threads == 1) bits = numbers_of(both);
      CHECK(same_bits(numbers_of(both), bits));
      CHECK(same_bits(numbers_of(second), std::vector<T>(bits.begin() + m, bits.end())));
      for (Index i = 0; i < m; ++i) CHECK_EQUAL(sweeps.diagonal()[i], *L.at(i, i));
    }
    for (Index i = 0; i < 2 * m; ++i) {
      CHECK_NEAR(bits[i], *X.at(i % m, i / m), 100 * 9 * std::sqrt(static_cast<double>(m)) * epsilon<T>);
    }
  }
}

// Fractions: the factor's backward error is at most (m + 3) epsilon |L| |L'|, number by number (Higham, Accuracy and
// Stability of Numerical Algorithms, theorem 10.3; pivots are divided by way of their reciprocals).
template <class T>
void rounded_cholesky() {
  Random random(13);
  for (const Index m : {5, 66, 200, 300, 500}) {
    const Case sizes("rounded cholesky %td", m);
    TiledMatrix<T> A(m, m);
    for (Index j = 0; j < m; ++j) {
      for (Index i = j; i < m; ++i) *A.at(i, j) = static_cast<T>(random.fraction());
      *A.at(j, j) = static_cast<T>(m) / 2;
    }
    std::vector<T> factor_bits, solution_bits;
    for (const int threads : {1, 2, 3}) {
      const Execution exec(threads, nullptr);
      TiledMatrix<T> L = copy_of(A), B = copy_of(A);
      CHECK(dense::cholesky(exec, &L));
      dense::solve_lower(exec, L, &B);
      dense::solve_lower_transposed(exec, L, &B);
      if (threads == 1) factor_bits = numbers_of(L, true), solution_bits = numbers_of(B);
      CHECK(same_bits(numbers_of(L, true), factor_bits));
      CHECK(same_bits(numbers_of(B), solution_bits));
    }
    for (Index j = 0; j < m; ++j) {
      for (Index i = j; i < m; ++i) {
        long double sum = 0, size = 0;
        for (Index l = 0; l <= j; ++l) {
          const long double product = static_cast<long double>(factor_bits[l * m + i]) * factor_bits[l * m + j];
          sum += product;
          size += std::abs(product);
        }
        CHECK_NEAR(sum, *A.at(i, j), (m + 3) * epsilon<T> * size);
      }
    }
  }
}

}  // namespace

void test_dense_cholesky() {
  exact_cholesky<float>();
  exact_cholesky<double>();
  exact_solves<float>();
  exact_solves<double>();
  exact_large_cholesky<float>();
  exact_large_cholesky<double>();
  rounded_sweeps<float>();
  rounded_sweeps<double>();
  rounded_cholesky<float>();
  rounded_cholesky<double>();
}

}  // namespace limbeck::tests
