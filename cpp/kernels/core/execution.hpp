// How kernels run: on how many threads, and until when.
//
// Work is cut into tasks whose number and content depend on the problem alone, never on the number of threads; a task
// writes only what is its own, and sums over tasks are taken in the order of the tasks. So results are bitwise the same
// for any number of threads. The threads are those of worker_pool.hpp; OpenMP, where it is there, says how many.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <thread>
#include <utility>

#include "kernels/core/dependencies.hpp"

namespace limbeck::core {

// Thrown by a kernel that was stopped by its caller.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};

// How a kernel is to run: the number of threads, and a function that says whether to stop.
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

  // Runs tasks that wait for others of the region: a long chain of short tasks takes one region instead of
  // many. Threads begin them in their order, so those that many others wait for come first.
  void for_each(const Dependencies& awaited, double operations, const std::function<void(Index)>& task) const;

private:
  void run(Index n_tasks, double operations, const Dependencies* awaited, const std::function<void(Index)>& task) const;

  bool polls_here() const { return interrupted_ && std::this_thread::get_id() == owner_; }

  // Some 100 microseconds of work: as long as helpers take to come on a busy machine.
  static constexpr double serial_below = 1e6;

  int n_threads_;
  std::function<bool()> interrupted_;
  std::thread::id owner_;
  mutable std::atomic<bool> stop_{false};
  // A kernel that ends sooner than the time between two polls makes none.
  mutable std::chrono::steady_clock::time_point last_poll_ = std::chrono::steady_clock::now();
};

// The number of threads that OpenMP would take; without OpenMP, what the environment variable OMP_NUM_THREADS says, or
// the number of processors. Where the variable is not set, no more than a container may use.
int default_threads();
bool built_with_openmp();

}  // namespace limbeck::core

// Every kernel takes an Execution: it goes without the folder's name.
namespace limbeck {
using core::Execution;
using core::Interrupted;
}  // namespace limbeck
