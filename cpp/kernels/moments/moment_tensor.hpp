// The dense empirical Hermite moment tensor, M = mean_i y_i He_l(x_i), for few features.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck::moments {

// out (q, d, ..., d), `order` times d: the tensor of each of the targets y (n, q) for X (n, d); n >= 1.
template <class T>
void moment_tensor(const Execution& exec, const T* X, Index n, Index d, const T* y, Index q, int order, T* out);

}  // namespace limbeck::moments
