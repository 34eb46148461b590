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
        passes_(std::max<Index>(passes, 1)),
        lines_per_pass_(ceil_div(ceil_div(count * static_cast<Index>(sizeof(T)), line_bytes), passes_)) {}

  // Fetches nothing in the first passes, so that what comes is not driven out of the cache again before it is read.
  Prefetch& after(Index passes) {
    wait_ = passes;
    return *this;
  }

  // How many lines to fetch beside reading `read` lines.
  Index share(Index read) const { return ceil_div(read, passes_); }
  // Fetch one pass's share of the array. So few lines at a time that they come beside the arithmetic: a processor that
  // has asked for some ten or twenty waits for them.
  void pass() {
    if (--wait_ < 0) lines(lines_per_pass_);
  }
  void lines(Index count) {
    if (at_ >= end_) return;
    for (Index l = 0; l < count; ++l, at_ += line_bytes) __builtin_prefetch(reinterpret_cast<const void*>(at_), 0, 2);
  }

private:
  std::uintptr_t at_ = 0, end_ = 0;  // a pointer beyond the array would not be defined
  Index passes_ = 1, lines_per_pass_ = 0, wait_ = 0;
};

}  // namespace limbeck::core
