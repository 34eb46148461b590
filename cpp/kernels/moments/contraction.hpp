// Empirical Hermite moment tensors M_l = mean_i y_i He_l(x_i), contracted along given directions without being formed.
//
// With t = <g, x>, v = |g|^2 and h_l the Hermite polynomials of variance v (hermite.hpp), the generating function
// exp(<s, x> - |s|^2 / 2) at s = a g + b e + c f gives, for any g (not only unit vectors),
//   He_l(x)[g^l]           = h_l(t)
//   He_l(x)[g^(l-1), .]    = h_{l-1}(t) x - (l-1) h_{l-2}(t) g
//   He_l(x)[g^(l-2), ., .] = h_{l-2}(t) (x x' - I) - (l-2) h_{l-3}(t) (x g' + g x') + (l-2)(l-3) h_{l-4}(t) g g'.
#pragma once

#include <vector>

#include "kernels/core/execution.hpp"

namespace limbeck::moments {

// The data of a contraction: X (n, d), targets y (n, q), directions G (m, d), all C order; n >= 1.
template <class T>
struct ContractionData {
  const T* X;
  Index n, d;
  const T* y;
  Index q;
  const T* G;
  Index m;
};

// out (q, m, d, d); order >= 2.
template <class T>
void contract(const Execution& exec, const ContractionData<T>& data, int order, T* out);

// Contractions of several batches of the same rows' length at once, each to its own place; order >= 2. The rows of a
// batch are not cut, so that there is no other memory than that of the results and of threads.
template <class T>
void contract_batches(const Execution& exec, const std::vector<ContractionData<T>>& batches, int order, T* out);

// out (q, m, d); order >= 1.
template <class T>
void contract_to_vector(const Execution& exec, const ContractionData<T>& data, int order, T* out);

// out (q, m, n_orders).
template <class T>
void contract_to_scalar(const Execution& exec, const ContractionData<T>& data, const int* orders, Index n_orders,
                        T* out);

// out (q, m, d, s) = contract(...) B, B (d, s); order >= 2.
template <class T>
void contract_apply(const Execution& exec, const ContractionData<T>& data, int order, const T* B, Index s, T* out);

}  // namespace limbeck::moments
