// Sums and maxima of many numbers, in an order that depends on their count alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/core/ints.hpp"

namespace limbeck::core {

// Pairwise sum of `count` (a power of two) numbers; overwrites `parts`.
template <Index count, class T>
inline T sum_in_pairs(T* parts) {
  if constexpr (count > 1) {
    for (Index k = 0; k < count / 2; ++k) parts[k] += parts[k + count / 2];
    return sum_in_pairs<count / 2>(parts);
  }
  return parts[0];
}

// sqrt(sum_i v_i^2). Out of line, so that all callers get the same bits whatever the compiler makes of a loop.
[[gnu::pure]] double euclidean_norm(const double* v, Index n) noexcept;

// max_i |v_i| over every `step`-th of `count` numbers; 0 for none. NaN is passed over.
template <class T>
T max_abs(const T* v, Index count, Index step = 1) {
  constexpr Index lanes = 16;
  T largest[lanes] = {};
  Index i = 0;
  for (; i + (lanes - 1) * step < count; i += lanes * step) {
    for (Index l = 0; l < lanes; ++l) {
      const T size = std::abs(v[i + l * step]);
      largest[l] = largest[l] < size ? size : largest[l];
    }
  }
  for (; i < count; i += step) largest[0] = std::max(largest[0], std::abs(v[i]));
  return *std::max_element(largest, largest + lanes);
}

inline bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

}  // namespace limbeck::core
