#include "kernels/core/execution.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <limits>
#include <mutex>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "kernels/core/processor_quota.hpp"
#include "kernels/core/region_trace.hpp"
#include "kernels/core/worker_pool.hpp"

namespace limbeck::core {

namespace {

constexpr std::chrono::milliseconds poll_interval{50};
// As long as tasks that others wait for take, and threads take to wake up.
constexpr std::chrono::microseconds awake{50};

}  // namespace

int default_threads() {
  const char* wanted = std::getenv("OMP_NUM_THREADS");
#ifdef _OPENMP
  const int threads = std::max(1, omp_get_max_threads());
  if (wanted) return threads;
#else
  const long number = wanted ? std::strtol(wanted, nullptr, 10) : 0;
  if (number >= 1 && number <= std::numeric_limits<int>::max()) return static_cast<int>(number);
  const int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#endif
  static const Index quota = processor_quota();
  return quota ? static_cast<int>(std::min<Index>(threads, quota)) : threads;
}

bool built_with_openmp() {
#ifdef _OPENMP
  return true;
#else
  return false;
#endif
}

bool Execution::stopped() const {
  if (stop_.load(std::memory_order_relaxed)) return true;
  if (!polls_here()) return false;
  // The function takes Python's lock: called often enough for a person, too seldom to cost anything.
  const auto now = std::chrono::steady_clock::now();
  if (now - last_poll_ < poll_interval) return false;
  last_poll_ = now;
  if (interrupted_()) stop_ = true;
  return stop_;
}

void Execution::check() const {
  if (stopped()) throw Interrupted();
}

void Execution::for_each(Index n_tasks, double operations, const std::function<void(Index)>& task) const {
  run(n_tasks, operations, nullptr, task);
}

void Execution::for_each(const Dependencies& awaited, double operations, const std::function<void(Index)>& task) const {
  std::vector<std::atomic<bool>> ended(static_cast<std::size_t>(awaited.size()));
  const auto wait = [&](const std::atomic<bool>& other) {
    // A task that failed never ends, and then nothing counts any more.
    const auto over = [&] { return other.load(std::memory_order_acquire) || stop_.load(std::memory_order_relaxed); };
    if (over()) return;
    const auto start = std::chrono::steady_clock::now();
    while (!over()) {
      if (std::chrono::steady_clock::now() - start < awake) {
        std::this_thread::yield();
      } else {
        std::this_thread::sleep_for(awake);
      }
    }
  };
  run(awaited.size(), operations, &awaited, [&](Index i) {
    for (const Index* other = awaited.begin(i); other != awaited.end(i); ++other) {
      wait(ended[static_cast<std::size_t>(*other)]);
    }
    check();
    task(i);
    ended[static_cast<std::size_t>(i)].store(true, std::memory_order_release);
  });
}

void Execution::run(Index n_tasks, double operations, const Dependencies* awaited,
                    const std::function<void(Index)>& task) const {
  std::exception_ptr failure;
  std::mutex failure_lock;
  // Nothing may be thrown out of a team's region, not even by the function that says whether to stop.
  const auto guarded = [&](const auto& step) {
    try {
      step();
    } catch (...) {
      const std::lock_guard<std::mutex> hold(failure_lock);
      if (!failure) failure = std::current_exception();
      stop_ = true;
    }
  };
  int threads = static_cast<int>(std::min<Index>(n_threads_, n_tasks));
  if (operations < serial_below) threads = 1;
  const std::function<void(Index)> run_one = [&](Index i) {
    guarded([&] {
      if (!stopped()) task(i);
    });
  };
  if (threads <= 1) {
    for (Index i = 0; i < n_tasks; ++i) run_one(i);
  } else if (!run_traced(n_tasks, awaited, run_one)) {
    run_with_helpers(threads - 1, n_tasks, run_one, [&] {
      if (polls_here()) guarded([&] { stopped(); });
    });
  }
  if (failure) std::rethrow_exception(failure);
  if (stop_) throw Interrupted();
}

}  // namespace limbeck::core
