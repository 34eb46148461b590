// Sums over many rows, in an order that does not depend on the number of threads.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/execution.hpp"

namespace limbeck::core {

// Part `part` of n rows that are cut into `parts` contiguous, nearly equal runs of whole blocks.
struct RowRange {
  Index begin, end;
};
inline RowRange row_range(Index n, Index block, Index parts, Index part) {
  const Index blocks = ceil_div(n, block);
  const Index begin = blocks * part / parts * block;
  const Index end = blocks * (part + 1) / parts * block;
  return {std::min(begin, n), std::min(end, n)};
}

// Number of lanes over which `blocks` blocks of rows are dealt, for `size` sums of `bytes` bytes each.
inline Index row_lanes(Index blocks, Index size, Index bytes) {
  // All lanes' sums stay within 16 MiB, but however long they are there are lanes for four threads. A lane has at least
  // four blocks, so that its start does not count; beyond 64 lanes, where there is work for many threads, sixteen, so
  // that sums may be some times as long as a block without taking as much time as the rows.
  constexpr Index budget_bytes = Index{16} << 20, many_lanes = 64, most_lanes = 256, least_lanes = 4;
  constexpr Index blocks_per_lane = 4, blocks_of_many = 16;
  const Index fitting = budget_bytes / (std::max<Index>(size, 1) * bytes);
  const Index wanted = std::max(std::min(blocks / blocks_per_lane, many_lanes), blocks / blocks_of_many);
  return std::clamp<Index>(wanted, 1, std::clamp(fitting, least_lanes, most_lanes));
}

// The same where little is done with each row beside the adding up: four lanes for each of 64 threads, but all lanes'
// sums stay within 16 MiB, even if one lane is left.
inline Index many_row_lanes(Index blocks, Index size, Index bytes) {
  constexpr Index budget_bytes = Index{16} << 20, most_lanes = 256, blocks_per_lane = 4;
  const Index fitting = budget_bytes / (std::max<Index>(size, 1) * bytes);
  return std::clamp<Index>(std::min(fitting, blocks / blocks_per_lane), 1, most_lanes);
}

// Numbers [begin, end) of the sums of all lanes, which stand `stride` apart: added in pairs, then pairs of pairs, into
// those of the first lane.
template <class T>
void add_lanes(T* sums, Index lanes, Index stride, Index begin, Index end) {
  for (Index apart = 1; apart < lanes; apart *= 2) {
    for (Index lane = 0; lane + apart < lanes; lane += 2 * apart) {
      T* to = sums + lane * stride;
      const T* from = to + apart * stride;
      for (Index e = begin; e < end; ++e) to[e] += from[e];
    }
  }
}

// The sums of all lanes; each lane's begin on a cache line that no other lane has. They are not written by the thread
// that makes them, but by that which fills a lane.
template <class T>
struct LaneSums {
  Index lanes, size, stride;
  AlignedBuffer<T> numbers;

  LaneSums(Index lanes_, Index size_)
      : lanes(lanes_),
        size(size_),
        stride(round_up(size_, 64 / static_cast<Index>(sizeof(T)))),
        numbers(lanes_ * stride, Unwritten{}) {}

  T* lane(Index l) { return numbers.data() + l * stride; }
  const T* totals() const { return numbers.data(); }

  // Adds all lanes to the first.
  void add_up(const Execution& exec) {
    if (lanes == 1) return;
    // Sums of a range stay in the second-level cache for as many lanes as there may be; an addition takes as long as
    // some operations of arithmetic, because its numbers come from another thread's cache.
    constexpr Index range = 256, addition = 8;
    exec.for_each(ceil_div(size, range), static_cast<double>(addition * lanes * size), [&](Index part) {
      add_lanes(numbers.data(), lanes, stride, part * range, std::min(size, (part + 1) * range));
    });
  }
};

// Sum over row blocks of what add(first, rows, sums) adds to `size` zero-initialised sums, by so many lanes: their
// number may depend on n and size only. `make_worker()` is called once a lane and returns the function add, with
// whatever scratch memory it keeps.
template <class T, class MakeWorker>
LaneSums<T> sum_over_lanes(const Execution& exec, Index n, Index block, Index lanes, Index size, double operations,
                           const MakeWorker& make_worker) {
  LaneSums<T> sums(lanes, size);
  exec.for_each(lanes, operations, [&](Index lane) {
    T* into = sums.lane(lane);
    std::fill_n(into, size, T(0));
    auto add = make_worker();
    const RowRange range = row_range(n, block, lanes, lane);
    for (Index i = range.begin; i < range.end && !exec.stopped(); i += block) {
      add(i, std::min(block, range.end - i), into);
    }
  });
  sums.add_up(exec);
  return sums;
}

// The same by as many lanes as row_lanes() says.
template <class T, class MakeWorker>
std::vector<T> sum_over_rows(const Execution& exec, Index n, Index block, Index size, double operations,
                             const MakeWorker& make_worker) {
  const Index lanes = row_lanes(ceil_div(n, block), size, static_cast<Index>(sizeof(T)));
  const LaneSums<T> sums = sum_over_lanes<T>(exec, n, block, lanes, size, operations, make_worker);
  return {sums.totals(), sums.totals() + size};
}

}  // namespace limbeck::core
