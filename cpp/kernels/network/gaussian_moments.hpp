// Moments of sums of ReLUs under x ~ N(0, I), in closed form.
#pragma once

#include "kernels/network/relu_network.hpp"

namespace limbeck::network {

struct GaussianMoments {
  double mean, second_moment, variance;  // E f, E f^2, E f^2 - (E f)^2
};

// Without thresholds: double-double throughout, so that near-collinear neurons with large opposite weights may cancel.
// With thresholds: double precision and a quadrature of the bivariate normal density.
GaussianMoments gaussian_moments(const Execution& exec, const ReluNetwork<double>& net);

}  // namespace limbeck::network
