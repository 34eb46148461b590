#include "kernels/refine.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/grouped_gram.hpp"
#include "kernels/network.hpp"
#include "kernels/thin.hpp"

namespace limbeck {

namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Block = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

double total_weight(const RefineProblem& p) {
  return p.v ? std::accumulate(p.v, p.v + p.n, 0.0) : static_cast<double>(p.n);
}

// The parameters as a network: directions and thresholds apart.
struct Unpacked {
  std::vector<double> weights, thresholds;
  Network<double> net;

  Unpacked(const RefineProblem& p, const double* parameters) : weights(p.k * p.d), thresholds(p.k) {
    const Index D = p.d + 1;
    for (Index i = 0; i < p.k; ++i) {
      std::copy_n(parameters + i * D, p.d, weights.data() + i * p.d);
      thresholds[i] = parameters[i * D + p.d];
    }
    const double* last = parameters + p.k * D;
    net = {p.k, p.d, weights.data(), thresholds.data(), p.signs, last, last[p.d]};
  }
};

struct Evaluation {
  double cost, mean_squared_error;
  Vector gradient;
};

Evaluation evaluate(const Execution& exec, const RefineProblem& p, const Vector& parameters) {
  const Index D = p.d + 1;
  const Unpacked at(p, parameters.data());
  Evaluation result;
  result.gradient.resize(parameters.size());
  const double scale = 1 / total_weight(p);
  result.mean_squared_error = scale * network_gradient(exec, at.net, p.X, p.n, p.y, p.v, result.gradient.data());
  result.gradient *= scale;
  result.cost = result.mean_squared_error / 2;
  for (Index i = 0; i <= p.k; ++i) {
    const auto a = parameters.segment(i * D, p.d);
    result.cost += p.decay / 2 * a.squaredNorm();
    result.gradient.segment(i * D, p.d) += p.decay * a;
    if (i < p.k && !p.thresholds) result.gradient[i * D + p.d] = 0;
  }
  return result;
}

// Which neurons' gates are told apart in one pass over the rows. Grams of gate patterns are summed, so a pass with b
// gates yields the masked Grams of all their pairs; more gates than fit one pass are taken two sets at a time.
struct GateSets {
  std::vector<std::vector<Index>> passes;  // the neurons of each pass

  GateSets(Index k, Index n, Index d) {
    // Patterns pay while each has a few dozen rows and all their Grams stay within a fixed budget.
    constexpr Index budget_bytes = Index{24} << 20, rows_per_pattern = 32, most_bits = 10;
    Index bits = 2;
    while (bits < most_bits && (Index{2} << bits) * rows_per_pattern <= n &&
           (Index{2} << bits) * GroupedGrams::bytes_per_group(d) <= budget_bytes) {
      ++bits;
    }
    std::vector<Index> all(k);
    std::iota(all.begin(), all.end(), Index{0});
    if (k <= bits) {
      passes.push_back(all);
      return;
    }
    const Index sets = (k + bits / 2 - 1) / (bits / 2);
    for (Index s = 0; s < sets; ++s) {
      for (Index t = 0; t < s; ++t) {
        std::vector<Index> both(all.begin() + k * t / sets, all.begin() + k * (t + 1) / sets);
        both.insert(both.end(), all.begin() + k * s / sets, all.begin() + k * (s + 1) / sets);
        passes.push_back(both);
      }
    }
  }
};

// Number whose bit b tells whether the gate of neurons[b] is open, for each row.
void gate_patterns(const Execution& exec, const RefineProblem& p, const Unpacked& at, const std::vector<Index>& neurons,
                   Index first, Index rows, std::vector<GroupedGrams::Group>* patterns) {
  const auto count = static_cast<Index>(neurons.size());
  ThinMatrix<double> C(count, p.d);
  for (Index b = 0; b < count; ++b) C.set(b, at.weights.data() + neurons[b] * p.d);
  const Index block = thin_block_rows<double>(p.d), stride = thin_stride<double>(count);
  exec.for_each((rows + block - 1) / block, 2.0 * rows * count * p.d, [&](Index task) {
    AlignedBuffer<double> z(block * stride);
    const Index begin = task * block, size = std::min(block, rows - begin);
    Prefetch ahead(p.X + (first + begin + size) * p.d, size * p.d, 1);
    thin_forward(p.X + (first + begin) * p.d, size, C, z.data(), ahead);
    for (Index r = 0; r < size; ++r) {
      unsigned pattern = 0;
      for (Index b = 0; b < count; ++b) {
        if (z.data()[r * stride + b] + at.thresholds[neurons[b]] > 0) pattern |= 1u << b;
      }
      (*patterns)[begin + r] = static_cast<GroupedGrams::Group>(pattern);
    }
  });
}

// Writes one block of the normal matrix and its mirror image.
void put_block(Index i, Index j, const Block& gram, double factor, double* hessian, Index P) {
  const Index D = gram.rows();
  Eigen::Map<Block> H(hessian, P, P);
  H.block(i * D, j * D, D, D) = factor * gram;
  H.block(j * D, i * D, D, D) = factor * gram;
}

// Solve (hessian + damping * diag) step = -gradient; false if the matrix is not positive definite.
bool solve_damped(const Matrix& hessian, const Vector& scale, double damping, const Vector& gradient, Vector* step) {
  Matrix damped = hessian;
  damped.diagonal() += damping * scale;
  const Eigen::LLT<Eigen::Ref<Matrix>> factor(damped);
  if (factor.info() != Eigen::Success) return false;
  *step = factor.solve(-gradient);
  return step->allFinite();
}

// Rows and columns of parameters that do not move become those of the identity.
void freeze_thresholds(const RefineProblem& p, Matrix* hessian) {
  const Index D = p.d + 1;
  for (Index i = 0; i < p.k; ++i) {
    const Index at = i * D + p.d;
    hessian->row(at).setZero();
    hessian->col(at).setZero();
    (*hessian)(at, at) = 1;
  }
}

}  // namespace

void normal_matrix(const Execution& exec, const RefineProblem& p, const double* parameters, double* hessian) {
  const Index D = p.d + 1, P = (p.k + 1) * D;
  const Unpacked at(p, parameters);
  const double scale = 1 / total_weight(p);
  std::vector<GroupedGrams::Group> patterns(std::min(p.n, GroupedGrams::chunk_rows));
  for (const auto& neurons : GateSets(p.k, p.n, p.d).passes) {
    const auto count = static_cast<Index>(neurons.size());
    GroupedGrams grams(p.d, Index{1} << count);
    for (Index first = 0; first < p.n; first += GroupedGrams::chunk_rows) {
      const Index rows = std::min(GroupedGrams::chunk_rows, p.n - first);
      gate_patterns(exec, p, at, neurons, first, rows, &patterns);
      grams.add(exec, p.X + first * p.d, rows, patterns.data(), p.v ? p.v + first : nullptr);
    }
    // Pairs (a, b), a >= b: b = -1 stands for the linear part, whose gate is always open.
    const Index pairs = (count + 1) * (count + 2) / 2;
    exec.for_each(pairs, static_cast<double>(pairs << count) * D * D / 8, [&](Index pair) {
      Index a = -1, b = -1;
      for (Index rest = pair; rest > 0; --rest) {
        if (++b > a) b = -1, ++a;
      }
      Block gram(D, D);
      const unsigned bits = (a < 0 ? 0u : 1u << a) | (b < 0 ? 0u : 1u << b);
      grams.sum_of(bits, gram.data());
      const Index i = a < 0 ? p.k : neurons[a], j = b < 0 ? p.k : neurons[b];
      put_block(i, j, gram, scale * (a < 0 ? 1 : p.signs[i]) * (b < 0 ? 1 : p.signs[j]), hessian, P);
    });
  }
}

RefineResult refine(const Execution& exec, const RefineProblem& p, const RefineOptions& options, double* parameters) {
  const Index D = p.d + 1, P = (p.k + 1) * D;
  Eigen::Map<Vector> theta(parameters, P);
  Evaluation here = evaluate(exec, p, theta);
  RefineResult result{here.cost, here.mean_squared_error, 0, false};
  Matrix hessian(P, P);
  Vector scale, step;
  double damping = 1e-3, growth = 2;
  bool stale = true;
  int small_steps = 0;
  const auto start = std::chrono::steady_clock::now();
  const auto in_time = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < options.seconds;
  };
  for (; result.steps < options.max_steps && std::isfinite(here.cost) && in_time(); ++result.steps) {
    exec.check();
    if (stale) {
      normal_matrix(exec, p, theta.data(), hessian.data());
      for (Index i = 0; i <= p.k; ++i) hessian.diagonal().segment(i * D, p.d).array() += p.decay;
      if (!p.thresholds) freeze_thresholds(p, &hessian);
      // A parameter that no row moves keeps a tiny scale, so that the damped matrix stays positive definite.
      const double largest = std::max(hessian.diagonal().maxCoeff(), std::numeric_limits<double>::min());
      scale = hessian.diagonal().cwiseMax(1e-12 * largest);
      stale = false;
    }
    bool accepted = false;
    if (solve_damped(hessian, scale, damping, here.gradient, &step)) {
      const double predicted = 0.5 * (damping * step.cwiseProduct(scale).dot(step) - step.dot(here.gradient));
      Evaluation there = evaluate(exec, p, theta + step);
      const double gained = here.cost - there.cost;
      accepted = std::isfinite(there.cost) && gained > 0;
      if (accepted) {
        small_steps = gained < options.tolerance * here.cost ? small_steps + 1 : 0;
        theta += step;
        here = std::move(there);
        stale = true;
        const double ratio = predicted > 0 ? gained / predicted : 0;
        damping = std::max(damping * std::max(1.0 / 10, 1 - std::pow(2 * ratio - 1, 3)), 1e-15);
        growth = 2;
      }
    }
    // A step that is refused though it is as small as rounding is the end.
    const bool at_rounding = !accepted && step.size() == P && step.norm() < 1e-13 * theta.norm();
    if (!accepted) {
      damping *= growth;
      growth *= 2;
    }
    if (small_steps >= 2 || at_rounding || here.cost == 0 || damping > 1e12) {
      result.converged = true;
      ++result.steps;
      break;
    }
  }
  result.cost = here.cost;
  result.mean_squared_error = here.mean_squared_error;
  return result;
}

}  // namespace limbeck
