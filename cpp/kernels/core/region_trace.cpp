#include "kernels/core/region_trace.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <utility>

namespace limbeck::core {

namespace {

std::atomic<bool> tracing{false};
bool inside_a_task = false;
std::vector<std::vector<double>> regions;

}  // namespace

void begin_trace() {
  regions.clear();
  tracing = true;
}

std::vector<std::vector<double>> end_trace() {
  tracing = false;
  return std::exchange(regions, {});
}

bool run_traced(Index n_tasks, const std::function<void(Index)>& task) {
  if (!tracing.load(std::memory_order_relaxed)) return false;
  if (inside_a_task) {
    for (Index i = 0; i < n_tasks; ++i) task(i);
    return true;
  }
  // A task's time begins where that of the one before ended: with the clock's own, and that of taking up the task.
  std::vector<double> seconds(static_cast<std::size_t>(n_tasks));
  inside_a_task = true;
  auto begin = std::chrono::steady_clock::now();
  for (Index i = 0; i < n_tasks; ++i) {
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
