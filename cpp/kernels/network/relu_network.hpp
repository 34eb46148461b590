// Sums of ReLUs, f(x) = sum_i c_i relu(<a_i, x> + t_i) + <w, x> + b, on rows.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck::network {

template <class T>
struct ReluNetwork {
  Index k, d;
  const T* weights;     // a (k, d)
  const T* thresholds;  // t (k)
  const T* output;      // c (k)
  const T* linear;      // w (d)
  T bias;
};

// out (n) = f(x_i).
template <class T>
void forward(const Execution& exec, const ReluNetwork<T>& net, const T* X, Index n, T* out);

// Weighted squared error of the network against y, and its gradient. With r_i = f(x_i) - y_i and row weights v_i (null:
// one): returns sum v r^2 and writes J' diag(v) r, J the derivative by (a_1, t_1, ..., a_k, t_k, w, b): k + 1 groups of
// d + 1 numbers. Without a gradient to write (null) it is cheaper, and the sum is the same.
template <class T>
double error_and_gradient(const Execution& exec, const ReluNetwork<T>& net, const T* X, Index n, const T* y, const T* v,
                          T* gradient);

}  // namespace limbeck::network
