#include "kernels/least_squares/minimum_norm.hpp"

#include <cmath>
#include <limits>
#include <optional>

#include "kernels/dense/cholesky.hpp"
#include "kernels/dense/complete_orthogonal.hpp"
#include "kernels/least_squares/iterative_refinement.hpp"

namespace limbeck {

namespace {

using Verdict = Certificate::Verdict;
constexpr double infinity = std::numeric_limits<double>::infinity();

double power_of_two_near(double value) { return std::ldexp(1.0, std::ilogb(value)); }

// The largest size of X's numbers, or of some of them.
template <class T>
double largest_size(const LeastSquares<T>& P, Index step = 1) {
  constexpr Index lanes = 16;
  T largest[lanes] = {};
  const Index count = P.n * P.p;
  Index i = 0;
  for (; i + (lanes - 1) * step < count; i += lanes * step) {
    for (Index l = 0; l < lanes; ++l) {
      const T size = std::abs(P.X[i + l * step]);
      largest[l] = largest[l] < size ? size : largest[l];
    }
  }
  for (; i < count; i += step) largest[0] = std::max(largest[0], std::abs(P.X[i]));
  return *std::max_element(largest, largest + lanes);
}

// X as it is, or a copy over a power of two if squares of its numbers could leave the range.
template <class T>
class Moderate {
public:
  explicit Moderate(const LeastSquares<T>& P) : problem(P) {
    constexpr double limit = 1e70;
    const double size = largest_size(P);
    if (size < limit && size > 1 / limit) return;
    if (size > 0 && std::isfinite(size)) rescale(size);
  }
  Moderate(const LeastSquares<T>& P, double size) : problem(P) { rescale(size); }

  LeastSquares<T> problem;
  double unit = 1;

private:
  void rescale(double size) {
    unit = power_of_two_near(size);
    scaled_.assign(problem.X, problem.X + problem.n * problem.p);
    for (T& x : scaled_) x = static_cast<T>(x / unit);
    problem.X = scaled_.data();
  }
  std::vector<T> scaled_;
};

// ---- The Gram matrix of the shorter side ----

template <class T>
struct GramFactor {
  Verdict verdict;  // certified: positive definite beyond doubt
  double frobenius_norm;
  std::optional<TriangularFactor<T>> factor;
};

// Diagonal of the Gram matrix: far from overflow and underflow, and positive.
template <class T>
Verdict check_diagonal(const TiledMatrix<T>& G, double* squares) {
  constexpr double limit = std::is_same_v<T, float> ? 1e30 : 1e200;
  bool positive = true, tiny = false;
  for (Index i = 0; i < G.rows(); ++i) {
    const double square = *G.at(i, i);
    *squares += square;
    positive = positive && square > 0;
    tiny = tiny || square < 1 / limit;
  }
  if (*squares == 0 || std::isnan(*squares)) return Verdict::not_positive_definite;
  if (!(*squares < limit) || *squares < 1 / limit) return Verdict::out_of_range;
  if (std::is_same_v<T, float> && tiny) return Verdict::out_of_range;
  return positive ? Verdict::certified : Verdict::not_positive_definite;
}

// Numbers of X are divided by `unit`.
template <class From, class T>
GramFactor<T> factor_gram(const Execution& exec, const LeastSquares<From>& P, double unit) {
  // A null direction may leave a pivot that is rounding alone, and that no residual would ever show: the scaled matrix
  // must be farther from a singular one than rounding can make it.
  constexpr double rounding_margin = 10;
  const Index m = P.shorter();
  const VectorSet<From> rows{P.X, P.n, P.p, P.p, 1, unit}, columns{P.X, P.p, P.n, 1, P.p, unit};
  TiledMatrix<T> L(m, m);
  add_inner_products(exec, P.wide() ? rows : columns, T(1), &L);
  double squares = 0;
  GramFactor<T> result{check_diagonal(L, &squares), 0, std::nullopt};
  if (result.verdict != Verdict::certified) return result;
  result.frobenius_norm = std::sqrt(squares) * unit;
  Numbers scales(m);
  for (Index i = 0; i < m; ++i) scales[i] = 1 / power_of_two_near(std::sqrt(static_cast<double>(*L.at(i, i))));
  exec.for_each(m, static_cast<double>(m) * m, [&](Index j) {
    T* column = L.at(0, j);
    for (Index i = j; i < m; ++i) column[i] *= static_cast<T>(scales[i] * scales[j]);
  });
  result.verdict = Verdict::not_positive_definite;
  if (!cholesky(exec, &L)) return result;
  for (double& scale : scales) scale /= unit;
  result.factor.emplace(exec, std::move(L), std::move(scales));
  // Sums of tiles are added up one after the other: of numbers of one sign, their rounding adds up too.
  const double length = static_cast<double>(P.longer());
  const double rounding = (m + std::sqrt(length) + length / 256) * std::numeric_limits<T>::epsilon();
  const bool sure = result.factor->smallest_scaled_eigenvalue() > rounding_margin * rounding;
  result.verdict = sure ? Verdict::certified : Verdict::rank_unsure;
  return result;
}

// ---- Solutions ----

// Targets, each divided by a power of two of its size.
template <class T>
struct Targets {
  Numbers y, units;

  explicit Targets(const LeastSquares<T>& P) : y(P.n * P.q), units(P.q, 1.0) {
    for (Index t = 0; t < P.q; ++t) {
      double largest = 0;
      for (Index i = 0; i < P.n; ++i) largest = std::max(largest, std::abs(static_cast<double>(P.Y[i * P.q + t])));
      if (largest > 0) units[t] = power_of_two_near(largest);
      for (Index i = 0; i < P.n; ++i) y[t * P.n + i] = P.Y[i * P.q + t] / units[t];
    }
  }
};

// False where coefficients leave the range of T. X is the user's over `unit`.
template <class T>
bool write(const LeastSquares<T>& P, const Refined& found, const Numbers& units, double unit, T* coef, double* norms) {
  bool in_range = true;
  for (Index t = 0; t < P.q; ++t) {
    const int exponent = std::ilogb(units[t]) - std::ilogb(unit);
    double largest = 0, largest_coef = 0;
    for (Index j = 0; j < P.p; ++j) {
      const double b = found.b[t * P.p + j];
      coef[j * P.q + t] = static_cast<T>(std::ldexp(b, exponent));
      largest = std::max(largest, std::abs(b));
      largest_coef = std::max(largest_coef, std::abs(static_cast<double>(coef[j * P.q + t])));
    }
    norms[t] = found.residual_norms[t] * units[t];
    const bool lost = largest > 0 && largest_coef < static_cast<double>(std::numeric_limits<T>::min());
    in_range = in_range && std::isfinite(largest_coef) && !lost;
  }
  return in_range;
}

template <class T, class F>
Certificate refine_and_write(const Execution& exec, const LeastSquares<T>& P, const GramFactor<F>& gram, double unit,
                             T* coef, double* residual_norms) {
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  const RankCheck rank = check_rank(*gram.factor, P.rcond);
  if (!rank.is_full) return {Verdict::rank_unsure, rank.condition, unknown, 0};
  const Targets<T> targets(P);
  const Refined found = refine_solution(exec, P, *gram.factor, gram.frobenius_norm, rank.condition, targets.y);
  Verdict verdict = found.verdict;
  if (verdict == Verdict::certified && !write(P, found, targets.units, unit, coef, residual_norms)) {
    verdict = Verdict::out_of_range;
  }
  return {verdict, rank.condition, found.backward_error, found.refinements};
}

template <class F, class T>
Certificate solve_with_factor(const Execution& exec, const LeastSquares<T>& P, double gram_unit, double unit, T* coef,
                              double* residual_norms) {
  const GramFactor<F> gram = factor_gram<T, F>(exec, P, gram_unit);
  if (gram.verdict == Verdict::certified) return refine_and_write(exec, P, gram, unit, coef, residual_norms);
  return {gram.verdict, infinity, std::numeric_limits<double>::quiet_NaN(), 0};
}

// X is the user's over `unit`.
template <class T>
Certificate solve_moderate(const Execution& exec, const LeastSquares<T>& P, double unit, T* coef,
                           double* residual_norms) {
  if (std::is_same_v<T, float> && has_few_targets(P)) {
    return solve_with_factor<float>(exec, P, 1.0, unit, coef, residual_norms);
  }
  // Half the time, and refinement makes up for it, unless X is ill conditioned or small: each round of refinement costs
  // as much as the factor of a small X with many targets.
  constexpr Index large = 256, sampled = 4096;
  const double size = P.shorter() < large ? 0.0 : largest_size(P, std::max<Index>(1, P.n * P.p / sampled) | 1);
  if (size > 0 && std::isfinite(size)) {
    const Certificate found = solve_with_factor<float>(exec, P, power_of_two_near(size), unit, coef, residual_norms);
    if (found.verdict == Verdict::certified) return found;
  }
  return solve_with_factor<double>(exec, P, 1.0, unit, coef, residual_norms);
}

}  // namespace

template <class T>
Certificate solve_by_cholesky(const Execution& exec, const LeastSquares<T>& P, T* coef, double* residual_norms) {
  const Certificate result = solve_moderate(exec, P, 1.0, coef, residual_norms);
  if (result.verdict != Verdict::out_of_range || std::isfinite(result.backward_error)) return result;
  const Moderate<T> moderate(P, largest_size(P));
  return solve_moderate(exec, moderate.problem, moderate.unit, coef, residual_norms);
}

namespace {

// What is dropped must be smaller than what counts as zero by so much, for the rank to be beyond doubt.
constexpr double drop_margin = 0.5;

// The rank, certified or unsure, and the condition that goes with it.
struct Rank {
  Verdict verdict;
  double condition;
};
Rank check(const OrthogonalFactors& factors, const LeastSquares<double>& P) {
  if (factors.rank() == 0) return {Verdict::certified, infinity};
  if (P.rcond < 0) {
    const RankCheck found = check_rank(*factors.core(), 1.0);
    return {factors.has_full_rank() ? Verdict::certified : Verdict::rank_unsure, found.condition};
  }
  // Below rounding nothing can be told, whatever was asked for.
  const double rounding = std::numeric_limits<double>::epsilon() * P.longer();
  const RankCheck found = check_rank(*factors.core(), std::max(P.rcond, rounding));
  return {found.is_full ? Verdict::certified : Verdict::rank_unsure, found.condition};
}

}  // namespace

namespace {

// Without rows or without columns: the coefficients are zero, and the residuals the targets.
RankedCertificate solve_nothing(const LeastSquares<double>& P, double* coef, double* residual_norms) {
  const Targets<double> targets(P);
  std::fill_n(coef, P.p * P.q, 0.0);
  for (Index t = 0; t < P.q; ++t) {
    double square = 0;
    for (Index i = 0; i < P.n; ++i) square += targets.y[t * P.n + i] * targets.y[t * P.n + i];
    residual_norms[t] = targets.units[t] * std::sqrt(square);
  }
  return {0, {Verdict::certified, infinity, 0.0, 0}};
}

}  // namespace

RankedCertificate solve_by_qr(const Execution& exec, const LeastSquares<double>& problem, double negligible,
                              double* coef, double* residual_norms) {
  const Moderate<double> moderate(problem);
  const LeastSquares<double>& P = moderate.problem;
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  if (P.shorter() == 0) return solve_nothing(P, coef, residual_norms);
  const OrthogonalFactors factors(exec, P, drop_margin * std::clamp(P.rcond, 0.0, negligible));
  const Rank rank = check(factors, P);
  if (rank.verdict != Verdict::certified) return {factors.rank(), {rank.verdict, rank.condition, unknown, 0}};
  const Targets<double> targets(P);
  Refined found{Verdict::not_converged, unknown, 0, {}, {}};
  if (factors.has_full_rank()) {
    found = refine_solution(exec, P, *factors.core(), factors.frobenius_norm(), rank.condition, targets.y);
  } else if (factors.rank() > 0) {
    found = refine_deficient(exec, P, factors.frobenius_norm(), rank.condition, targets.y,
                             [&](const Numbers& g) { return factors.multipliers(g); });
  }
  if (found.verdict != Verdict::certified) {
    found = judge_solution(exec, P, factors.frobenius_norm(), targets.y,
                           [&](const Numbers& y) { return factors.solve(y); });
  }
  // Dropping what is negligible is a backward error, too.
  constexpr double rounding = 1e-14;
  const double limit = rounding * std::sqrt(static_cast<double>(P.longer())) + std::max(P.rcond, 0.0);
  Verdict verdict = found.backward_error < limit ? Verdict::certified : Verdict::not_converged;
  if (!write(P, found, targets.units, moderate.unit, coef, residual_norms)) verdict = Verdict::out_of_range;
  return {factors.rank(), {verdict, rank.condition, found.backward_error, found.refinements}};
}

LeftOut leave_one_out(const Execution& exec, const LeastSquares<double>& problem, double negligible, double* numerator,
                      double* denominator, double* alone_numerator, double* alone_denominator) {
  const Moderate<double> moderate(problem);
  const LeastSquares<double>& P = moderate.problem;
  if (P.shorter() == 0) {  // nothing is fitted, and the pseudo-inverse of X X' = 0 is zero
    std::copy_n(P.Y, P.n * P.q, numerator);
    std::fill_n(denominator, P.n, 1.0);
    std::fill_n(alone_numerator, P.n * P.q, 0.0);
    std::fill_n(alone_denominator, P.n, 0.0);
    return {0, Verdict::certified};
  }
  const OrthogonalFactors factors(exec, P, drop_margin * std::clamp(P.rcond, 0.0, negligible));
  const Verdict verdict = check(factors, P).verdict;
  if (verdict != Verdict::certified) return {factors.rank(), verdict};
  // y - U U' y and 1 - |u_i|^2 for an orthonormal basis U of the columns.
  const TiledMatrix<double> U = factors.column_basis();
  const Index r = U.columns();
  TiledMatrix<double> inner(r, P.q), fitted(P.n, P.q);
  add_products(exec, VectorSet<double>{U.at(0, 0), r, P.n, U.stride(), 1}, {P.Y, P.q, P.n, 1, P.q}, 1.0, &inner);
  add_products(exec, VectorSet<double>{U.at(0, 0), P.n, r, 1, U.stride()}, {inner.at(0, 0), P.q, r, inner.stride(), 1},
               1.0, &fitted);
  std::fill_n(denominator, P.n, 1.0);
  for (Index j = 0; j < r; ++j) {
    for (Index i = 0; i < P.n; ++i) denominator[i] -= *U.at(i, j) * *U.at(i, j);
  }
  for (Index t = 0; t < P.q; ++t) {
    for (Index i = 0; i < P.n; ++i) numerator[i * P.q + t] = P.Y[i * P.q + t] - *fitted.at(i, t);
  }
  // K^+ y and the diagonal of K^+ = B B' for K = X X'.
  const TiledMatrix<double> B = factors.inverse_root(U);
  inner = TiledMatrix<double>(r, P.q);
  fitted = TiledMatrix<double>(P.n, P.q);
  add_products(exec, VectorSet<double>{B.at(0, 0), r, P.n, 1, B.stride()}, {P.Y, P.q, P.n, 1, P.q}, 1.0, &inner);
  add_products(exec, VectorSet<double>{B.at(0, 0), P.n, r, B.stride(), 1}, {inner.at(0, 0), P.q, r, inner.stride(), 1},
               1.0, &fitted);
  for (Index i = 0; i < P.n; ++i) {
    alone_denominator[i] = 0;
    for (Index j = 0; j < r; ++j) alone_denominator[i] += *B.at(j, i) * *B.at(j, i);
    for (Index t = 0; t < P.q; ++t) alone_numerator[i * P.q + t] = *fitted.at(i, t);
  }
  return {factors.rank(), verdict};
}

#define LIMBECK_INSTANTIATE(T) \
  template Certificate solve_by_cholesky(const Execution&, const LeastSquares<T>&, T*, double*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck
