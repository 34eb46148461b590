#include "kernels/gauss_newton/levenberg_marquardt.hpp"

#include <chrono>
#include <cmath>
#include <limits>

#include "kernels/core/reduce.hpp"
#include "kernels/gauss_newton/damped_normal_equations.hpp"
#include "kernels/network/relu_network.hpp"

namespace limbeck {

namespace {

using Vector = std::vector<double>;

constexpr double nearly_none = 1e-3;    // damping that leaves a step what it is without
constexpr double rounding_left = 1e-6;  // of the cost
constexpr double kept_promise = 0.5;    // of a step's gain: enough to go on with a matrix that is of another place
constexpr double most_damping = 1e12;   // no step down is found at all
constexpr double first_growth = 4;      // of the damping when a step is refused; each refusal in a row grows it more

struct Evaluation {
  double cost, mean_squared_error;
  Vector gradient;
};

// The gradient is left empty where it is not wanted.
Evaluation evaluate(const Execution& exec, const RefineProblem& p, const Vector& parameters, bool with_gradient) {
  const Index D = p.group_size();
  const Unpacked at(p, parameters.data());
  Evaluation result;
  if (with_gradient) result.gradient.resize(parameters.size());
  const double scale = 1 / p.total_weight();
  result.mean_squared_error =
      scale * network_gradient(exec, at.net, p.X, p.n, p.y, p.v, with_gradient ? result.gradient.data() : nullptr);
  for (double& g : result.gradient) g *= scale;
  result.cost = result.mean_squared_error / 2;
  for (Index i = 0; i <= p.k; ++i) {
    const double* a = parameters.data() + i * D;
    result.cost += p.decay[i] / 2 * squared_norm(a, p.d);
    if (!with_gradient) continue;
    add_scaled(p.decay[i], a, result.gradient.data() + i * D, p.d);
    if (i < p.k && !p.thresholds) result.gradient[i * D + p.d] = 0;
  }
  return result;
}

}  // namespace

RefineResult refine(const Execution& exec, const RefineProblem& p, const RefineOptions& options, double* parameters) {
  const auto start = std::chrono::steady_clock::now();
  const auto in_time = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < options.seconds;
  };
  bool sampled = options.road == Road::sampled && sample_is_worthwhile(p);
  const bool dense = options.road == Road::dense || (options.road != Road::iterative && dense_is_faster(p));
  const auto system_of_all_rows = [&] {
    return dense ? dense_system(exec, p) : iterative_system(exec, p, options.tolerance, in_time);
  };
  auto system = sampled ? sampled_system(exec, p) : system_of_all_rows();
  Vector theta(parameters, parameters + p.n_parameters());
  Evaluation here = evaluate(exec, p, theta, true);
  RefineResult result{here.cost, here.mean_squared_error, 0, false};
  Vector scale, step;
  // Without neurons the cost is a quadratic form, and needs no damping.
  const bool quadratic = p.k == 0;
  double damping = quadratic ? 1e-12 : 1e-3, growth = first_growth;
  bool stale = true, moved = false;  // whether the matrix is to be taken anew, whether it is of another place
  int small_steps = 0;
  for (; result.steps < options.max_steps && std::isfinite(here.cost) && in_time(); ++result.steps) {
    exec.check();
    if (stale) {
      scale = system->move_to(theta);
      // A parameter that no row moves keeps a tiny scale, so that the damped matrix stays positive definite.
      const double largest =
          std::max(*std::max_element(scale.begin(), scale.end()), std::numeric_limits<double>::min());
      for (double& s : scale) s = std::max(s, 1e-12 * largest);
      stale = moved = false;
    }
    bool accepted = false, settled = false;
    const bool solved = system->solve(damping, scale, here.gradient, here.cost, &step);
    if (solved) {
      double held_back = 0;
      for (std::size_t i = 0; i < step.size(); ++i) held_back += step[i] * scale[i] * step[i];
      const double predicted = 0.5 * (damping * held_back - dot(step, here.gradient));
      // All but undamped, the step goes to the minimum of the cost as it would be without the kinks: what it cannot
      // gain is not there to be gained, and the rest is a crawl from kink to kink. (Where near-collinear neurons make
      // directions that even this damping holds back, only a tolerance of 1e-4 or less sees to the end: measured.)
      settled = damping <= nearly_none && predicted < options.tolerance * here.cost;
      Vector moved_to = theta;
      add_scaled(1.0, step.data(), moved_to.data(), p.n_parameters());
      Evaluation there = evaluate(exec, p, moved_to, !settled);
      const double gained = here.cost - there.cost;
      accepted = std::isfinite(there.cost) && gained > 0;
      if (accepted) {
        small_steps = gained < options.tolerance * here.cost ? small_steps + 1 : 0;
        // Of a quadratic form one exact step leaves rounding: worth a second only where all that is left is rounding.
        settled = settled || (quadratic && dense && there.cost > rounding_left * here.cost);
        theta = std::move(moved_to);
        here = std::move(there);
        const double ratio = predicted > 0 ? gained / predicted : 0;
        moved = !quadratic;
        stale = moved && !(sampled && ratio > kept_promise);
        damping = std::max(damping * std::max(1.0 / 10, 1 - std::pow(2 * ratio - 1, 3)), 1e-15);
        growth = first_growth;
      }
    }
    // A step that is refused though it is as small as rounding is the end.
    const bool at_rounding = solved && !accepted && std::sqrt(dot(step, step)) < 1e-13 * std::sqrt(dot(theta, theta));
    if (!accepted) {
      stale = moved;
      if (sampled && !stale) {  // the sample misses something, such as a neuron that few rows reach
        sampled = false;
        stale = true;
        system = system_of_all_rows();
      }
      damping *= growth;
      growth *= first_growth;
    }
    result.converged = settled || small_steps >= 2 || at_rounding || here.cost == 0;
    if (result.converged || damping > most_damping) {
      ++result.steps;
      break;
    }
  }
  std::copy(theta.begin(), theta.end(), parameters);
  result.cost = here.cost;
  result.mean_squared_error = here.mean_squared_error;
  return result;
}

}  // namespace limbeck
