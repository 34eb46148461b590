#include "kernels/core/region_trace.hpp"

#include <algorithm>
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
std::vector<TracedRegion> regions;
std::uint64_t order_state = 0;
double last_end = 0;       // of a region, or the beginning of the trace
double clock_seconds = 0;  // how long it takes to read the clock

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

double seconds_since(double before) { return std::max(0.0, seconds_of_thread() - before - clock_seconds); }

// 0 ... n - 1, in order where there is no seed.
std::vector<Index> without_pattern(Index n) {
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  for (Index i = n - 1; order_state != 0 && i > 0; --i) {
    std::swap(order[i], order[static_cast<Index>(splitmix(&order_state) % static_cast<std::uint64_t>(i + 1))]);
  }
  return order;
}

// Numbers of tasks without a pattern, each behind all that it waits for.
std::vector<Index> order_of_tasks(Index n, const Dependencies* awaited) {
  const std::vector<Index> wanted = without_pattern(n);
  if (!awaited) return wanted;
  std::vector<Index> order;
  std::vector<bool> listed(static_cast<std::size_t>(n));
  const std::function<void(Index)> list = [&](Index i) {
    if (listed[static_cast<std::size_t>(i)]) return;
    listed[static_cast<std::size_t>(i)] = true;
    for (const Index* other = awaited->begin(i); other != awaited->end(i); ++other) list(*other);
    order.push_back(i);
  };
  for (const Index i : wanted) list(i);
  return order;
}

}  // namespace

void begin_trace(std::uint64_t seed) {
  constexpr int readings = 64;
  clock_seconds = 1;
  for (int i = 0; i < readings; ++i) {
    const double before = seconds_of_thread();
    clock_seconds = std::min(clock_seconds, seconds_of_thread() - before);
  }
  regions.clear();
  order_state = seed;
  tracing = true;
  last_end = seconds_of_thread();
}

Trace end_trace() {
  if (!tracing.exchange(false)) return {{}, 0};
  return {std::exchange(regions, {}), seconds_since(last_end)};
}

bool run_traced(Index n_tasks, const Dependencies* awaited, const std::function<void(Index)>& task) {
  if (!tracing.load(std::memory_order_relaxed)) return false;
  const double before = inside_a_task ? 0 : seconds_since(last_end);
  const std::vector<Index> order = order_of_tasks(n_tasks, awaited);
  if (inside_a_task) {
    for (const Index i : order) task(i);
    return true;
  }
  // A task's time begins where that of the one before ended: with that of taking up the task.
  std::vector<double> seconds(static_cast<std::size_t>(n_tasks));
  inside_a_task = true;
  double begin = seconds_of_thread();
  for (const Index i : order) {
    task(i);
    const double end = seconds_of_thread();
    seconds[static_cast<std::size_t>(i)] = std::max(0.0, end - begin - clock_seconds);
    begin = end;
  }
  inside_a_task = false;
  regions.push_back({before, std::move(seconds), awaited ? *awaited : Dependencies()});
  last_end = seconds_of_thread();
  return true;
}

}  // namespace limbeck::core
