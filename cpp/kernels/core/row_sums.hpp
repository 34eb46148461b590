// Sums over many rows, in an order that does not depend on the number of threads.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

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
  // All lanes' sums stay within 16 MiB, but however long they are there are lanes for four threads. Adding up the lanes
  // is serial, so their number is bounded; and a lane has at least four blocks, so that its start does not count.
  constexpr Index budget_bytes = Index{16} << 20, most_lanes = 64, least_lanes = 4, blocks_per_lane = 4;
  const Index fitting = budget_bytes / (std::max<Index>(size, 1) * bytes);
  return std::clamp<Index>(blocks / blocks_per_lane, 1, std::clamp(fitting, least_lanes, most_lanes));
}

// Sum over row blocks of what add(first, rows, sums) adds to `size` zero-initialised sums. Rows are dealt to lanes,
// whose number depends on n and size only, and lanes are added in order. `make_worker()` is called once a lane and
// returns the function add, with whatever scratch memory it keeps.
template <class T, class MakeWorker>
std::vector<T> sum_over_rows(const Execution& exec, Index n, Index block, Index size, double operations,
                             const MakeWorker& make_worker) {
  const Index lanes = row_lanes(ceil_div(n, block), size, static_cast<Index>(sizeof(T)));
  std::vector<std::vector<T>> sums(lanes);
  exec.for_each(lanes, operations, [&](Index lane) {
    sums[lane].assign(size, T(0));
    auto add = make_worker();
    const RowRange range = row_range(n, block, lanes, lane);
    for (Index i = range.begin; i < range.end && !exec.stopped(); i += block) {
      add(i, std::min(block, range.end - i), sums[lane].data());
    }
  });
  for (Index lane = 1; lane < lanes; ++lane) {
    for (Index e = 0; e < size; ++e) sums[0][e] += sums[lane][e];
  }
  return std::move(sums[0]);
}

}  // namespace limbeck::core
