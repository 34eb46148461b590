#include "kernels/least_squares/leave_one_out.hpp"

#include <algorithm>

#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/least_squares/ranked_factors.hpp"
#include "kernels/least_squares/rescaled_problem.hpp"

namespace limbeck::least_squares {

namespace {

using Verdict = Certificate::Verdict;
using Matrix = dense::TiledMatrix<double>;

// A B y (n, q) for A (n, r) and B (r, n), given by the rows of A and of B, and the targets y of the problem.
Matrix applied(const Execution& exec, const Problem<double>& P, const dense::VectorSet<double>& A_rows,
               const dense::VectorSet<double>& B_rows) {
  Matrix inner(B_rows.count, P.q), result(P.n, P.q);
  dense::gemm(exec, B_rows, dense::VectorSet<double>{P.Y, P.q, P.n, 1, P.q}, 1.0, &inner);
  dense::gemm(exec, A_rows, dense::columns_of(inner), 1.0, &result);
  return result;
}

// Numerators y - U U' y and denominators 1 - |u_i|^2 for an orthonormal basis U of the columns.
void ordinary(const Execution& exec, const Problem<double>& P, const Matrix& U, double* numerator,
              double* denominator) {
  const Matrix fitted = applied(exec, P, dense::rows_of(U), dense::columns_of(U));
  std::fill_n(denominator, P.n, 1.0);
  for (Index j = 0; j < U.columns(); ++j) {
    for (Index i = 0; i < P.n; ++i) denominator[i] -= *U.at(i, j) * *U.at(i, j);
  }
  for (Index t = 0; t < P.q; ++t) {
    for (Index i = 0; i < P.n; ++i) numerator[i * P.q + t] = P.Y[i * P.q + t] - *fitted.at(i, t);
  }
}

// K^+ y and the diagonal of K^+ = B B' for K = X X', given B' (r, n).
void alone(const Execution& exec, const Problem<double>& P, const Matrix& B, double* numerator, double* denominator) {
  const Matrix fitted = applied(exec, P, dense::columns_of(B), dense::rows_of(B));
  for (Index i = 0; i < P.n; ++i) {
    denominator[i] = 0;
    for (Index j = 0; j < B.rows(); ++j) denominator[i] += *B.at(j, i) * *B.at(j, i);
    for (Index t = 0; t < P.q; ++t) numerator[i * P.q + t] = *fitted.at(i, t);
  }
}

}  // namespace

LeftOut leave_one_out(const Execution& exec, const Problem<double>& problem, double negligible, double* numerator,
                      double* denominator, double* alone_numerator, double* alone_denominator) {
  const RescaledProblem<double> rescaled(problem);
  const Problem<double>& P = rescaled.problem;
  if (P.shorter() == 0) {  // nothing is fitted, and the pseudo-inverse of X X' = 0 is zero
    std::copy_n(P.Y, P.n * P.q, numerator);
    std::fill_n(denominator, P.n, 1.0);
    std::fill_n(alone_numerator, P.n * P.q, 0.0);
    std::fill_n(alone_denominator, P.n, 0.0);
    return {0, Verdict::certified};
  }
  const RankedFactors ranked(exec, P, negligible);
  const dense::CompleteOrthogonal& factors = ranked.factors();
  if (ranked.verdict() != Verdict::certified) return {ranked.rank(), ranked.verdict()};
  const Matrix U = factors.column_basis();
  ordinary(exec, P, U, numerator, denominator);
  alone(exec, P, factors.inverse_root(U), alone_numerator, alone_denominator);
  return {ranked.rank(), ranked.verdict()};
}

}  // namespace limbeck::least_squares
