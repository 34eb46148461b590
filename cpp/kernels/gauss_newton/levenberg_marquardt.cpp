#include "kernels/gauss_newton/levenberg_marquardt.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/core/reduce.hpp"
#include "kernels/gauss_newton/damped_normal_equations.hpp"
#include "kernels/network/relu_network.hpp"

namespace limbeck::gauss_newton {

namespace {

using Vector = std::vector<double>;

constexpr double first_damping = 1e-3;  // of the diagonal: the source's choice for starts that are neither good nor bad
// Where the cost is a quadratic form, that of a fit without neurons, a damping only has to make up for rounding.
constexpr double quadratic_damping = 1e-12;
constexpr double negligible_damping = 1e-3;  // of the diagonal: up to it a step is all but undamped
constexpr double most_damping = 1e12;    // steps are shorter than rounding and still not accepted: there is no descent
constexpr double least_damping = 1e-15;  // nothing below is seen beside the diagonal
constexpr double most_damping_decrease = 0.1;
constexpr double first_growth = 4;         // of the damping when a step is refused; each refusal in a row grows it more
constexpr double sufficient_ratio = 0.5;   // of gain and predicted gain: enough to keep the matrix of another point
constexpr double least_scale = 1e-12;      // of the largest: keeps the damped matrix positive definite
constexpr double cost_of_rounding = 1e-6;  // of the cost before: what is left is rounding where less remains
constexpr double step_of_rounding = 1e-13;  // of the parameters' norm
constexpr int most_small_steps = 2;

struct Evaluation {
  double cost, mean_squared_error;
  Vector gradient;
};

// `scale` is one over the sum of row weights. The gradient is left empty where it is not wanted.
Evaluation evaluate(const Execution& exec, const ReluFit& p, double scale, const Vector& parameters,
                    bool with_gradient) {
  const Index D = p.group_size();
  const ReluParameters at(p, parameters.data());
  Evaluation result;
  if (with_gradient) result.gradient.resize(parameters.size());
  result.mean_squared_error = scale * network::error_and_gradient(exec, at.net, p.X, p.n, p.y, p.v,
                                                                  with_gradient ? result.gradient.data() : nullptr);
  for (double& g : result.gradient) g *= scale;
  result.cost = result.mean_squared_error / 2;
  for (Index i = 0; i <= p.k; ++i) {
    const double* a = parameters.data() + i * D;
    result.cost += p.decay[i] / 2 * core::squared_norm(a, p.d);
    if (!with_gradient) continue;
    core::add_scaled(p.decay[i], a, result.gradient.data() + i * D, p.d);
    if (i < p.k && !p.thresholds) result.gradient[i * D + p.d] = 0;
  }
  return result;
}

// One run: the point, the damping, and the normal equations with the matrix of this point or of an earlier one.
class Descent {
public:
  Descent(const Execution& exec, const ReluFit& p, const LevenbergMarquardtOptions& options, const double* parameters)
      : exec_(exec),
        p_(p),
        options_(options),
        sampled_(options.solver == Solver::sampled && sample_is_worthwhile(exec, p)),
        dense_(options.solver == Solver::dense ||
               (options.solver != Solver::conjugate_gradients && dense_solver_is_faster(p))),
        theta_(parameters, parameters + p.n_parameters()),
        one_row_(1 / total_weight(exec, p)),
        here_(evaluate(exec, p, one_row_, theta_, true)),
        damping_(is_quadratic() ? quadratic_damping : first_damping) {
    equations_ = sampled_ ? sampled_solver(exec, p) : equations_of_all_rows();
  }
  Descent(const Descent&) = delete;
  Descent& operator=(const Descent&) = delete;

  LevenbergMarquardtResult run() {
    int steps = 0;
    bool converged = false;
    while (!converged && steps < options_.max_steps && damping_ <= most_damping && std::isfinite(here_.cost) &&
           in_time()) {
      exec_.check();
      converged = advance();
      ++steps;
    }
    return {here_.cost, here_.mean_squared_error, steps, converged};
  }

  const Vector& parameters() const { return theta_; }

private:
  bool is_quadratic() const { return p_.k == 0; }

  bool in_time() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() < options_.seconds;
  }

  std::unique_ptr<DampedNormalEquations> equations_of_all_rows() {
    if (dense_) return dense_solver(exec_, p_);
    return cg_solver(exec_, p_, options_.tolerance, [this] { return in_time(); });
  }

  // One step, accepted or refused; true at the end.
  bool advance() {
    if (stale_) renew_matrix();
    bool settled = false, accepted = false;
    const bool solved = equations_->solve(damping_, scale_, here_.gradient, here_.cost, &step_);
    if (solved) {
      const double predicted = predicted_gain();
      // All but undamped, a step goes to the minimum that the cost would have without its kinks. Where not even that
      // promises a gain the rest is a series of short steps between kinks. (Where near-collinear neurons make
      // directions that even this damping holds back, a tolerance of 1e-4 or less is needed to reach the minimum:
      // measured.)
      settled = damping_ <= negligible_damping && predicted < options_.tolerance * here_.cost;
      accepted = accept(predicted, &settled);
    }
    // A step that is refused though it is as small as rounding is the end.
    const bool at_rounding = solved && !accepted && core::norm(step_) < step_of_rounding * core::norm(theta_);
    if (!accepted) refuse();
    return settled || small_steps_ >= most_small_steps || at_rounding || here_.cost == 0;
  }

  void renew_matrix() {
    scale_ = equations_->move_to(theta_);
    const double largest =
        std::max(*std::max_element(scale_.begin(), scale_.end()), std::numeric_limits<double>::min());
    for (double& s : scale_) s = std::max(s, least_scale * largest);
    stale_ = moved_ = false;
  }

  // The fall of the cost along the step, by the quadratic model.
  double predicted_gain() const {
    double held_back = 0;
    for (std::size_t i = 0; i < step_.size(); ++i) held_back += step_[i] * scale_[i] * step_[i];
    return 0.5 * (damping_ * held_back - core::dot(step_, here_.gradient));
  }

  // Takes the step if the cost falls. The gradient is left out where the step is the last one in any case.
  bool accept(double predicted, bool* settled) {
    Vector there_theta = theta_;
    core::add_scaled(1.0, step_.data(), there_theta.data(), p_.n_parameters());
    Evaluation there = evaluate(exec_, p_, one_row_, there_theta, !*settled);
    const double gained = here_.cost - there.cost;
    if (!(std::isfinite(there.cost) && gained > 0)) return false;
    small_steps_ = gained < options_.tolerance * here_.cost ? small_steps_ + 1 : 0;
    // One exact step goes to the minimum of a quadratic form; a second is worth its time only where all that is left of
    // the cost is rounding.
    *settled = *settled || (is_quadratic() && dense_ && there.cost > cost_of_rounding * here_.cost);
    theta_ = std::move(there_theta);
    here_ = std::move(there);
    const double ratio = predicted > 0 ? gained / predicted : 0;
    moved_ = !is_quadratic();
    stale_ = moved_ && !(sampled_ && ratio > sufficient_ratio);
    damping_ = std::max(damping_ * std::max(most_damping_decrease, 1 - std::pow(2 * ratio - 1, 3)), least_damping);
    growth_ = first_growth;
    return true;
  }

  void refuse() {
    stale_ = moved_;
    if (sampled_ && !stale_) {  // the sample misses something, such as a neuron that few rows reach
      sampled_ = false;
      stale_ = true;
      equations_ = equations_of_all_rows();
    }
    damping_ *= growth_;
    growth_ *= first_growth;
  }

  const Execution& exec_;
  const ReluFit& p_;
  const LevenbergMarquardtOptions options_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool sampled_;
  const bool dense_;
  Vector theta_;
  const double one_row_;  // the part of a row of weight one in the cost
  Evaluation here_;
  double damping_, growth_ = first_growth;
  std::unique_ptr<DampedNormalEquations> equations_;
  Vector scale_, step_;
  bool stale_ = true, moved_ = false;  // whether the matrix is to be formed anew; whether it is that of another point
  int small_steps_ = 0;                // accepted ones in a row that gained less than the tolerance
};

}  // namespace

LevenbergMarquardtResult levenberg_marquardt(const Execution& exec, const ReluFit& problem,
                                             const LevenbergMarquardtOptions& options, double* parameters) {
  Descent descent(exec, problem, options, parameters);
  const LevenbergMarquardtResult result = descent.run();
  std::copy(descent.parameters().begin(), descent.parameters().end(), parameters);
  return result;
}

}  // namespace limbeck::gauss_newton
