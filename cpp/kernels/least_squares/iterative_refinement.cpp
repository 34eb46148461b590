#include "kernels/least_squares/iterative_refinement.hpp"

#include <cmath>
#include <limits>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/dense/zero_matrix.hpp"
#include "kernels/least_squares/columns.hpp"
#include "kernels/precision/dot2.hpp"

namespace limbeck::least_squares {

namespace {

constexpr int most_refinements = 12;  // at a rate of 0.05 they reach rounding; slower factors are given up
constexpr double eps = std::numeric_limits<double>::epsilon();
constexpr double acceptable = 32 * eps;  // backward error: rounding of the data, and of norms and products

// ---- Products with X ----

// Twofold, or by tiles.
template <class T>
class Products {
public:
  Products(const Execution& exec, const Problem<T>& problem, bool twofold)
      : exec_(exec), P_(problem), twofold_(twofold) {}

  bool twofold() const { return twofold_; }

  // R = Y - X (B + B_low), the latter counting where products are twofold.
  void residual(const Numbers& B, const Numbers& B_low, const Numbers& Y, Numbers* R) const {
    R->resize(P_.n * P_.q);
    if (twofold_) {
      precision::dot2_residual(exec_, P_.X, P_.n, P_.p, P_.q, B.data(), B_low.data(), Y.data(), R->data());
    } else {
      multiply({P_.X, P_.n, P_.p, P_.p, 1}, B, [&](Index place, double product) { (*R)[place] = Y[place] - product; });
    }
  }

  // out = X' C.
  void combination(const Numbers& C, Numbers* out) const {
    out->resize(P_.p * P_.q);
    if (twofold_) {
      precision::dot2_combination(exec_, P_.X, P_.n, P_.p, P_.q, C.data(), out->data());
    } else {
      multiply({P_.X, P_.p, P_.n, 1, P_.p}, C, [&](Index place, double product) { (*out)[place] = product; });
    }
  }

  // X' (Y - X (B + B_low)) and the norms of the residuals.
  void gradient(const Numbers& B, const Numbers& B_low, const Numbers& Y, Numbers* out, Numbers* norms) const {
    out->resize(P_.p * P_.q);
    norms->resize(P_.q);
    if (twofold_) {
      precision::dot2_gradient(exec_, P_.X, P_.n, P_.p, P_.q, B.data(), B_low.data(), Y.data(), out->data(),
                               norms->data());
      for (double& square : *norms) square = std::sqrt(square);
      return;
    }
    Numbers R;
    residual(B, B_low, Y, &R);
    column_norms(exec_, R.data(), P_.n, P_.q, norms->data());
    combination(R, out);
  }

private:
  // Calls put(t * vectors.count + i, product) with the inner product of vector i and column t of B.
  template <class Put>
  void multiply(const dense::VectorSet<T>& vectors, const Numbers& B, const Put& put) const {
    dense::TiledMatrix<double> product = dense::zero_matrix<double>(exec_, P_.q, vectors.count);
    const dense::VectorSet<double> targets{B.data(), P_.q, vectors.length, vectors.length, 1};
    dense::gemm(exec_, targets, vectors, 1.0, &product);
    for_parts(exec_, vectors.count, P_.q, [&](Index begin, Index end) {
      transpose_rows(begin, end, P_.q, [&](Index i, Index t) { put(t * vectors.count + i, *product.at(t, i)); });
    });
  }

  const Execution& exec_;
  const Problem<T>& P_;
  bool twofold_;
};

// ---- The iteration ----

template <class T>
class Refinement {
public:
  // By the gradient of all features, or by the residuals of independent rows.
  Refinement(const Execution& exec, const Problem<T>& P, const NormalEquationsSolver& solver, bool by_gradient,
             double size, const Numbers& y)
      : exec_(exec), P_(P), solver_(solver), by_gradient_(by_gradient), size_(size), y_(y) {}

  // What products by tiles bring to an end but cannot certify, twofold ones can: residuals that are small, but not
  // zero.
  RefinedSolution run(double condition) {
    const Products<T> quick(exec_, P_, has_few_targets(P_)), sure(exec_, P_, true);
    products_ = &quick;
    const RefinedSolution found = iterate(condition);
    if (found.verdict == Certificate::Verdict::certified || !ended_ || quick.twofold()) return found;
    products_ = &sure;
    return iterate(condition);
  }

private:
  static constexpr double slowest = 0.5;

  RefinedSolution iterate(double condition) {
    const double floor = products_->twofold() ? 2 * eps : 10 * eps * condition;
    begin();
    double before = 1;
    ended_ = false;
    for (int step = 0; step <= most_refinements; ++step) {
      take_residual();
      if (ended_) {
        const double error = backward_error();
        if (error < acceptable) return {Certificate::Verdict::certified, error, step, std::move(b_), std::move(norms_)};
      }
      const double moved = correct(), rate = moved / before;
      // The first solution may be off by more than itself, and still converge.
      if (step <= 1) contraction_ = rate;
      if (!std::isfinite(moved) || (step > 0 && !(rate < slowest) && !(moved <= floor))) {
        ended_ = false;
        break;
      }
      // The first correction is as large as the error before it, relative to the solution: so is the next to this one.
      ended_ = moved * rate <= eps / 4 || moved <= floor;
      before = moved;
    }
    return {Certificate::Verdict::not_converged, std::numeric_limits<double>::quiet_NaN(), most_refinements, {}, {}};
  }

  // A first solution, by the factor alone.
  void begin() {
    b_low_.assign(P_.p * P_.q, 0.0);
    if (!by_gradient_) {
      copy_numbers(exec_, y_, &solved_);
      solver_.solve(&solved_);
      products_->combination(solved_, &b_);
    } else {
      products_->combination(y_, &b_);
      solver_.solve(&b_);
    }
  }

  void take_residual() {
    norms_.resize(P_.q);
    if (by_gradient_) return products_->gradient(b_, b_low_, y_, &left_, &norms_);
    products_->residual(b_, b_low_, y_, &left_);
    column_norms(exec_, left_.data(), P_.n, P_.q, norms_.data());
  }

  // Moves b; its largest relative change over the targets.
  double correct() {
    copy_numbers(exec_, left_, &solved_);
    solver_.solve(&solved_);
    if (!by_gradient_) products_->combination(solved_, &change_);
    const Numbers& change = by_gradient_ ? solved_ : change_;
    precision::add_unevaluated(exec_, change, &b_, &b_low_);
    double largest = 0;
    Numbers sizes(P_.q), wholes(P_.q);
    column_norms(exec_, change.data(), P_.p, P_.q, sizes.data());
    column_norms(exec_, b_.data(), P_.p, P_.q, wholes.data());
    for (Index t = 0; t < P_.q; ++t) {
      const double size = sizes[t], whole = wholes[t];
      if (size > 0) largest = std::max(largest, whole > 0 ? size / whole : 1.0);
      if (!std::isfinite(size)) return std::numeric_limits<double>::infinity();
    }
    return largest;
  }

  // The change of X or y, relative to their norms, that would make the answer exact: the largest over the targets. That
  // b of a wide X lies in the span of its rows is so by the way it was made, up to the rounding of its numbers.
  double backward_error() const {
    double largest = 0;
    Numbers next, b_norms(P_.q), y_norms(P_.q);
    column_norms(exec_, b_.data(), P_.p, P_.q, b_norms.data());
    column_norms(exec_, y_.data(), P_.n, P_.q, y_norms.data());
    for (Index t = 0; t < P_.q; ++t) {
      const double r = norms_[t], whole = size_ * b_norms[t] + y_norms[t];
      if (whole == 0) continue;
      double error = r / whole;
      if (by_gradient_) {
        const double* gradient = left_.data() + t * P_.p;
        // A change of X in the direction of r explains the gradient, one in that of b explains r (Stewart 1977).
        const double skew = r > 0 ? core::norm(gradient, P_.p) / (size_ * r) : 0.0;
        error = std::min(error, skew);
        if (!(error < acceptable)) {
          // Or a change of y by X db, db being the next correction, and one of X for what is left of the gradient then.
          if (next.empty()) {
            next = left_;
            solver_.solve(&next);
          }
          double square = 0;  // of X db: <db, G db>
          for (Index j = 0; j < P_.p; ++j) square += next[t * P_.p + j] * gradient[j];
          error = std::min(error, std::sqrt(std::max(square, 0.0)) / whole + contraction_ * skew);
        }
      }
      largest = std::max(largest, error);
    }
    return largest;
  }

  const Execution& exec_;
  const Problem<T>& P_;
  const NormalEquationsSolver& solver_;
  bool by_gradient_, ended_ = false;
  const Products<T>* products_ = nullptr;
  double size_;
  const Numbers& y_;
  double contraction_ = 1;
  Numbers b_, b_low_;     // the solution is their sum
  Numbers left_, norms_;  // y - X b, or X' (y - X b) if by the gradient
  Numbers solved_, change_;
};

}  // namespace

template <class T>
RefinedSolution refine_solution(const Execution& exec, const Problem<T>& problem, const NormalEquationsSolver& solver,
                                double frobenius_norm, double condition, const Numbers& y) {
  return Refinement<T>(exec, problem, solver, !problem.wide(), frobenius_norm, y).run(condition);
}

namespace {

class DeficientSolver : public NormalEquationsSolver {
public:
  DeficientSolver(const Execution& exec, const Problem<double>& P,
                  const std::function<Numbers(const Numbers&)>& multipliers)
      : products_(exec, P, has_few_targets(P)), multipliers_(multipliers) {}

  void solve(Numbers* B) const override { products_.combination(multipliers_(*B), B); }

private:
  Products<double> products_;
  const std::function<Numbers(const Numbers&)>& multipliers_;
};

}  // namespace

RefinedSolution refine_rank_deficient(const Execution& exec, const Problem<double>& P, double size, double condition,
                                      const Numbers& y, const std::function<Numbers(const Numbers&)>& multipliers) {
  const DeficientSolver solver(exec, P, multipliers);
  return Refinement<double>(exec, P, solver, true, size, y).run(condition);
}

RefinedSolution certify_solution(const Execution& exec, const Problem<double>& P, double size, const Numbers& y,
                                 const std::function<Numbers(const Numbers&)>& pseudo_inverse) {
  constexpr int most_corrections = 2;
  bool twofold = has_few_targets(P);
  Numbers low(P.p * P.q), gradient, left;
  RefinedSolution found{Certificate::Verdict::not_converged, 0, 0, pseudo_inverse(y), {}};
  for (;; ++found.refinements) {
    const Products<double> products(exec, P, twofold);
    products.gradient(found.b, low, y, &gradient, &found.residual_norms);
    found.backward_error = 0;
    for (Index t = 0; t < P.q; ++t) {
      const double r = found.residual_norms[t];
      const double whole = size * core::norm(found.b.data() + t * P.p, P.p) + core::norm(y.data() + t * P.n, P.n);
      if (r == 0 || whole == 0) continue;
      const double skew = size > 0 ? core::norm(gradient.data() + t * P.p, P.p) / (size * r) : 0.0;
      found.backward_error = std::max(found.backward_error, std::min(skew, r / whole));
    }
    if (found.backward_error < acceptable) found.verdict = Certificate::Verdict::certified;
    if (found.backward_error < acceptable || found.refinements == most_corrections) return found;
    twofold = true;
    products.residual(found.b, low, y, &left);
    precision::add_unevaluated(exec, pseudo_inverse(left), &found.b, &low);
  }
}

template RefinedSolution refine_solution(const Execution&, const Problem<float>&, const NormalEquationsSolver&, double,
                                         double, const Numbers&);
template RefinedSolution refine_solution(const Execution&, const Problem<double>&, const NormalEquationsSolver&, double,
                                         double, const Numbers&);

}  // namespace limbeck::least_squares
