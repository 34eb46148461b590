// Sums and maxima of many numbers, in an order that depends on their count alone, and the updates that go with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/core/simd.hpp"

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

// Keeps the last `count` numbers of a register. What is left of an array behind its last whole register is read by one
// that ends where the array ends; the numbers that this has in common with the one before are not to count twice.
template <class T>
typename Simd<T>::Vector last_numbers(typename Simd<T>::Vector v, Index count) {
  for (Index l = 0; l < Simd<T>::width; ++l) v[l] = l < Simd<T>::width - count ? T(0) : v[l];
  return v;
}

// sum_i a_i b_i. Four running sums of whole registers, so that no multiplication waits for the addition before it.
template <class T>
T dot(const T* a, const T* b, Index n) {
  constexpr Index width = Simd<T>::width, chains = 4;
  if (n < width) {
    T sum = 0;
    for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
  }
  const auto product = [&](Index i) { return Simd<T>::load(a + i) * Simd<T>::load(b + i); };
  typename Simd<T>::Vector sums[chains] = {};
  Index i = 0;
  for (; i + chains * width <= n; i += chains * width) {
#pragma GCC unroll 4
    for (Index c = 0; c < chains; ++c) sums[c] += product(i + c * width);
  }
  for (; i + width <= n; i += width) sums[0] += product(i);
  if (i < n) sums[1] += last_numbers<T>(product(n - width), n - i);
  T parts[width];
  Simd<T>::store(parts, (sums[0] + sums[1]) + (sums[2] + sums[3]));
  return sum_in_pairs<width>(parts);
}

template <class T>
T dot(const std::vector<T>& a, const std::vector<T>& b) {
  return dot(a.data(), b.data(), static_cast<Index>(a.size()));
}

template <class T>
T squared_norm(const T* a, Index n) {
  return dot(a, a, n);
}

template <class T>
T norm(const T* a, Index n) {
  return std::sqrt(squared_norm(a, n));
}

template <class T>
T norm(const std::vector<T>& a) {
  return norm(a.data(), static_cast<Index>(a.size()));
}

// y += factor x; the two do not overlap.
template <class T>
void add_scaled(T factor, const T* x, T* y, Index n) {
  constexpr Index width = Simd<T>::width, chains = 4;
  const auto sum = [&](Index i) { return Simd<T>::load(y + i) + Simd<T>::load(x + i) * factor; };
  Index i = 0;
  if (n < width) {
    for (; i < n; ++i) y[i] += factor * x[i];
    return;
  }
  // The last register is computed before the others write some of its numbers, and written after them.
  const auto last = sum(n - width);
  for (; i + chains * width <= n; i += chains * width) {
    typename Simd<T>::Vector sums[chains];
#pragma GCC unroll 4
    for (Index c = 0; c < chains; ++c) sums[c] = sum(i + c * width);
#pragma GCC unroll 4
    for (Index c = 0; c < chains; ++c) Simd<T>::store(y + i + c * width, sums[c]);
  }
  for (; i + width <= n; i += width) Simd<T>::store(y + i, sum(i));
  Simd<T>::store(y + n - width, last);
}

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
