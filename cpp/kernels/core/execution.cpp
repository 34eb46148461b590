#include "kernels/core/execution.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <limits>
#include <mutex>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#include <pthread.h>
#endif

namespace limbeck::core {

namespace {

#ifdef _OPENMP
// A child process inherits the bookkeeping of its parent's thread team but none of its threads, and would wait for
// them for ever; so a child forked after the first team runs on one thread.
std::atomic<bool> team_was_used{false};
std::atomic<bool> forked_after_team{false};

void mark_team_used() {
  static std::once_flag registered;
  std::call_once(registered,
                 [] { pthread_atfork(nullptr, nullptr, [] { forked_after_team = team_was_used.load(); }); });
  team_was_used = true;
}
#endif

constexpr std::chrono::milliseconds poll_interval{50};

// The number of tasks that are not done yet.
class Countdown {
public:
  explicit Countdown(Index count) : left_(count) {}

  void subtract(Index done) {
    if (left_.fetch_sub(done, std::memory_order_relaxed) != done) return;
    const std::lock_guard<std::mutex> hold(lock_);
    none_left_.notify_all();
  }

  // True when none is left, false when it is time to see whether to stop. Most waits are short and waking up is slow,
  // so the first 100 microseconds are spent awake.
  bool wait() {
    constexpr std::chrono::microseconds awake{100};
    const auto start = std::chrono::steady_clock::now();
    while (left_.load(std::memory_order_relaxed) != 0 && std::chrono::steady_clock::now() - start < awake) {
      std::this_thread::yield();
    }
    std::unique_lock<std::mutex> hold(lock_);
    return none_left_.wait_for(hold, poll_interval, [&] { return left_.load(std::memory_order_relaxed) == 0; });
  }

private:
  std::atomic<Index> left_;
  std::mutex lock_;
  std::condition_variable none_left_;
};

// Calls work() on every member of a team, of which the calling thread is one.
template <class Work>
void run_team([[maybe_unused]] int threads, const Work& work) {
#if defined(LIMBECK_STD_THREADS)
  std::vector<std::thread> team;
  team.reserve(static_cast<std::size_t>(std::max(threads - 1, 0)));  // its failure must not find threads that run
  try {
    for (int t = 1; t < threads; ++t) team.emplace_back(work);
  } catch (...) {
    // As many as there are: each takes the next task until none is left.
  }
  work();
  for (std::thread& member : team) member.join();
#elif defined(_OPENMP)
  mark_team_used();
#pragma omp parallel num_threads(threads)
  work();
#else
  work();
#endif
}

}  // namespace

int default_threads() {
#ifdef _OPENMP
  return forked_after_team ? 1 : std::max(1, omp_get_max_threads());
#elif defined(LIMBECK_STD_THREADS)
  const char* wanted = std::getenv("OMP_NUM_THREADS");  // as with OpenMP
  const long number = wanted ? std::strtol(wanted, nullptr, 10) : 0;
  if (number >= 1 && number <= std::numeric_limits<int>::max()) return static_cast<int>(number);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#else
  return 1;
#endif
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
#ifdef _OPENMP
  if (forked_after_team) threads = 1;
#endif
  const auto run = [&](Index i) {
    guarded([&] {
      if (!stopped()) task(i);
    });
  };
  if (threads <= 1) {
    for (Index i = 0; i < n_tasks; ++i) run(i);
  } else {
    // The counter orders nothing, so that ThreadSanitizer sees every race between tasks.
    std::atomic<Index> next{0};
    Countdown unfinished(n_tasks);
    run_team(threads, [&] {
      Index done = 0;
      for (Index i; (i = next.fetch_add(1, std::memory_order_relaxed)) < n_tasks; ++done) run(i);
      unfinished.subtract(done);
      // Behind the barrier an interrupt would go unseen, and the last task may be long.
      while (polls_here() && !unfinished.wait()) guarded([&] { stopped(); });
    });
  }
  if (failure) std::rethrow_exception(failure);
  if (stop_) throw Interrupted();
}

}  // namespace limbeck::core
