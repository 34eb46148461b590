// Sums over vectors in an order that is fixed by their length alone, and the updates that go with them.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/core/simd.hpp"

namespace limbeck {

// Where a vector has numbers beyond its last whole register, these are taken with a register that ends where it ends:
// the numbers that it has in common with the one before are left out.
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

// y += factor x; the two do not overlap.
template <class T>
void add_scaled(T factor, const T* x, T* y, Index n) {
  constexpr Index width = Simd<T>::width, together = 4;
  const auto sum = [&](Index i) { return Simd<T>::load(y + i) + Simd<T>::load(x + i) * factor; };
  Index i = 0;
  if (n < width) {
    for (; i < n; ++i) y[i] += factor * x[i];
    return;
  }
  // The last register is computed before the others write some of its numbers, and written after them.
  const auto last = sum(n - width);
  for (; i + together * width <= n; i += together * width) {
    typename Simd<T>::Vector sums[together];
#pragma GCC unroll 4
    for (Index c = 0; c < together; ++c) sums[c] = sum(i + c * width);
#pragma GCC unroll 4
    for (Index c = 0; c < together; ++c) Simd<T>::store(y + i + c * width, sums[c]);
  }
  for (; i + width <= n; i += width) Simd<T>::store(y + i, sum(i));
  Simd<T>::store(y + n - width, last);
}

inline bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

}  // namespace limbeck
