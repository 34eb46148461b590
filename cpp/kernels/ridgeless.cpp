#include "kernels/ridgeless.hpp"

#include <cmath>
#include <limits>

#include "kernels/cholesky.hpp"
#include "kernels/twofold.hpp"

namespace limbeck {

namespace {

using Numbers = std::vector<double>;  // column after column

constexpr int most_refinements = 8;
constexpr double rounding_margin = 10;
constexpr int quick_steps = 3, sure_steps = 20;       // of a power iteration
constexpr double quick_margin = 10, sure_margin = 2;  // by which an estimated condition may be too small

double norm(const double* v, Index n) {
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += v[i] * v[i];
  return std::sqrt(sum);
}

double power_of_two_near(double value) { return std::ldexp(1.0, std::ilogb(value)); }

// ---- What is left of right-hand sides ----

// Start + second start - X B, or - X' C, column by column.
template <class T>
class Residuals {
public:
  Residuals(const Execution& exec, const LeastSquares<T>& problem, bool twofold)
      : exec_(exec), problem_(problem), twofold_(twofold) {}

  bool twofold() const { return twofold_; }

  void rows(const Numbers& B, const Numbers* start, const Numbers* second, Numbers* out) const {
    take(B, start, second, out, false);
  }
  void columns(const Numbers& C, const Numbers* start, const Numbers* second, Numbers* out) const {
    take(C, start, second, out, true);
  }

private:
  void take(const Numbers& with, const Numbers* start, const Numbers* second, Numbers* out, bool transposed) const {
    const auto& P = problem_;
    const Index from = transposed ? P.n : P.p, to = transposed ? P.p : P.n;
    out->resize(to * P.q);
    if constexpr (std::is_same_v<T, double>) {
      if (!twofold_) {
        const VectorSet<double> left{P.X, to, from, transposed ? 1 : P.p, transposed ? P.p : 1};
        TiledMatrix<double> product(to, P.q);
        add_products(exec_, left, VectorSet<double>{with.data(), P.q, from, from, 1}, -1.0, &product);
        for (Index t = 0; t < P.q; ++t) {
          for (Index i = 0; i < to; ++i) {
            const Index at = t * to + i;
            (*out)[at] = (start ? (*start)[at] : 0.0) + (second ? (*second)[at] : 0.0) + *product.at(i, t);
          }
        }
        return;
      }
    }
    for (Index t = 0; t < P.q; ++t) {
      const auto part = [&](const Numbers* v) { return v ? v->data() + t * to : nullptr; };
      const auto residual = transposed ? twofold_transposed_residual<T> : twofold_residual<T>;
      residual(exec_, P.X, P.n, P.p, with.data() + t * from, part(start), part(second), out->data() + t * to);
    }
  }

  const Execution& exec_;
  const LeastSquares<T>& problem_;
  bool twofold_;
};

// ---- The factor ----

// (S G S) = L L' for the Gram matrix G of the rows or columns of X, whichever are fewer, and scales S, powers of two.
template <class T>
class GramFactor {
public:
  GramFactor(const Execution& exec, const LeastSquares<T>& P)
      : exec_(exec), m_(std::min(P.n, P.p)), length_(std::max(P.n, P.p)), L_(m_, m_), scales_(m_) {
    const VectorSet<T> rows{P.X, P.n, P.p, P.p, 1}, columns{P.X, P.p, P.n, 1, P.p};
    add_inner_products(exec, P.wide() ? rows : columns, T(1), &L_);
    for (Index i = 0; i < m_; ++i) {
      const double square = *L_.at(i, i);
      squares_ += square;
      positive_ = positive_ && square > 0;
    }
  }

  // Whether squares of X's numbers are far from overflow and underflow.
  bool in_range() const {
    constexpr double limit = std::is_same_v<T, float> ? 1e30 : 1e200;
    return squares_ == 0 || std::isnan(squares_) || (squares_ < limit && squares_ > 1 / limit);
  }
  double frobenius_norm() const { return std::sqrt(squares_); }

  bool factor() {
    if (!positive_ || !std::isfinite(squares_)) return false;
    for (Index i = 0; i < m_; ++i) scales_[i] = 1 / power_of_two_near(std::sqrt(static_cast<double>(*L_.at(i, i))));
    exec_.for_each(m_, static_cast<double>(m_) * m_, [&](Index j) {
      T* column = L_.at(0, j);
      for (Index i = j; i < m_; ++i) column[i] *= static_cast<T>(scales_[i] * scales_[j]);
    });
    return cholesky(exec_, &L_);
  }

  // Whether the scaled matrix is far enough from a singular one for rounding not to have made the difference: a null
  // direction may leave a pivot that is rounding alone, and that no residual would ever show.
  bool is_surely_regular() const {
    const double rounding = (m_ + std::sqrt(static_cast<double>(length_))) * std::numeric_limits<T>::epsilon();
    double smallest = 1;
    for (Index j = 0; j < m_; ++j) smallest = std::min(smallest, std::pow(static_cast<double>(*L_.at(j, j)), 2));
    if (!(smallest > rounding_margin * rounding)) return false;
    return inverse_norm(quick_steps, scales_) * rounding_margin * rounding < 1;
  }

  // B becomes G^-1 B, columns of m numbers.
  void solve(Numbers* B) const {
    const Index q = static_cast<Index>(B->size()) / m_;
    TiledMatrix<T> inner(m_, q);
    for (Index t = 0; t < q; ++t) {
      for (Index i = 0; i < m_; ++i) *inner.at(i, t) = static_cast<T>((*B)[t * m_ + i] * scales_[i]);
    }
    solve_lower(exec_, L_, &inner);
    solve_lower_transposed(exec_, L_, &inner);
    for (Index t = 0; t < q; ++t) {
      for (Index i = 0; i < m_; ++i) (*B)[t * m_ + i] = *inner.at(i, t) * scales_[i];
    }
  }

  // Estimate of the largest over the smallest singular value of X, by power iterations on G and its inverse.
  double condition(int steps) const {
    double size = 0;
    Numbers z = start();
    for (int step = 0; step < steps; ++step) {
      multiply(&z);
      size = normalize(&z);
    }
    const double condition = std::sqrt(size) * std::sqrt(inverse_norm(steps, Numbers(m_, 1.0)));
    return std::isfinite(condition) ? std::max(1.0, condition) : std::numeric_limits<double>::infinity();
  }

private:
  // Estimate of the norm of (D G D)^-1 for a diagonal D.
  double inverse_norm(int steps, const Numbers& D) const {
    double size = 0;
    Numbers z = start();
    for (int step = 0; step < steps; ++step) {
      for (Index i = 0; i < m_; ++i) z[i] /= D[i];
      solve(&z);
      for (Index i = 0; i < m_; ++i) z[i] /= D[i];
      size = normalize(&z);
    }
    return size;
  }

  // z becomes G z.
  void multiply(Numbers* z) const {
    Numbers half(m_);
    for (Index i = 0; i < m_; ++i) (*z)[i] /= scales_[i];
    exec_.for_each(m_, static_cast<double>(m_) * m_, [&](Index j) {
      const T* column = L_.at(0, j);
      double sum = 0;
      for (Index i = j; i < m_; ++i) sum += column[i] * (*z)[i];
      half[j] = sum;
    });
    z->assign(m_, 0.0);
    for (Index j = 0; j < m_; ++j) {
      const T* column = L_.at(0, j);
      for (Index i = j; i < m_; ++i) (*z)[i] += column[i] * half[j];
    }
    for (Index i = 0; i < m_; ++i) (*z)[i] /= scales_[i];
  }

  // Numbers without a pattern, of either sign.
  Numbers start() const {
    Numbers z(m_);
    for (Index i = 0; i < m_; ++i) z[i] = std::cos(1.0 + 2.0 * static_cast<double>(i) * static_cast<double>(i + 1));
    return z;
  }
  static double normalize(Numbers* z) {
    const double size = norm(z->data(), static_cast<Index>(z->size()));
    for (double& v : *z) v /= size;
    return size;
  }

  const Execution& exec_;
  Index m_, length_;
  TiledMatrix<T> L_;
  Numbers scales_;
  double squares_ = 0;
  bool positive_ = true;
};

// ---- Refinement ----

// Solution and multipliers, and what is left of the equations that define them:
//   X wide: b = X' a, X b = y;  X tall: r = y - X b, X' r = 0.
struct State {
  Numbers b, other;           // other: a for wide, r for tall X
  Numbers of_long, of_short;  // residuals, of the equations as many as the longer and the shorter side of X
};

template <class T>
class Refinement {
public:
  Refinement(const Execution& exec, const LeastSquares<T>& problem, const GramFactor<T>& factor, const Numbers& y)
      : P_(problem), factor_(factor), residuals_(exec, problem, is_worth_twofold(problem)), y_(y) {}

  // The certificate, b left in `state`.
  Certificate run(double condition, State* state) {
    begin(state);
    constexpr double eps = std::numeric_limits<double>::epsilon();
    const double floor = residuals_.twofold() ? 2 * eps : 10 * eps * condition;
    double before = 1;
    bool last = false;
    for (int step = 0; step <= most_refinements; ++step) {
      take_residuals(state);
      if (last) {
        const double error = backward_error(*state);
        const bool small = error < acceptable();
        return {small ? Certificate::Verdict::certified : Certificate::Verdict::not_converged, condition, error, step};
      }
      const double moved = correct(state);
      const double rate = moved / before;
      if (!(rate < 0.5) && !(moved <= floor)) break;
      // The first correction is as large as the error before it, relative to the solution: so is the next to this one.
      last = moved * rate <= eps / 4 || moved <= floor;
      before = moved;
    }
    return {Certificate::Verdict::not_converged, condition, std::numeric_limits<double>::quiet_NaN(), most_refinements};
  }

private:
  static bool is_worth_twofold(const LeastSquares<T>& P) {
    constexpr double little_work = 1e6;
    return !std::is_same_v<T, double> || 40 * P.q <= std::min(P.n, P.p) ||
           static_cast<double>(P.n) * P.p * P.q < little_work;
  }
  static double acceptable() {
    constexpr double eps = std::numeric_limits<double>::epsilon();
    return 32 * eps;
  }

  void begin(State* s) {
    if (P_.wide()) {
      s->other = y_;
      factor_.solve(&s->other);
      residuals_.columns(s->other, nullptr, nullptr, &s->b);
      for (double& v : s->b) v = -v;
    } else {
      residuals_.columns(y_, nullptr, nullptr, &s->b);
      for (double& v : s->b) v = -v;
      factor_.solve(&s->b);
      residuals_.rows(s->b, &y_, nullptr, &s->other);
    }
  }

  void take_residuals(State* s) {
    if (P_.wide()) {
      residuals_.columns(s->other, &s->b, nullptr, &s->of_long);  // b - X' a
      residuals_.rows(s->b, &y_, nullptr, &s->of_short);          // y - X b
    } else {
      Numbers minus = s->other;
      for (double& v : minus) v = -v;
      residuals_.rows(s->b, &y_, &minus, &s->of_long);               // y - r - X b
      residuals_.columns(s->other, nullptr, nullptr, &s->of_short);  // -X' r
    }
  }

  // Moves the state; the largest relative change of b over the targets.
  double correct(State* s) {
    Numbers change, beside;
    if (P_.wide()) {
      // X (b + db) = y and b + db = X' (a + da): G da = (y - X b) + X (b - X' a), db = X' da - (b - X' a).
      Numbers minus = s->of_long;
      for (double& v : minus) v = -v;
      residuals_.rows(minus, &s->of_short, nullptr, &change);
      factor_.solve(&change);
      residuals_.columns(change, &s->of_long, nullptr, &beside);
      for (double& v : beside) v = -v;
      add(change, &s->other);
      return add(beside, &s->b);
    }
    // X' (r + dr) = 0 and (r + dr) + X (b + db) = y: G db = X' f + X' r, dr = f - X db, for f = y - r - X b.
    Numbers minus = s->of_short;
    residuals_.columns(s->of_long, &minus, nullptr, &change);  // -X' r - X' f
    for (double& v : change) v = -v;
    factor_.solve(&change);
    residuals_.rows(change, &s->of_long, nullptr, &beside);
    add(beside, &s->other);
    return add(change, &s->b);
  }

  double add(const Numbers& change, Numbers* to) const {
    const Index length = static_cast<Index>(to->size()) / P_.q;
    double largest = 0;
    for (Index t = 0; t < P_.q; ++t) {
      double* v = to->data() + t * length;
      const double size = norm(change.data() + t * length, length);
      for (Index i = 0; i < length; ++i) v[i] += change[t * length + i];
      const double whole = norm(v, length);
      if (size > 0) largest = std::max(largest, whole > 0 ? size / whole : 1.0);
      if (!std::isfinite(size)) return std::numeric_limits<double>::infinity();
    }
    return largest;
  }

  // The change of X or y, relative to their norms, that would make the answer exact: the largest over the targets.
  double backward_error(const State& s) const {
    const double size = factor_.frobenius_norm();
    double largest = 0;
    for (Index t = 0; t < P_.q; ++t) {
      const double b = norm(s.b.data() + t * P_.p, P_.p), y = norm(y_.data() + t * P_.n, P_.n);
      const double whole = size * b + y;
      if (whole == 0) continue;
      double error;
      if (P_.wide()) {
        // That b lies in the span of the rows is seen from its convergence: b - X' a shows a's rounding as well.
        error = norm(s.of_short.data() + t * P_.n, P_.n) / whole;
      } else {
        const double r = norm(s.other.data() + t * P_.n, P_.n);
        // Of rows that are all but consistent a change of X of the size of r explains everything (Stewart 1977).
        const double skew = r > 0 ? norm(s.of_short.data() + t * P_.p, P_.p) / (size * r) : 0.0;
        error = std::min(skew, r / whole) + norm(s.of_long.data() + t * P_.n, P_.n) / whole;
      }
      largest = std::max(largest, error);
    }
    return largest;
  }

  const LeastSquares<T>& P_;
  const GramFactor<T>& factor_;
  Residuals<T> residuals_;
  const Numbers& y_;
};

// X is the user's over `unit`.
template <class T>
Certificate solve_moderate(const Execution& exec, const LeastSquares<T>& P, double unit, T* coef,
                           double* residual_norms) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const double unknown = std::numeric_limits<double>::quiet_NaN();
  GramFactor<T> factor(exec, P);
  if (!factor.in_range()) return {Certificate::Verdict::out_of_range, infinity, unknown, 0};
  if (!factor.factor()) return {Certificate::Verdict::not_positive_definite, infinity, unknown, 0};
  if (!factor.is_surely_regular()) return {Certificate::Verdict::rank_unsure, infinity, unknown, 0};
  double condition = factor.condition(quick_steps);
  bool full_rank = condition * quick_margin * P.rcond < 1;
  if (!full_rank) {
    condition = factor.condition(sure_steps);
    full_rank = condition * sure_margin * P.rcond < 1;
  }
  if (!full_rank) return {Certificate::Verdict::rank_unsure, condition, unknown, 0};
  Numbers y(P.n * P.q), units(P.q, 1.0);
  for (Index t = 0; t < P.q; ++t) {
    double largest = 0;
    for (Index i = 0; i < P.n; ++i) largest = std::max(largest, std::abs(static_cast<double>(P.Y[i * P.q + t])));
    if (largest > 0) units[t] = power_of_two_near(largest);
    for (Index i = 0; i < P.n; ++i) y[t * P.n + i] = P.Y[i * P.q + t] / units[t];
  }
  State state;
  const Certificate result = Refinement<T>(exec, P, factor, y).run(condition, &state);
  if (result.verdict != Certificate::Verdict::certified) return result;
  for (Index t = 0; t < P.q; ++t) {
    double largest = 0, largest_coef = 0;
    for (Index j = 0; j < P.p; ++j) {
      const double b = state.b[t * P.p + j];
      coef[j * P.q + t] = static_cast<T>(b * units[t] / unit);
      largest = std::max(largest, std::abs(b));
      largest_coef = std::max(largest_coef, std::abs(static_cast<double>(coef[j * P.q + t])));
    }
    const bool lost = !std::isfinite(largest_coef) || (largest > 0 && largest_coef < std::numeric_limits<T>::min());
    if (lost) return {Certificate::Verdict::out_of_range, condition, result.backward_error, result.refinements};
    const Numbers& left = P.wide() ? state.of_short : state.other;
    residual_norms[t] = norm(left.data() + t * P.n, P.n) * units[t];
  }
  return result;
}

}  // namespace

template <class T>
Certificate solve_by_cholesky(const Execution& exec, const LeastSquares<T>& P, T* coef, double* residual_norms) {
  const Certificate result = solve_moderate(exec, P, 1.0, coef, residual_norms);
  if (result.verdict != Certificate::Verdict::out_of_range || std::isfinite(result.backward_error)) return result;
  // Squares of its numbers would leave the range of T: a copy of moderate size.
  double largest = 0;
  for (Index i = 0; i < P.n * P.p; ++i) largest = std::max(largest, std::abs(static_cast<double>(P.X[i])));
  const double unit = power_of_two_near(largest);
  std::vector<T> scaled(P.X, P.X + P.n * P.p);
  for (T& x : scaled) x = static_cast<T>(x / unit);
  LeastSquares<T> moderate = P;
  moderate.X = scaled.data();
  return solve_moderate(exec, moderate, unit, coef, residual_norms);
}

#define LIMBECK_INSTANTIATE(T) \
  template Certificate solve_by_cholesky(const Execution&, const LeastSquares<T>&, T*, double*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck
