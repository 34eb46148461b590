// Sums over many rows for many threads: more lanes than row_sums.hpp has, and their sums are added up in tasks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "kernels/core/row_sums.hpp"

namespace limbeck::core {

// The sums of all lanes, `stride` apart; each begins on a cache line that no other lane has.
template <class T>
struct LaneSums {
  static constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  Index lanes, size, stride;
  std::unique_ptr<T[]> memory;  // not written by the thread that makes it, but by that which fills a lane
  T* numbers;

  LaneSums(Index lanes_, Index size_)
      : lanes(lanes_),
        size(size_),
        stride(round_up(size_, line)),
        memory(new T[lanes_ * stride + line]),
        numbers(memory.get() + misaligned(memory.get())) {}

  T* lane(Index l) { return numbers + l * stride; }
  const T* totals() const { return numbers; }

  // Adds the lanes to the first, in order. Parts of the sums are tasks.
  void add_up(const Execution& exec) {
    constexpr Index part = 1024;
    exec.for_each(ceil_div(size, part), static_cast<double>(size) * static_cast<double>(lanes), [&](Index task) {
      const Index begin = task * part, end = std::min(size, begin + part);
      T* total = lane(0);
      for (Index l = 1; l < lanes; ++l) {
        const T* more = lane(l);
        for (Index e = begin; e < end; ++e) total[e] += more[e];
      }
    });
  }

private:
  // How many numbers lie before the next boundary of lines.
  static Index misaligned(const T* p) {
    const auto beyond = static_cast<Index>(reinterpret_cast<std::uintptr_t>(p) / sizeof(T) % line);
    return (line - beyond) % line;
  }
};

// Number of lanes for `blocks` blocks of rows: 256, so that 64 threads have four each, but their sums of `size` numbers
// of `bytes` bytes stay within 16 MiB, and a lane has at least four blocks, so that its start does not count.
inline Index many_row_lanes(Index blocks, Index size, Index bytes) {
  constexpr Index budget_bytes = Index{16} << 20, most_lanes = 256, blocks_per_lane = 4;
  const Index fitting = budget_bytes / (std::max<Index>(size, 1) * bytes);
  return std::clamp<Index>(std::min(fitting, blocks / blocks_per_lane), 1, most_lanes);
}

// Sum over blocks of rows of what add(first, rows, sums) adds to `size` sums, which begin at zero. The number of lanes
// depends on sizes only. `make_worker()` is called once a lane and returns the function add, with whatever scratch
// memory it keeps.
template <class T, class MakeWorker>
LaneSums<T> sum_over_lanes(const Execution& exec, Index n, Index block, Index size, double operations,
                           const MakeWorker& make_worker) {
  LaneSums<T> sums(many_row_lanes(ceil_div(n, block), size, static_cast<Index>(sizeof(T))), size);
  exec.for_each(sums.lanes, operations, [&](Index lane) {
    std::fill_n(sums.lane(lane), size, T(0));
    auto add = make_worker();
    const RowRange range = row_range(n, block, sums.lanes, lane);
    for (Index i = range.begin; i < range.end && !exec.stopped(); i += block) {
      add(i, std::min(block, range.end - i), sums.lane(lane));
    }
  });
  sums.add_up(exec);
  return sums;
}

}  // namespace limbeck::core
