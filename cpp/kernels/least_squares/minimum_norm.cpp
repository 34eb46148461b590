#include "kernels/least_squares/minimum_norm.hpp"

#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/cholesky.hpp"
#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/dense/zero_matrix.hpp"
#include "kernels/least_squares/columns.hpp"
#include "kernels/least_squares/condition_estimate.hpp"
#include "kernels/least_squares/iterative_refinement.hpp"
#include "kernels/least_squares/ranked_factors.hpp"
#include "kernels/least_squares/rescaled_problem.hpp"

namespace limbeck::least_squares {

namespace {

using Verdict = Certificate::Verdict;
constexpr double infinity = std::numeric_limits<double>::infinity();

// ---- The Gram matrix of the shorter side ----

template <class T>
struct GramFactor {
  Verdict verdict;  // certified: positive definite beyond doubt
  double frobenius_norm;
  std::optional<ScaledCholesky<T>> factor;
  double quick_condition = 0;
};

// Numbers that stand in memory apart: each waits for its page, so they are read in tasks.
template <class T>
std::vector<T> diagonal_of(const Execution& exec, const dense::TiledMatrix<T>& G) {
  constexpr Index numbers = 64;
  std::vector<T> diagonal(G.rows());
  // Beside the matrix's own work each takes as long as a hundred operations.
  exec.for_each(core::ceil_div(G.rows(), numbers), 1e3 * G.rows(), [&](Index task) {
    for (Index i = task * numbers; i < std::min(G.rows(), (task + 1) * numbers); ++i) diagonal[i] = *G.at(i, i);
  });
  return diagonal;
}

// Diagonal of the Gram matrix: far from overflow and underflow, and positive.
template <class T>
Verdict check_diagonal(const std::vector<T>& diagonal, double* squares) {
  constexpr double limit = std::is_same_v<T, float> ? 1e30 : 1e200;  // well inside the range of T
  bool positive = true, tiny = false;
  for (const double square : diagonal) {
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
GramFactor<T> factor_gram(const Execution& exec, const Problem<From>& P, double unit) {
  // A null direction may leave a pivot that is rounding alone, and that no residual would ever show: the scaled matrix
  // must be farther from a singular one than rounding can make it.
  constexpr double rounding_margin = 10;  // an order of magnitude: the estimate of rounding is a rough one
  const Index m = P.shorter();
  const dense::VectorSet<From> rows{P.X, P.n, P.p, P.p, 1, unit}, columns{P.X, P.p, P.n, 1, P.p, unit};
  dense::TiledMatrix<T> L = dense::zero_matrix<T>(exec, m, m);
  dense::syrk_lower(exec, P.wide() ? rows : columns, T(1), &L);
  double squares = 0;
  const std::vector<T> diagonal = diagonal_of(exec, L);
  GramFactor<T> result{check_diagonal(diagonal, &squares), 0, std::nullopt, 0};
  if (result.verdict != Verdict::certified) return result;
  result.frobenius_norm = std::sqrt(squares) * unit;
  Numbers scales(m);
  for (Index i = 0; i < m; ++i) scales[i] = 1 / power_of_two_near(std::sqrt(static_cast<double>(diagonal[i])));
  constexpr Index columns_per_task = 16;
  exec.for_each(core::ceil_div(m, columns_per_task), static_cast<double>(m) * m, [&](Index task) {
    for (Index j = task * columns_per_task; j < std::min(m, (task + 1) * columns_per_task); ++j) {
      T* column = L.at(0, j);
      for (Index i = j; i < m; ++i) column[i] *= static_cast<T>(scales[i] * scales[j]);
    }
  });
  result.verdict = Verdict::not_positive_definite;
  if (!dense::cholesky(exec, &L)) return result;
  for (double& scale : scales) scale /= unit;
  result.factor.emplace(exec, std::make_shared<const dense::TiledMatrix<T>>(std::move(L)), std::move(scales));
  // Sums of tiles are added up one after the other: of numbers of one sign, their rounding adds up too.
  const double length = static_cast<double>(P.longer());
  const double rounding = (m + std::sqrt(length) + length / 256) * std::numeric_limits<T>::epsilon();
  const QuickEstimates estimates = estimate_quickly(*result.factor);
  result.quick_condition = estimates.condition;
  const bool sure = estimates.smallest_scaled_eigenvalue > rounding_margin * rounding;
  result.verdict = sure ? Verdict::certified : Verdict::rank_unsure;
  return result;
}

// ---- Solutions ----

// Targets, each divided by a power of two of its size.
template <class T>
struct ScaledTargets {
  Numbers y, units;

  ScaledTargets(const Execution& exec, const Problem<T>& P) : y(P.n * P.q), units(P.q, 1.0) {
    const Index q = P.q;
    const Numbers largest = largest_of_columns(exec, P);
    for (Index t = 0; t < q; ++t) {
      if (largest[t] > 0) units[t] = power_of_two_near(largest[t]);
    }
    for_parts(exec, P.n, q, [&](Index begin, Index end) {
      transpose_rows(begin, end, q, [&](Index i, Index t) { y[t * P.n + i] = P.Y[i * q + t] / units[t]; });
    });
  }

private:
  static Numbers largest_of_columns(const Execution& exec, const Problem<T>& P) {
    Numbers largest(P.q, 0.0);
    std::mutex lock;  // the order of maxima does not matter
    for_parts(exec, P.n, P.q, [&](Index begin, Index end) {
      std::vector<T> here(P.q, T(0));
      if (P.q == 1) here[0] = core::max_abs(P.Y + begin, end - begin);
      for (Index i = begin; P.q > 1 && i < end; ++i) {
        for (Index t = 0; t < P.q; ++t) {
          const T size = std::abs(P.Y[i * P.q + t]);
          here[t] = here[t] < size ? size : here[t];
        }
      }
      const std::lock_guard<std::mutex> hold(lock);
      for (Index t = 0; t < P.q; ++t) largest[t] = std::max(largest[t], static_cast<double>(here[t]));
    });
    return largest;
  }
};

// value times 2^exponent, rounded once.
inline double times_power(double value, int exponent, double power) {
  constexpr int normal = 1000;  // powers that are numbers in full precision
  return std::abs(exponent) <= normal ? value * power : std::ldexp(value, exponent);
}

// False where coefficients leave the range of T. X is the user's over `unit`.
template <class T>
bool write(const Execution& exec, const Problem<T>& P, const RefinedSolution& found, const Numbers& units, double unit,
           T* coef, double* norms) {
  const Index q = P.q;
  std::vector<int> exponents(q);
  Numbers powers(q), largest(q, 0.0), largest_coef(q, 0.0);
  for (Index t = 0; t < q; ++t) {
    exponents[t] = std::ilogb(units[t]) - std::ilogb(unit);
    powers[t] = std::ldexp(1.0, exponents[t]);
    norms[t] = found.residual_norms[t] * units[t];
  }
  std::mutex lock;  // the order of maxima does not matter
  for_parts(exec, P.p, q, [&](Index begin, Index end) {
    Numbers here(q, 0.0), here_coef(q, 0.0);
    transpose_rows(begin, end, q, [&](Index j, Index t) {
      const double b = found.b[t * P.p + j];
      const T value = static_cast<T>(times_power(b, exponents[t], powers[t]));
      coef[j * q + t] = value;
      here[t] = std::max(here[t], std::abs(b));
      here_coef[t] = std::max(here_coef[t], std::abs(static_cast<double>(value)));
    });
    const std::lock_guard<std::mutex> hold(lock);
    for (Index t = 0; t < q; ++t) {
      largest[t] = std::max(largest[t], here[t]);
      largest_coef[t] = std::max(largest_coef[t], here_coef[t]);
    }
  });
  bool in_range = true;
  for (Index t = 0; t < q; ++t) {
    const bool lost = largest[t] > 0 && largest_coef[t] < static_cast<double>(std::numeric_limits<T>::min());
    in_range = in_range && std::isfinite(largest_coef[t]) && !lost;
  }
  return in_range;
}

template <class T, class F>
Certificate refine_and_write(const Execution& exec, const Problem<T>& P, const GramFactor<F>& gram, double unit,
                             T* coef, double* residual_norms) {
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  const RankCheck rank = check_rank(*gram.factor, P.rcond, gram.quick_condition);
  if (!rank.is_full) return {Verdict::rank_unsure, rank.condition, unknown, 0};
  const ScaledTargets<T> targets(exec, P);
  const RefinedSolution found = refine_solution(exec, P, *gram.factor, gram.frobenius_norm, rank.condition, targets.y);
  Verdict verdict = found.verdict;
  if (verdict == Verdict::certified && !write(exec, P, found, targets.units, unit, coef, residual_norms)) {
    verdict = Verdict::out_of_range;
  }
  return {verdict, rank.condition, found.backward_error, found.refinements};
}

template <class F, class T>
Certificate solve_with_factor(const Execution& exec, const Problem<T>& P, double gram_unit, double unit, T* coef,
                              double* residual_norms) {
  const GramFactor<F> gram = factor_gram<T, F>(exec, P, gram_unit);
  if (gram.verdict == Verdict::certified) return refine_and_write(exec, P, gram, unit, coef, residual_norms);
  return {gram.verdict, infinity, std::numeric_limits<double>::quiet_NaN(), 0};
}

// X is the user's over `unit`.
template <class T>
Certificate solve_rescaled(const Execution& exec, const Problem<T>& P, double unit, T* coef, double* residual_norms) {
  if (std::is_same_v<T, float> && has_few_targets(P)) {
    return solve_with_factor<float>(exec, P, 1.0, unit, coef, residual_norms);
  }
  // A factor of single precision takes half the time, and refinement makes up for it, unless X is ill conditioned or
  // small: each round of refinement costs as much as the factor of a small X with many targets. The size of X's numbers
  // is only needed as a power of two, so a sample of them will do.
  constexpr Index large = 256, sampled = 512;
  const double size = P.shorter() < large ? 0.0 : largest_size(P, std::max<Index>(1, P.n * P.p / sampled) | 1);
  if (size > 0 && std::isfinite(size)) {
    const Certificate found = solve_with_factor<float>(exec, P, power_of_two_near(size), unit, coef, residual_norms);
    if (found.verdict == Verdict::certified) return found;
  }
  return solve_with_factor<double>(exec, P, 1.0, unit, coef, residual_norms);
}

}  // namespace

template <class T>
Certificate solve_by_cholesky(const Execution& exec, const Problem<T>& P, T* coef, double* residual_norms) {
  const Certificate result = solve_rescaled(exec, P, 1.0, coef, residual_norms);
  if (result.verdict != Verdict::out_of_range || std::isfinite(result.backward_error)) return result;
  const RescaledProblem<T> rescaled(P, largest_size(P));
  return solve_rescaled(exec, rescaled.problem, rescaled.unit, coef, residual_norms);
}

namespace {

// Without rows or without columns: the coefficients are zero, and the residuals the targets.
RankedCertificate solve_empty(const Execution& exec, const Problem<double>& P, double* coef, double* residual_norms) {
  const ScaledTargets<double> targets(exec, P);
  std::fill_n(coef, P.p * P.q, 0.0);
  for (Index t = 0; t < P.q; ++t) {
    double square = 0;
    for (Index i = 0; i < P.n; ++i) square += targets.y[t * P.n + i] * targets.y[t * P.n + i];
    residual_norms[t] = targets.units[t] * std::sqrt(square);
  }
  return {0, {Verdict::certified, infinity, 0.0, 0}};
}

}  // namespace

RankedCertificate solve_by_qr(const Execution& exec, const Problem<double>& problem, double negligible, double* coef,
                              double* residual_norms) {
  const RescaledProblem<double> rescaled(problem);
  const Problem<double>& P = rescaled.problem;
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  if (P.shorter() == 0) return solve_empty(exec, P, coef, residual_norms);
  const RankedFactors ranked(exec, P, negligible);
  const dense::CompleteOrthogonal& factors = ranked.factors();
  if (ranked.verdict() != Verdict::certified) {
    return {ranked.rank(), {ranked.verdict(), ranked.condition(), unknown, 0}};
  }
  const ScaledTargets<double> targets(exec, P);
  RefinedSolution found{Verdict::not_converged, unknown, 0, {}, {}};
  if (factors.has_full_rank()) {
    found = refine_solution(exec, P, ranked.core(), factors.frobenius_norm(), ranked.condition(), targets.y);
  } else if (factors.rank() > 0) {
    found = refine_rank_deficient(exec, P, factors.frobenius_norm(), ranked.condition(), targets.y,
                                  [&](const Numbers& g) { return factors.multipliers(g); });
  }
  if (found.verdict != Verdict::certified) {
    found = certify_solution(exec, P, factors.frobenius_norm(), targets.y,
                             [&](const Numbers& y) { return factors.solve(y); });
  }
  // Dropping what is negligible is a backward error, too.
  constexpr double rounding = 1e-14;
  const double limit = rounding * std::sqrt(static_cast<double>(P.longer())) + std::max(P.rcond, 0.0);
  Verdict verdict = found.backward_error < limit ? Verdict::certified : Verdict::not_converged;
  if (!write(exec, P, found, targets.units, rescaled.unit, coef, residual_norms)) verdict = Verdict::out_of_range;
  return {factors.rank(), {verdict, ranked.condition(), found.backward_error, found.refinements}};
}

#define LIMBECK_INSTANTIATE(T) template Certificate solve_by_cholesky(const Execution&, const Problem<T>&, T*, double*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::least_squares
