#include "kernels/core/worker_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#if __has_include(<pthread.h>) && !defined(_WIN32)
#include <pthread.h>
#include <signal.h>
#define LIMBECK_PTHREADS
#endif

namespace limbeck::core {

namespace {

// Between two regions of one kernel there are some microseconds, and to wake up takes some tens: so long a thread that
// waits stays awake, and offers its processor to others all the while.
constexpr std::chrono::microseconds awake{50};
constexpr std::chrono::milliseconds poll_interval{50};
// No machine has more processors that share memory, and no mistaken n_threads may take all threads of the system.
constexpr Index most_workers = 1023;

template <class Done>
void wait_awake(const Done& done) {
  const auto start = std::chrono::steady_clock::now();
  while (!done() && std::chrono::steady_clock::now() - start < awake) std::this_thread::yield();
}

// The tasks of one call. A worker may look at it when the call has returned already, and then finds no task left.
class Region {
public:
  Region(int helpers, Index n_tasks, const std::function<void(Index)>& task)
      : places(helpers), task_(&task), n_tasks_(n_tasks), unfinished_(n_tasks) {}

  // Takes one task after the other, until none is left.
  void work() {
    // The counters order no two tasks, so that ThreadSanitizer sees every race between them.
    for (Index i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < n_tasks_;) {
      (*task_)(i);
      if (unfinished_.fetch_sub(1, std::memory_order_release) == 1) {
        const std::lock_guard<std::mutex> hold(lock_);
        none_left_.notify_all();
      }
    }
  }

  bool finished() const { return unfinished_.load(std::memory_order_acquire) == 0; }

  void wait(const std::function<void()>& while_waiting) {
    wait_awake([this] { return finished(); });
    std::unique_lock<std::mutex> hold(lock_);
    while (!none_left_.wait_for(hold, poll_interval, [this] { return finished(); })) {
      hold.unlock();
      while_waiting();
      hold.lock();
    }
  }

  int places;  // for workers; read and written under the pool's lock

private:
  const std::function<void(Index)>* task_;
  Index n_tasks_;
  std::atomic<Index> next_{0}, unfinished_;
  std::mutex lock_;
  std::condition_variable none_left_;
};

// What threads that are started meanwhile inherit: they take in no signals, which are for Python's main thread to wake
// it up.
class SignalsBlocked {
#ifdef LIMBECK_PTHREADS
public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
  sigset_t before_;
#endif
};

class WorkerPool {
public:
  void run(int helpers, Index n_tasks, const std::function<void(Index)>& task,
           const std::function<void()>& while_waiting) {
    const auto region = std::make_shared<Region>(helpers, n_tasks, task);
    open(helpers, region);
    region->work();
    close(helpers, region);
    region->wait(while_waiting);
  }

private:
  void open(int helpers, const std::shared_ptr<Region>& region) {
    {
      const std::lock_guard<std::mutex> hold(lock_);
      open_.push_back(region);
      count_open();
      wanted_ += helpers;
      grow(helpers);
    }
    opened_.notify_one();  // that worker wakes up the next two: nobody needs to wake a hundred
  }

  // No worker begins from here on.
  void close(int helpers, const std::shared_ptr<Region>& region) {
    const std::lock_guard<std::mutex> hold(lock_);
    wanted_ -= helpers;
    open_.erase(std::remove(open_.begin(), open_.end(), region), open_.end());
    count_open();
  }

  // As many workers as one call wants; for several at once no more than there are processors.
  void grow(int helpers) {
    if (workers_ >= std::min(wanted_, most_workers)) return;
    const Index processors = std::thread::hardware_concurrency();
    const Index enough = std::min(std::max<Index>(helpers, std::min(wanted_, processors - 1)), most_workers);
    const SignalsBlocked blocked;
    try {
      for (; workers_ < enough; ++workers_) std::thread([this] { serve(); }).detach();
    } catch (const std::exception&) {
      // No more threads, or no memory for them. With those that there are, or none: the caller works as well.
    }
  }

  void count_open() { n_open_.store(open_.size(), std::memory_order_relaxed); }

  [[noreturn]] void serve() {
    while (true) {
      wait_awake([this] { return n_open_.load(std::memory_order_relaxed) > 0; });
      next_region()->work();
    }
  }

  std::shared_ptr<Region> next_region() {
    std::unique_lock<std::mutex> hold(lock_);
    opened_.wait(hold, [this] { return !open_.empty(); });
    std::shared_ptr<Region> region = std::move(open_.front());
    open_.pop_front();
    if (--region->places > 0) open_.push_back(region);  // last: all that are open get helpers in turn
    count_open();
    const int to_wake = open_.empty() ? 0 : region->places == 1 ? 1 : 2;
    hold.unlock();
    for (int i = 0; i < to_wake; ++i) opened_.notify_one();
    return region;
  }

  std::mutex lock_;
  std::condition_variable opened_;
  std::deque<std::shared_ptr<Region>> open_;  // those with places left
  std::atomic<std::size_t> n_open_{0};        // their number, to be looked at without the lock
  Index wanted_ = 0;                          // helpers, by all calls that have not returned
  Index workers_ = 0;
};

// Never destroyed: workers may look at it until the process is gone.
std::atomic<WorkerPool*> the_pool{nullptr};

#ifdef LIMBECK_PTHREADS
// Of its parent's threads a child process has one, and of locks those that the others held: it begins with no pool.
// Registered when the library is loaded, before there is a pool.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { the_pool = nullptr; });
#endif

WorkerPool& pool() {
  WorkerPool* made = the_pool.load(std::memory_order_acquire);
  if (made) return *made;
  auto fresh = std::make_unique<WorkerPool>();
  if (the_pool.compare_exchange_strong(made, fresh.get(), std::memory_order_acq_rel)) return *fresh.release();
  return *made;  // another thread's
}

}  // namespace

void run_with_helpers(int helpers, Index n_tasks, const std::function<void(Index)>& task,
                      const std::function<void()>& while_waiting) {
  pool().run(helpers, n_tasks, task, while_waiting);
}

}  // namespace limbeck::core
