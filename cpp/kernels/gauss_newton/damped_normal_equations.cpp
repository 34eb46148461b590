#include "kernels/gauss_newton/damped_normal_equations.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <utility>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/cholesky.hpp"
#include "kernels/gauss_newton/gauss_newton_matrix.hpp"
#include "kernels/gauss_newton/gauss_newton_operator.hpp"
#include "kernels/gauss_newton/kronecker_preconditioner.hpp"

namespace limbeck::gauss_newton {

namespace {

using Matrix = dense::TiledMatrix<double>;
using Vector = std::vector<double>;

// With m rows for P parameters the matrix is off by about sqrt(P / m), and so is each step.
constexpr Index sample_rows_per_parameter = 30;

// One row from each of as many equal stretches of the rows, drawn the same way every time.
class RowSample {
public:
  RowSample(const ReluFit& p, Index count) : X_(count * p.d), y_(count), v_(p.v ? count : 0), problem_(p) {
    std::mt19937_64 random(count);
    for (Index s = 0; s < count; ++s) {
      const Index begin = s * p.n / count, size = (s + 1) * p.n / count - begin;
      const Index row = begin + static_cast<Index>(random() % static_cast<std::uint64_t>(size));
      std::copy_n(p.X + row * p.d, p.d, X_.data() + s * p.d);
      y_[s] = p.y[row];
      if (p.v) v_[s] = p.v[row];
    }
    problem_.X = X_.data();
    problem_.n = count;
    problem_.y = y_.data();
    problem_.v = p.v ? v_.data() : nullptr;
  }
  RowSample(const RowSample&) = delete;
  RowSample& operator=(const RowSample&) = delete;

  const ReluFit& problem() const { return problem_; }

private:
  std::vector<double> X_, y_, v_;
  ReluFit problem_;
};

class DenseSolver : public DampedNormalEquations {
public:
  DenseSolver(const Execution& exec, const ReluFit& problem)
      : exec_(exec), problem_(problem), hessian_(problem.n_parameters() * problem.n_parameters()) {}

  Vector move_to(const Vector& parameters) override {
    gauss_newton_matrix(exec_, problem_, parameters.data(), hessian_.data());
    const Index D = problem_.group_size(), P = problem_.n_parameters();
    for (Index i = 0; i <= problem_.k; ++i) {
      for (Index j = i * D; j < i * D + problem_.d; ++j) hessian_[j * P + j] += problem_.decay[i];
      if (problem_.thresholds || i == problem_.k) continue;
      const Index at = i * D + problem_.d;
      for (Index j = 0; j < P; ++j) hessian_[at * P + j] = hessian_[j * P + at] = 0;
      hessian_[at * P + at] = 1;
    }
    Vector diagonal(P);
    for (Index j = 0; j < P; ++j) diagonal[j] = hessian_[j * P + j];
    return diagonal;
  }

  bool solve(double damping, const Vector& scale, const Vector& gradient, double, Vector* step) override {
    const Index P = problem_.n_parameters();
    Matrix damped(P, P), solution(P, 1);
    for (Index j = 0; j < P; ++j) {
      std::copy_n(hessian_.data() + j * P + j, P - j, damped.at(j, j));
      *damped.at(j, j) += damping * scale[j];
      *solution.at(j, 0) = -gradient[j];
    }
    if (!dense::cholesky(exec_, &damped)) return false;
    dense::solve_lower(exec_, damped, &solution);
    dense::solve_lower_transposed(exec_, damped, &solution);
    step->assign(solution.at(0, 0), solution.at(P, 0));
    return core::all_finite(*step);
  }

private:
  const Execution& exec_;
  const ReluFit& problem_;
  Vector hessian_;  // (P, P)
};

class SampledSolver final : private RowSample, public DenseSolver {
public:
  SampledSolver(const Execution& exec, const ReluFit& problem)
      : RowSample(problem, sample_rows_per_parameter * problem.n_parameters()),
        DenseSolver(exec, RowSample::problem()) {}
};

class CgSolver final : public DampedNormalEquations {
public:
  CgSolver(const Execution& exec, const ReluFit& p, double tolerance, std::function<bool()> in_time)
      : exec_(exec), problem_(p), tolerance_(tolerance), in_time_(std::move(in_time)) {
    mean_target_square_ =
        std::max(squared_targets(exec, p) / total_weight(exec, p), std::numeric_limits<double>::min());
    // The sums over the span may take as long as four products: at least so many are saved in the steps of one solve.
    constexpr Index most_products_for_span = 4;
    const Index products = (p.k + 1) * (p.k + 1) * (p.k + 1) / (4 * p.group_size());
    features_ = p.k > 0 && products <= most_products_for_span ? GaussNewtonOperator::Features::products_and_one
                                                              : GaussNewtonOperator::Features::one;
  }

  Vector move_to(const Vector& parameters) override {
    product_.reset();
    product_ = std::make_unique<GaussNewtonOperator>(exec_, problem_, parameters.data(), features_);
    parameters_ = parameters;
    const Index D = problem_.group_size();
    Vector diagonal = product_->diagonal();
    for (Index i = 0; i <= problem_.k; ++i) {
      for (Index j = i * D; j < i * D + problem_.d; ++j) diagonal[j] += problem_.decay[i];
      if (!problem_.thresholds && i < problem_.k) diagonal[i * D + problem_.d] = 1;
    }
    return diagonal;
  }

  bool solve(double damping, const Vector& scale, const Vector& gradient, double cost, Vector* step) override {
    form_outer_product_if_due();
    const KroneckerPreconditioner preconditioner(exec_, problem_, outer_ ? &*outer_ : nullptr, *product_, parameters_,
                                                 damping, scale);
    const Index P = problem_.n_parameters();
    Vector residual(P), z(P), direction, image(P);
    for (Index j = 0; j < P; ++j) residual[j] = -gradient[j];
    step->assign(P, 0.0);
    preconditioner.apply(residual, &z);
    direction = z;
    double energy = core::dot(residual, z);
    const double end = energy * std::pow(accuracy(energy, cost), 2);
    for (int i = 0; i < most_products && energy > end; ++i, ++products_) {
      exec_.check();
      if (!in_time_()) return i > 0;
      multiply(damping, scale, direction, &image);
      const double curvature = core::dot(direction, image);
      if (!(curvature > 0)) break;
      const double length = energy / curvature;
      core::add_scaled(length, direction.data(), step->data(), P);
      core::add_scaled(-length, image.data(), residual.data(), P);
      preconditioner.apply(residual, &z);
      const double next = core::dot(residual, z);
      for (Index j = 0; j < P; ++j) direction[j] = z[j] + next / energy * direction[j];
      energy = next;
    }
    return core::all_finite(*step);
  }

private:
  static constexpr int most_products = 200;  // of one step: beyond, a new linearisation is worth more than digits

  // To what fraction the residual of the system is to fall, in the norm of the preconditioner. `energy` is about twice
  // the cost that the step can gain. Once the gates are right a single exact step ends at the minimum, so the fraction
  // falls with what is left to gain; but neither below rounding of the targets, nor below the tolerance.
  double accuracy(double energy, double cost) const {
    const double left = energy / mean_target_square_;
    return std::min(0.1,
                    std::max({std::cbrt(left), std::sqrt(1e-31 / left), 0.3 * std::sqrt(tolerance_ * cost / energy)}));
  }

  void multiply(double damping, const Vector& scale, const Vector& direction, Vector* image) const {
    product_->apply(direction.data(), image->data());
    const Index D = problem_.group_size();
    for (Index j = 0; j < problem_.n_parameters(); ++j) (*image)[j] += damping * scale[j] * direction[j];
    for (Index i = 0; i <= problem_.k; ++i) {
      core::add_scaled(problem_.decay[i], direction.data() + i * D, image->data() + i * D, problem_.d);
      if (!problem_.thresholds && i < problem_.k) (*image)[i * D + problem_.d] = 0;
    }
  }

  // The mean outer product takes about as long as (d + 1) / (12 (k + 1)) products (measured) and saves few of them for
  // inputs that are white, most of them for inputs that are not. It is formed once as much time has gone into products
  // as forming it takes: at worst twice the optimum.
  void form_outer_product_if_due() {
    constexpr Index most_features = 4096;  // 128 MiB
    const Index D = problem_.group_size();
    if (outer_ || problem_.n < D || D > most_features || products_ * 12 * (problem_.k + 1) < D) return;
    outer_.emplace(mean_outer_product(exec_, problem_));
  }

  const Execution& exec_;
  const ReluFit& problem_;
  double tolerance_;
  std::function<bool()> in_time_;
  double mean_target_square_ = 0;
  GaussNewtonOperator::Features features_;
  std::unique_ptr<GaussNewtonOperator> product_;
  Vector parameters_;
  std::optional<Matrix> outer_;
  Index products_ = 0;
};

}  // namespace

std::unique_ptr<DampedNormalEquations> dense_solver(const Execution& exec, const ReluFit& problem) {
  return std::make_unique<DenseSolver>(exec, problem);
}

std::unique_ptr<DampedNormalEquations> sampled_solver(const Execution& exec, const ReluFit& problem) {
  return std::make_unique<SampledSolver>(exec, problem);
}

std::unique_ptr<DampedNormalEquations> cg_solver(const Execution& exec, const ReluFit& problem, double tolerance,
                                                 std::function<bool()> in_time) {
  return std::make_unique<CgSolver>(exec, problem, tolerance, std::move(in_time));
}

bool dense_solver_is_faster(const ReluFit& p) {
  // Measured with n from 1,000 to 100,000, d from 8 to 300 and k from 2 to 8: the two are equally fast at about 450
  // parameters, a factor of 2 apart at 200 and of 3 at 1,800. The number of rows hardly matters. Since both have become
  // faster: whole fits of 279 parameters take conjugate gradients .7 to 1.8 times as long, of 459 1.2 times, of 606 .3
  // to .6 times.
  return p.n_parameters() < 450;
}

bool sample_is_worthwhile(const Execution& exec, const ReluFit& p) {
  constexpr Index most_parameters = 2000;  // beyond, Cholesky takes longer than the gradient
  if (p.k == 0 || p.n_parameters() > most_parameters) return false;
  // Their effective number: (sum v)^2 / sum v^2 for row weights v.
  const double squares = squared_weight(exec, p);
  const double rows = squares > 0 ? std::pow(total_weight(exec, p), 2) / squares : 0.0;
  return rows >= 2.0 * sample_rows_per_parameter * p.n_parameters();
}

}  // namespace limbeck::gauss_newton
