#include <algorithm>
#include <limits>

#include "kernels/dense/complete_orthogonal.hpp"
#include "kernels/dense/randomized_qrcp.hpp"
#include "kernels/dense/symmetric_eigen.hpp"
#include "matrices.hpp"

namespace limbeck::tests {

namespace {

using dense::TiledMatrix;

// ---- Pivoted QR ----

using Matrix = std::vector<double>;  // (n, p), C order

TiledMatrix<double> with_room(const Matrix& A, Index n, Index p, bool pivoting) {
  TiledMatrix<double> result(n, p + (pivoting ? dense::RandomizedQrcp::spare_columns(p) : 0));
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < p; ++j) *result.at(i, j) = A[i * p + j];
  }
  return result;
}

double frobenius(const Matrix& A) {
  long double sum = 0;
  for (const double a : A) sum += static_cast<long double>(a) * a;
  return static_cast<double>(std::sqrt(sum));
}

// U V' for factors of whole numbers: exactly of rank r (that of random factors).
Matrix of_rank(Random* random, Index n, Index p, Index r) {
  const Matrix U = random->wholes<double>(n * r, 3), V = random->wholes<double>(p * r, 3);
  Matrix A(n * p);
  for (Index i = 0; i < n; ++i) {
    for (Index l = 0; l < r; ++l) {
      for (Index j = 0; j < p; ++j) A[i * p + j] += U[i * r + l] * V[j * r + l];
    }
  }
  return A;
}

std::vector<double> bits_of(const dense::RandomizedQrcp& qr) {
  std::vector<double> bits;
  for (Index i = 0; i < qr.factored(); ++i) {
    for (Index j = i; j < qr.columns(); ++j) bits.push_back(qr.R(i, j));
  }
  bits.insert(bits.end(), qr.order().begin(), qr.order().end());
  return bits;
}

// Householder QR: A P - Q R and Q' Q - 1 are at most some 10 p sqrt(n) epsilon of A and of 1 in the worst case known to
// theory (Higham, theorem 19.4, with constants for blocks); rounding errors that are not in league give far less, so
// 10 (n + p) epsilon leaves room yet shows one wrong number.
void check_qr(const Matrix& A, Index n, Index p, bool pivoting, Index rank) {
  const Case sizes("qr %td x %td pivoting %d rank %td", n, p, pivoting, rank);
  const double negligible = pivoting ? 1e-12 : 0;
  const dense::RandomizedQrcp qr(serial(), with_room(A, n, p, pivoting), p, negligible);
  CHECK_EQUAL(qr.rank(), rank);
  CHECK(qr.factored() >= rank && qr.factored() <= p);
  std::vector<Index> order = qr.order();
  if (!pivoting) CHECK(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (Index j = 0; j < p; ++j) CHECK_EQUAL(order[j], j);
  TiledMatrix<double> QR(n, p), Q(n, n);
  for (Index j = 0; j < p; ++j) {
    for (Index i = 0; i <= std::min(j, qr.factored() - 1); ++i) *QR.at(i, j) = qr.R(i, j);
  }
  qr.apply(&QR);
  const double tolerance = 10 * static_cast<double>(n + p) * epsilon<double>;
  const double size = frobenius(A), negligible_rest = qr.factored() < p ? negligible : 0;
  for (Index j = 0; j < p; ++j) {
    for (Index i = 0; i < n; ++i) {
      CHECK_NEAR(*QR.at(i, j), A[i * p + qr.order()[j]], (tolerance + negligible_rest) * size);
    }
  }
  for (Index j = 0; j < n; ++j) *Q.at(j, j) = 1;
  qr.apply(&Q);
  for (Index j = 0; j < n; ++j) {
    for (Index k = 0; k <= j; ++k) {
      long double sum = 0;
      for (Index i = 0; i < n; ++i) sum += static_cast<long double>(*Q.at(i, j)) * *Q.at(i, k);
      CHECK_NEAR(sum, j == k ? 1.0L : 0.0L, tolerance);
    }
  }
  // Q' Q column by column: few columns and many take different ways.
  for (const Index columns : {Index{1}, Index{4}, Index{5}}) {
    TiledMatrix<double> some(n, columns);
    for (Index c = 0; c < columns; ++c) std::copy_n(Q.at(0, c % n), n, some.at(0, c));
    qr.apply_transposed(&some);
    for (Index c = 0; c < columns; ++c) {
      for (Index i = 0; i < n; ++i) CHECK_NEAR(*some.at(i, c), i == c % n ? 1.0 : 0.0, tolerance);
    }
  }
  for (const int threads : {1, 2, 3}) {
    const dense::RandomizedQrcp again(Execution(threads, nullptr), with_room(A, n, p, pivoting), p, negligible);
    CHECK(same_bits(bits_of(again), bits_of(qr)));
  }
}

void pivoted_qr() {
  Random random(14);
  // Blocks of 32 columns (64 from 256 on), halved down to four.
  for (const Index p : {1, 2, 3, 4, 5, 9, 31, 32, 33, 37, 64, 65, 100}) {
    for (const Index more : {0, 1, 30}) {
      const Matrix A = random.fractions<double>((p + more) * p);
      check_qr(A, p + more, p, true, p);
      check_qr(A, p + more, p, false, p);
    }
  }
  check_qr(random.fractions<double>(280 * 270), 280, 270, true, 270);
  for (const Index p : {5, 40, 70, 130}) {
    for (const Index r : {Index{0}, Index{1}, Index{4}, p / 2, Index{32}, p - 1}) {
      if (r < p) check_qr(of_rank(&random, 2 * p, p, r), 2 * p, p, true, r);
    }
  }
  // Columns much larger than the others come first: the sketch misjudges sizes by a small factor only.
  {
    const Index n = 90, p = 80;
    Matrix A = random.fractions<double>(n * p);
    for (Index e = 0; e < n * p; ++e) A[e] *= e % 2 ? 1e3 : 1;
    const dense::RandomizedQrcp qr(serial(), with_room(A, n, p, true), p, 1e-12);
    for (Index j = 0; j < p; ++j) CHECK_EQUAL(qr.order()[j] % 2, j < p / 2 ? Index{1} : Index{0});
  }
  // Copies of large columns come last: of them nothing is left in the sketch after the first block, of 32 columns.
  {
    const Index n = 120, p = 96;
    Matrix A = random.fractions<double>(n * p);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < p; j += 3) A[i * p + j] *= 1e3, A[i * p + j + 1] = A[i * p + j];
    }
    const dense::RandomizedQrcp qr(serial(), with_room(A, n, p, true), p, 1e-12);
    CHECK_EQUAL(qr.rank(), Index{64});
    for (Index j = 0; j < p; ++j) CHECK_EQUAL(qr.order()[j] % 3 == 2, j >= 32 && j < 64);
  }
}

// ---- Complete orthogonal factorisation ----

long double dot(const double* a, const double* b, Index n, Index a_step = 1, Index b_step = 1) {
  long double sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<long double>(a[i * a_step]) * b[i * b_step];
  return sum;
}

// For X = U V', well conditioned but for the singular values that are zero. Results are checked by what defines them;
// condition numbers of random factors of these sizes stay below 1e4, hence tolerances of 1e-9 against errors that are
// of the size of the results where something is wrong.
void check_complete(Random* random, Index n, Index p, Index r) {
  const Case sizes("complete orthogonal %td x %td rank %td", n, p, r);
  const Matrix X = r == std::min(n, p) ? random->fractions<double>(n * p) : of_rank(random, n, p, r);
  const dense::CompleteOrthogonal factors(serial(), X.data(), n, p, 1e-12);
  CHECK_EQUAL(factors.rank(), r);
  CHECK_EQUAL(factors.has_full_rank(), r == std::min(n, p));
  CHECK_EQUAL(factors.lower() == nullptr, r == 0);
  const double size = frobenius(X), close = 1e-9;
  CHECK_NEAR(factors.frobenius_norm(), size, close * size);
  if (factors.rank() != r) return;

  const TiledMatrix<double> basis = factors.column_basis();
  CHECK_EQUAL(basis.rows(), n);
  CHECK_EQUAL(basis.columns(), r);
  for (Index a = 0; a < r; ++a) {
    for (Index b = 0; b <= a; ++b) CHECK_NEAR(dot(basis.at(0, a), basis.at(0, b), n), a == b ? 1.0L : 0.0L, 1e-13);
  }
  // X - basis basis' X = 0.
  for (Index j = 0; j < p; ++j) {
    Matrix rest(n);
    for (Index i = 0; i < n; ++i) rest[i] = X[i * p + j];
    for (Index a = 0; a < r; ++a) {
      const double along = static_cast<double>(dot(basis.at(0, a), X.data() + j, n, 1, p));
      for (Index i = 0; i < n; ++i) rest[i] -= along * *basis.at(i, a);
    }
    for (Index i = 0; i < n; ++i) CHECK_NEAR(rest[i], 0.0, 1e-12 * size);
  }

  // b solves X'(X b - y) = 0 and stands in the span of the rows: b = X' z, with z = the solution for targets b of X'.
  const Index q = 3;
  const std::vector<double> y = random->fractions<double>(q * n), b = factors.solve(y);
  Matrix turned(p * n);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < p; ++j) turned[j * n + i] = X[i * p + j];
  }
  const dense::CompleteOrthogonal of_turned(serial(), turned.data(), p, n, 1e-12);
  const std::vector<double> z = of_turned.solve(b);
  for (Index t = 0; t < q; ++t) {
    Matrix residual(n);
    for (Index i = 0; i < n; ++i) {
      residual[i] = static_cast<double>(dot(X.data() + i * p, b.data() + t * p, p) - y[t * n + i]);
    }
    double largest = 0;
    for (Index j = 0; j < p; ++j) largest = std::max(largest, std::abs(b[t * p + j]));
    for (Index j = 0; j < p; ++j) {
      CHECK_NEAR(dot(X.data() + j, residual.data(), n, p), 0.0L, close * size * size * (largest + 1));
      CHECK_NEAR(dot(X.data() + j, z.data() + t * n, n, p), b[t * p + j], close * (largest + 1));
    }
  }

  // With g = X' X X' c for c in the span of the columns, (X')^+ (X' X)^+ g is c.
  const std::vector<double> c =
      r == 0 ? std::vector<double>(n) : std::vector<double>(basis.at(0, 0), basis.at(0, 0) + n);
  Matrix along_rows(p), image(n), g(p);
  for (Index j = 0; j < p; ++j) along_rows[j] = static_cast<double>(dot(X.data() + j, c.data(), n, p));
  for (Index i = 0; i < n; ++i) image[i] = static_cast<double>(dot(X.data() + i * p, along_rows.data(), p));
  for (Index j = 0; j < p; ++j) g[j] = static_cast<double>(dot(X.data() + j, image.data(), n, p));
  const std::vector<double> found = factors.multipliers(g);
  for (Index i = 0; i < n; ++i) CHECK_NEAR(found[i], c[i], 1e-7);  // the condition enters three times

  // X' B B' X is the projection on the rows' span: times b, b.
  const TiledMatrix<double> root = factors.inverse_root(basis);
  CHECK_EQUAL(root.rows(), r);
  CHECK_EQUAL(root.columns(), n);
  Matrix fitted(n), small(r);
  for (Index i = 0; i < n; ++i) fitted[i] = static_cast<double>(dot(X.data() + i * p, b.data(), p));
  for (Index a = 0; a < r; ++a) small[a] = static_cast<double>(dot(root.at(a, 0), fitted.data(), n, root.stride()));
  for (Index i = 0; i < n; ++i) image[i] = r == 0 ? 0 : static_cast<double>(dot(root.at(0, i), small.data(), r));
  for (Index j = 0; j < p; ++j) CHECK_NEAR(dot(X.data() + j, image.data(), n, p), b[j], close);

  if (!factors.has_full_rank()) return;
  // L L' = P' G P.
  const dense::TiledMatrix<double>& L = *factors.lower();
  for (Index a = 0; a < r; ++a) {
    for (Index k = 0; k <= a; ++k) {
      const Index i = factors.order()[a], j = factors.order()[k];
      const long double inner =
          n <= p ? dot(X.data() + i * p, X.data() + j * p, p) : dot(X.data() + i, X.data() + j, n, p, p);
      CHECK_NEAR(dot(L.at(a, 0), L.at(k, 0), k + 1, L.stride(), L.stride()), inner, 1e-12 * size * size);
    }
  }
}

void complete_orthogonal() {
  Random random(15);
  for (const auto& [n, p] : {std::pair<Index, Index>{1, 1}, {6, 4}, {4, 6}, {50, 40}, {40, 50}, {33, 65}, {130, 70}}) {
    const Index full = std::min(n, p);
    for (const Index r : {Index{0}, Index{1}, full / 2, full}) check_complete(&random, n, p, r);
  }
}

// ---- Symmetric eigenproblem ----

void eigen() {
  Random random(16);
  CHECK(dense::symmetric_eigen(0, nullptr, nullptr, nullptr));
  for (Index n = 1; n <= 130; n += n < 20 ? 1 : 10) {
    const Case sizes("eigen %td", n);
    Matrix A(n * n), values(n, 7.0), vectors(n * n, 7.0);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j <= i; ++j) A[i * n + j] = A[j * n + i] = random.fraction();
    }
    CHECK(dense::symmetric_eigen(n, A.data(), values.data(), vectors.data()));
    CHECK(std::is_sorted(values.begin(), values.end()));
    // Backward stable: errors of some n epsilon of the norm.
    const double tolerance = 10 * static_cast<double>(n) * epsilon<double>, size = frobenius(A);
    for (Index k = 0; k < n; ++k) {
      const double* v = vectors.data() + k * n;
      for (Index i = 0; i < n; ++i) {
        CHECK_NEAR(dot(A.data() + i * n, v, n), static_cast<long double>(values[k]) * v[i], tolerance * size);
      }
      for (Index l = 0; l <= k; ++l) CHECK_NEAR(dot(v, vectors.data() + l * n, n), k == l ? 1.0L : 0.0L, tolerance);
    }
    for (const double wrong : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
      const Matrix values_before = values, vectors_before = vectors;
      A[(n / 2) * n + n / 2] = wrong;
      CHECK(!dense::symmetric_eigen(n, A.data(), values.data(), vectors.data()));
      CHECK(same_bits(values, values_before) && same_bits(vectors, vectors_before));
    }
  }
}

}  // namespace

void test_dense_orthogonal() {
  pivoted_qr();
  complete_orthogonal();
  eigen();
}

}  // namespace limbeck::tests
