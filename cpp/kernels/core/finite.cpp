#include "kernels/core/finite.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

#include "kernels/core/reduce.hpp"

namespace limbeck::core {

namespace {

constexpr Index block = 65536;  // numbers of a task: some 10 microseconds

}  // namespace

template <class T>
Index first_non_finite(const Execution& exec, const T* data, Index size) {
  std::atomic<Index> first{size};
  exec.for_each(ceil_div(size, block), static_cast<double>(size), [&](Index b) {
    for (Index i = b * block; i < std::min(size, (b + 1) * block); ++i) {
      if (std::isfinite(data[i])) continue;
      Index seen = first;
      while (i < seen && !first.compare_exchange_weak(seen, i)) {
      }
      return;
    }
  });
  return first == size ? Index{-1} : first.load();
}

template <class T>
T largest_size(const Execution& exec, const T* data, Index size) {
  std::vector<T> largest(ceil_div(size, block));
  exec.for_each(ceil_div(size, block), static_cast<double>(size),
                [&](Index b) { largest[b] = max_abs(data + b * block, std::min(block, size - b * block)); });
  return max_abs(largest.data(), static_cast<Index>(largest.size()));
}

template float largest_size(const Execution&, const float*, Index);
template double largest_size(const Execution&, const double*, Index);
template Index first_non_finite(const Execution&, const float*, Index);
template Index first_non_finite(const Execution&, const double*, Index);

}  // namespace limbeck::core
