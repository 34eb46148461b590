// The least-squares fit of a sum of ReLUs, and its parameters as a network.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/core/execution.hpp"
#include "kernels/network/relu_network.hpp"

namespace limbeck::gauss_newton {

// f(x) = sum_i sign_i relu(<a_i, x> + t_i) + <w, x> + b. The output weights are signs: their sizes live in a_i and t_i.
// Parameters, k + 1 groups of d + 1 numbers: (a_1, t_1), ..., (a_k, t_k), (w, b).
struct ReluFit {
  const double* X;
  Index n, d;
  const double* y;
  const double* v;  // row weights, or null for ones
  Index k;
  const double* signs;
  bool thresholds;      // whether the t_i move
  const double* decay;  // (k + 1): the cost is sum v r^2 / (2 sum v) + sum decay_i / 2 |a_i|^2, w being the last a_i

  Index group_size() const { return d + 1; }
  Index n_parameters() const { return (k + 1) * (d + 1); }
};

// Sum of the row weights: one pass over them. Its callers keep it.
double total_weight(const Execution& exec, const ReluFit& problem);

// Sums over rows of v^2 and of v y^2, v being one without row weights.
double squared_weight(const Execution& exec, const ReluFit& problem);
double squared_targets(const Execution& exec, const ReluFit& problem);

// The parameters as a network: directions and thresholds apart.
struct ReluParameters {
  std::vector<double> weights, thresholds;
  network::ReluNetwork<double> net;

  ReluParameters(const ReluFit& p, const double* parameters) : weights(p.k * p.d), thresholds(p.k) {
    const Index D = p.group_size();
    for (Index i = 0; i < p.k; ++i) {
      std::copy_n(parameters + i * D, p.d, weights.data() + i * p.d);
      thresholds[i] = parameters[i * D + p.d];
    }
    const double* last = parameters + p.k * D;
    net = {p.k, p.d, weights.data(), thresholds.data(), p.signs, last, last[p.d]};
  }
};

}  // namespace limbeck::gauss_newton
