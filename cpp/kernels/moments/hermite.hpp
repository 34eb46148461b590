// Probabilists' Hermite polynomials of a Gaussian variable of any variance.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck::moments {

// With variance v = |g|^2 and t = <g, x>, h_l(t) = |g|^l He_l(t / |g|) obeys h_{l+1} = t h_l - l v h_{l-1}. It needs no
// division, so g = 0 is no special case (h_l = 0 for l > 0).
//
// Writes h_l for l = 0 ... order at out[l * stride + r], r < rows.
template <class T>
void hermite_block(const T* t, Index rows, T variance, int order, T* out, Index stride);

// out[l * n + i] = He_l(t_i) / sqrt(l!), l = 0 ... order: unit variance under N(0, 1).
template <class T>
void hermite_normalized(const Execution& exec, const T* t, Index n, int order, T* out);

}  // namespace limbeck::moments
