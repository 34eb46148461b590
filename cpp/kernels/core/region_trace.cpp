#include "kernels/core/region_trace.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <numeric>
#include <utility>

#include "kernels/core/splitmix.hpp"

namespace limbeck::core {

namespace {

std::atomic<bool> tracing{false};
bool inside_a_task = false;
std::vector<std::vector<double>> regions;
std::uint64_t order_state = 0;

// Processor time of this thread, where the system tells it: programs that take the processor away do not lengthen
// tasks.
double seconds_of_thread() {
#ifdef CLOCK_THREAD_CPUTIME_ID
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
#else
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
#endif
}

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
  double begin = seconds_of_thread();
  for (const Index i : order) {
    task(i);
    const double end = seconds_of_thread();
    seconds[static_cast<std::size_t>(i)] = end - begin;
    begin = end;
  }
  inside_a_task = false;
  regions.push_back(std::move(seconds));
  return true;
}

}  // namespace limbeck::core
