// Memory that will be read soon, fetched ahead of its use.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/core/ints.hpp"

namespace limbeck::core {

// Fetches an array into the second-level cache, a few lines at a time beside the arithmetic, which would otherwise wait
// for main memory. `passes` is how often the present block is read meanwhile: each pass fetches its share. Reaching
// beyond the end of an array is harmless, because a prefetch never faults. Without an array nothing is fetched.
class Prefetch {
public:
  static constexpr Index line_bytes = 64;

  Prefetch() = default;
  template <class T>
  Prefetch(const T* from, Index count, Index passes)
      : at_(reinterpret_cast<std::uintptr_t>(from)),
        end_(at_ + static_cast<std::uintptr_t>(count) * sizeof(T)),
        passes_(std::max<Index>(passes, 1)) {}

  // How many lines to fetch beside reading `read` lines.
  Index share(Index read) const { return ceil_div(read, passes_); }
  void lines(Index count) {
    if (at_ >= end_) return;
    for (Index l = 0; l < count; ++l, at_ += line_bytes) __builtin_prefetch(reinterpret_cast<const void*>(at_), 0, 2);
  }

private:
  std::uintptr_t at_ = 0, end_ = 0;  // a pointer beyond the array would not be defined
  Index passes_ = 1;
};

}  // namespace limbeck::core
