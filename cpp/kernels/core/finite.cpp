#include "kernels/core/finite.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace limbeck::core {

template <class T>
Index first_non_finite(const Execution& exec, const T* data, Index size) {
  constexpr Index block = 65536;
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

template Index first_non_finite(const Execution&, const float*, Index);
template Index first_non_finite(const Execution&, const double*, Index);

}  // namespace limbeck::core
