// Threads, and the only place that knows OpenMP.
//
// Work is cut into tasks whose number and content depend on the problem alone, never on the number of threads; a task
// writes only what is its own, and sums over tasks are taken in the order of the tasks. So results are bitwise the same
// for any number of threads. Built with LIMBECK_STD_THREADS (where there is no OpenMP, and for ThreadSanitizer, which
// does not know OpenMP), the team is one of std::thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

namespace limbeck {

using Index = std::ptrdiff_t;

// Thrown by a kernel whose caller asked it to stop.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

// How a kernel is to run: with how many threads, and whom to ask whether to stop.
class Execution {
public:
  // `interrupted` is only ever called on the thread that made this object; it may be empty.
  Execution(int n_threads, std::function<bool()> interrupted)
      : n_threads_(n_threads), interrupted_(std::move(interrupted)), owner_(std::this_thread::get_id()) {}

  int n_threads() const { return n_threads_; }

  // Called between blocks of work on any thread: true when the task should return at once.
  bool stopped() const;

  // Throws Interrupted where stopped() is true.
  void check() const;

  // Run task(0) ... task(n_tasks - 1); rethrow the first exception, throw Interrupted when stopped.
  // Jobs of fewer than `serial_below` operations stay on the calling thread.
  void for_each(Index n_tasks, double operations, const std::function<void(Index)>& task) const;

private:
  bool is_asked_here() const { return interrupted_ && std::this_thread::get_id() == owner_; }

  static constexpr double serial_below = 1e6;  // some 100 microseconds: a team's start-up on a busy machine

  int n_threads_;
  std::function<bool()> interrupted_;
  std::thread::id owner_;
  mutable std::atomic<bool> stop_{false};
  // A kernel that ends sooner than the time between two questions asks none.
  mutable std::chrono::steady_clock::time_point last_poll_ = std::chrono::steady_clock::now();
};

// The number of threads that OpenMP would take (1 in a process forked after its threads were used). Without OpenMP:
// what the environment variable OMP_NUM_THREADS says, or the number of processors.
int default_threads();
bool built_with_openmp();

// Part `part` of n rows that are cut into `parts` contiguous, nearly equal runs of whole blocks.
struct RowRange {
  Index begin, end;
};
RowRange row_range(Index n, Index block, Index parts, Index part);

// Sum over row blocks of what add(first, rows, sums) adds to `size` zero-initialised sums. Rows are dealt to lanes,
// whose number depends on n and size only, and lanes are added in order. `make_worker()` is called once a lane and
// returns the function add, with whatever scratch memory it keeps.
template <class T, class MakeWorker>
std::vector<T> sum_over_rows(const Execution& exec, Index n, Index block, Index size, double operations,
                             const MakeWorker& make_worker) {
  constexpr Index budget_bytes = Index{16} << 20, most_lanes = 64, least_lanes = 4, blocks_per_lane = 4;
  const Index fitting = budget_bytes / (std::max<Index>(size, 1) * static_cast<Index>(sizeof(T)));
  const Index blocks = (n + block - 1) / block;
  const Index lanes = std::clamp<Index>(blocks / blocks_per_lane, 1, std::clamp(fitting, least_lanes, most_lanes));
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

}  // namespace limbeck
