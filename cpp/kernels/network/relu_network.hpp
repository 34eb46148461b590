// Sums of ReLUs, f(x) = sum_i c_i relu(<a_i, x> + t_i) + <w, x> + b, on rows.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck {

template <class T>
struct Network {
  Index k, d;
  const T* weights;     // a (k, d)
  const T* thresholds;  // t (k)
  const T* output;      // c (k)
  const T* linear;      // w (d)
  T bias;
};

// out (n) = f(x_i).
template <class T>
void network_forward(const Execution& exec, const Network<T>& net, const T* X, Index n, T* out);

// out (n, m) = X C', for directions C (m, d). Unlike a product by a BLAS, bitwise the same for any number of threads.
template <class T>
void project(const Execution& exec, const T* X, Index n, Index d, const T* directions, Index m, T* out);

// Weighted squared error of the network against y, and its gradient. With r_i = f(x_i) - y_i and row weights v_i (null:
// one): returns sum v r^2 and writes J' diag(v) r, J the derivative by (a_1, t_1, ..., a_k, t_k, w, b): k + 1 groups of
// d + 1 numbers. Without a gradient to write (null) it is cheaper, and the sum is the same.
template <class T>
double network_gradient(const Execution& exec, const Network<T>& net, const T* X, Index n, const T* y, const T* v,
                        T* gradient);

}  // namespace limbeck
