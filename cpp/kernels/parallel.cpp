#include "kernels/parallel.hpp"

#include <algorithm>
#include <exception>
#include <mutex>

#ifdef _OPENMP
#include <omp.h>
#include <pthread.h>
#endif

namespace limbeck {

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

}  // namespace

int default_threads() {
#ifdef _OPENMP
  return forked_after_team ? 1 : std::max(1, omp_get_max_threads());
#elif defined(LIMBECK_STD_THREADS)
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
  if (!interrupted_ || std::this_thread::get_id() != owner_) return false;
  // Asking means taking Python's lock: often enough for a person, too seldom to cost anything.
  const auto now = std::chrono::steady_clock::now();
  if (now - last_poll_ < std::chrono::milliseconds(50)) return false;
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
  const auto guarded = [&](Index i) {
    if (stopped()) return;
    try {
      task(i);
    } catch (...) {
      const std::lock_guard<std::mutex> hold(failure_lock);
      if (!failure) failure = std::current_exception();
      stop_ = true;
    }
  };
  int threads = static_cast<int>(std::min<Index>(n_threads_, n_tasks));
  if (operations < serial_below) threads = 1;
#if defined(LIMBECK_STD_THREADS)
  // The counter orders nothing, so that ThreadSanitizer sees every race between tasks.
  std::atomic<Index> next{0};
  const auto work = [&] {
    for (Index i; (i = next.fetch_add(1, std::memory_order_relaxed)) < n_tasks;) guarded(i);
  };
  std::vector<std::thread> team;
  for (int t = 1; t < threads; ++t) team.emplace_back(work);
  work();
  for (std::thread& member : team) member.join();
#else
#ifdef _OPENMP
  if (forked_after_team) threads = 1;
  if (threads > 1) {
    mark_team_used();
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (Index i = 0; i < n_tasks; ++i) guarded(i);
  } else
#endif
  {
    for (Index i = 0; i < n_tasks; ++i) guarded(i);
  }
#endif
  if (failure) std::rethrow_exception(failure);
  if (stop_) throw Interrupted();
}

RowRange row_range(Index n, Index block, Index parts, Index part) {
  const Index blocks = (n + block - 1) / block;
  const Index begin = blocks * part / parts * block;
  const Index end = blocks * (part + 1) / parts * block;
  return {std::min(begin, n), std::min(end, n)};
}

}  // namespace limbeck
