#include "kernels/core/region_trace.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <numeric>
#include <utility>

#include "kernels/core/splitmix.hpp"

namespace limbeck::core {

namespace {

std::atomic<bool> tracing{false};
bool inside_a_task = false;
std::vector<std::vector<double>> regions;
std::uint64_t order_state = 0;

// 0 ... n - 1, in order where there is no seed.
std::vector<Index> order_of_tasks(Index n) {
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  for (Index i = n - 1; order_state != 0 && i > 0; --i) {
    std::swap(order[i], order[static_cast<Index>(splitmix(&order_state) % static_cast<std::uint64_t>(i + 1))]);
  }
  return order;
}

}  // namespace

void begin_trace(std::uint64_t seed) {
  regions.clear();
  order_state = seed;
  tracing = true;
}

std::vector<std::vector<double>> end_trace() {
  tracing = false;
  return std::exchange(regions, {});
}

bool run_traced(Index n_tasks, const std::function<void(Index)>& task) {
  if (!tracing.load(std::memory_order_relaxed)) return false;
  const std::vector<Index> order = order_of_tasks(n_tasks);
  if (inside_a_task) {
    for (const Index i : order) task(i);
    return true;
  }
  // A task's time begins where that of the one before ended: with the clock's own, and that of taking up the task.
  std::vector<double> seconds(static_cast<std::size_t>(n_tasks));
  inside_a_task = true;
  auto begin = std::chrono::steady_clock::now();
  for (const Index i : order) {
    task(i);
    const auto end = std::chrono::steady_clock::now();
    seconds[static_cast<std::size_t>(i)] = std::chrono::duration<double>(end - begin).count();
    begin = end;
  }
  inside_a_task = false;
  regions.push_back(std::move(seconds));
  return true;
}

}  // namespace limbeck::core
