#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if __has_include(<sys/wait.h>)
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#define LIMBECK_TEST_PROCESSES
#endif

#include "check.hpp"
#include "kernels/core/execution.hpp"
#include "kernels/core/processor_quota.hpp"
#include "kernels/core/region_trace.hpp"
#include "kernels/core/worker_pool.hpp"

namespace limbeck::tests {

namespace {

constexpr double much_work = 1e9;  // operations that make for_each take all threads

// Waits for what other threads do; gives up after a time far beyond any that a busy machine needs.
template <class Done>
bool comes_true(const Done& done) {
  const auto start = std::chrono::steady_clock::now();
  while (!done()) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(60)) return false;
    std::this_thread::yield();
  }
  return true;
}

void helpers_help() {
  for (const int threads : {2, 3, 8}) {
    const Case sizes("threads %d", threads);
    const Execution exec(threads, nullptr);
    std::atomic<int> begun{0}, met{0};
    std::mutex lock;
    std::set<std::thread::id> who;
    // Each task waits until all have begun, so that each needs a thread of its own.
    exec.for_each(threads, much_work, [&](Index) {
      ++begun;
      met += comes_true([&] { return begun == threads; });
      const std::lock_guard<std::mutex> hold(lock);
      who.insert(std::this_thread::get_id());
    });
    CHECK_EQUAL(met.load(), threads);
    CHECK_EQUAL(static_cast<int>(who.size()), threads);
  }
}

void nobody_waits_for_helpers_that_have_not_begun() {
  // More places than the pool has workers, as all of them are held up in the tasks of another thread.
  std::atomic<bool> let_go{false};
  std::atomic<int> held{0};
  std::thread other([&] {
    Execution(8, nullptr).for_each(8, much_work, [&](Index) {
      ++held;
      comes_true([&] { return let_go.load(); });
    });
  });
  CHECK(comes_true([&] { return held == 8; }));
  std::atomic<int> ran{0};
  const std::thread::id here = std::this_thread::get_id();
  // Without help, as far as the pool did not grow for this call.
  Execution(3, nullptr).for_each(100, much_work, [&](Index) { ++ran; });
  CHECK_EQUAL(ran.load(), 100);
  CHECK(!let_go);
  CHECK(here == std::this_thread::get_id());
  let_go = true;
  other.join();
}

void tasks_may_ask_for_help() {
  std::vector<std::atomic<int>> times(20 * 30);
  const Execution exec(4, nullptr);
  exec.for_each(20, much_work, [&](Index outer) {
    const Execution inner(3, nullptr);
    inner.for_each(30, much_work, [&](Index i) { ++times[outer * 30 + i]; });
  });
  for (const auto& some : times) CHECK_EQUAL(some.load(), 1);
}

void several_threads_ask_at_once() {
  constexpr int callers = 6;
  constexpr Index tasks = 50;
  std::vector<std::vector<int>> times(callers, std::vector<int>(tasks, 0));
  std::vector<std::thread> team;
  for (int caller = 0; caller < callers; ++caller) {
    team.emplace_back([&, caller] {
      for (int round = 0; round < 200; ++round) {
        Execution(1 + (caller + round) % 5, nullptr).for_each(tasks, much_work, [&](Index i) { ++times[caller][i]; });
      }
    });
  }
  for (std::thread& member : team) member.join();
  for (const auto& of_one : times) {
    for (const int some : of_one) CHECK_EQUAL(some, 200);
  }
}

void any_number_of_threads() {
  std::atomic<int> ran{0};
  // Far more than the pool ever starts, and no more than there are tasks.
  Execution(2147483647, nullptr).for_each(5000, much_work, [&](Index) { ++ran; });
  CHECK_EQUAL(ran.load(), 5000);
}

#ifdef LIMBECK_TEST_PROCESSES
void workers_take_in_no_signals() {
  const std::thread::id here = std::this_thread::get_id();
  std::atomic<int> begun{0}, blocked{0};
  Execution(2, nullptr).for_each(2, much_work, [&](Index) {
    ++begun;
    comes_true([&] { return begun == 2; });
    if (std::this_thread::get_id() == here) return;
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, nullptr, &now);
    blocked = sigismember(&now, SIGINT) == 1 && sigismember(&now, SIGTERM) == 1;
  });
  CHECK_EQUAL(blocked.load(), 1);
  sigset_t now;
  pthread_sigmask(SIG_SETMASK, nullptr, &now);
  CHECK(sigismember(&now, SIGINT) == 0);  // as before, where the pool was started
}

#ifndef __SANITIZE_THREAD__  // which does not let a child process start threads
// Three tasks that only three threads can end.
bool three_threads_work() {
  std::atomic<int> begun{0};
  std::atomic<bool> all{true};
  Execution(3, nullptr).for_each(3, much_work, [&](Index) {
    ++begun;
    if (!comes_true([&] { return begun == 3; })) all = false;
  });
  return all;
}

void a_child_process_has_threads_of_its_own() {
  CHECK(three_threads_work());
  const pid_t child = fork();
  if (child == 0) {
    const bool works = three_threads_work();
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(three_threads_work() ? 0 : 1);
    int status = 1;
    waitpid(grandchild, &status, 0);
    _exit(works && status == 0 ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  CHECK_EQUAL(status, 0);
  CHECK(three_threads_work());
}
#endif
#endif

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

void quotas() {
  namespace fs = std::filesystem;
  const fs::path root = fs::temp_directory_path() / ("limbeck_quota_" + std::to_string(std::random_device()()));
  const auto quota = [&] { return core::processor_quota(root.string()); };
  CHECK_EQUAL(quota(), Index{0});  // no files
  write(root / "proc/self/cgroup", "0::/a/b\n");
  CHECK_EQUAL(quota(), Index{0});
  write(root / "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  CHECK_EQUAL(quota(), Index{0});
  write(root / "sys/fs/cgroup/a/b/cpu.max", "250000 100000\n");
  CHECK_EQUAL(quota(), Index{3});
  write(root / "sys/fs/cgroup/a/cpu.max", "50000 100000\n");  // less for both together
  CHECK_EQUAL(quota(), Index{1});
  write(root / "sys/fs/cgroup/a/cpu.max", "no number\n");
  CHECK_EQUAL(quota(), Index{3});
  write(root / "sys/fs/cgroup/cpu.max", "200000 100000\n");  // as a container sees its own group
  CHECK_EQUAL(quota(), Index{2});
  write(root / "proc/self/cgroup", "0::/\n");
  CHECK_EQUAL(quota(), Index{2});
  write(root / "proc/self/cgroup", "7:memory:/x\n4:cpuacct,cpu:/x/y\n");
  CHECK_EQUAL(quota(), Index{0});
  write(root / "sys/fs/cgroup/cpu/x/y/cpu.cfs_quota_us", "-1\n");
  write(root / "sys/fs/cgroup/cpu/x/y/cpu.cfs_period_us", "100000\n");
  CHECK_EQUAL(quota(), Index{0});
  write(root / "sys/fs/cgroup/cpu/x/y/cpu.cfs_quota_us", "400000\n");
  CHECK_EQUAL(quota(), Index{4});
  for (const char* damaged : {"", "\n", ":", "::", "0:", "0::", "0::relative\n", "\0\n", "4:cpu:\n"}) {
    write(root / "proc/self/cgroup", damaged);
    CHECK(quota() >= 0);
  }
  fs::remove_all(root);
}

void traces() {
  const std::thread::id here = std::this_thread::get_id();
  const Execution exec(64, nullptr);
  core::begin_trace();
  std::atomic<int> ran{0};
  exec.for_each(5, much_work, [&](Index) {
    CHECK(std::this_thread::get_id() == here);
    exec.for_each(3, much_work, [&](Index) { ++ran; });
  });
  exec.for_each(7, 1.0, [&](Index) { ++ran; });  // too little for threads
  exec.for_each(2, much_work, [&](Index) { ++ran; });
  const std::vector<core::TracedRegion> regions = core::end_trace().regions;
  CHECK_EQUAL(ran.load(), 5 * 3 + 7 + 2);
  CHECK_EQUAL(static_cast<int>(regions.size()), 2);
  CHECK_EQUAL(static_cast<int>(regions[0].seconds.size()), 5);
  CHECK_EQUAL(static_cast<int>(regions[1].seconds.size()), 2);
  for (const double seconds : regions[0].seconds) CHECK(seconds >= 0);
  CHECK(core::end_trace().regions.empty());
}

// With a seed the tasks come in another order each time, and each once.
void traces_in_any_order() {
  const Execution exec(64, nullptr);
  const auto order_with = [&](std::uint64_t seed) {
    std::vector<Index> order;
    core::begin_trace(seed);
    exec.for_each(1, much_work, [&](Index) { exec.for_each(50, much_work, [&](Index i) { order.push_back(i); }); });
    exec.for_each(50, much_work, [&](Index i) { order.push_back(i); });
    core::end_trace();
    return order;
  };
  std::vector<Index> rising(100);
  for (Index i = 0; i < 100; ++i) rising[i] = i % 50;
  CHECK(order_with(0) == rising);
  for (const std::uint64_t seed : {1u, 2u}) {
    std::vector<Index> order = order_with(seed);
    CHECK(order == order_with(seed));
    CHECK(!std::equal(order.begin(), order.begin() + 50, rising.begin()));
    CHECK(!std::equal(order.begin() + 50, order.end(), order.begin()));
    std::sort(order.begin(), order.begin() + 50);
    std::sort(order.begin() + 50, order.end());
    CHECK(order == rising);
  }
  CHECK(order_with(1) != order_with(2));
}

// Each waits for some of those before it, many for the last one.
core::Dependencies chains(Random* random, Index tasks) {
  core::Dependencies awaited;
  for (Index i = 0; i < tasks; ++i) {
    if (i > 0 && random->whole(1) != 0) awaited.wait_for(i - 1);
    for (Index j = random->whole(2); i > 0 && j > 0; --j) awaited.wait_for(std::abs(random->whole(i - 1)));
    awaited.close();
  }
  return awaited;
}

void tasks_wait_for_others() {
  Random random(21);
  for (const Index tasks : {0, 1, 2, 300}) {
    const core::Dependencies awaited = chains(&random, tasks);
    CHECK_EQUAL(awaited.size(), tasks);
    for (const int threads : {1, 2, 3, 8}) {
      const Case sizes("waiting tasks %td threads %d", tasks, threads);
      std::vector<std::atomic<int>> ended(static_cast<std::size_t>(tasks));
      std::atomic<int> too_early{0};
      Execution(threads, nullptr).for_each(awaited, much_work, [&](Index i) {
        for (const Index* other = awaited.begin(i); other != awaited.end(i); ++other) too_early += ended[*other] != 1;
        if (i % 32 == 0)
          std::this_thread::sleep_for(std::chrono::microseconds(200));  // longer than waiting threads stay awake
        ++ended[i];
      });
      CHECK_EQUAL(too_early.load(), 0);
      for (const auto& times : ended) CHECK_EQUAL(times.load(), 1);
    }
  }
}

void nobody_waits_for_a_task_that_failed() {
  core::Dependencies awaited;
  for (Index i = 0; i < 50; ++i) {
    if (i > 0) awaited.wait_for(i - 1);
    awaited.close();
  }
  for (const int threads : {1, 2, 8}) {
    const Case sizes("failing task, threads %d", threads);
    std::atomic<int> ran{0};
    CHECK_THROWS(std::out_of_range, Execution(threads, nullptr).for_each(awaited, much_work, [&](Index i) {
      if (i == 20) throw std::out_of_range("20");
      ++ran;
    }));
    CHECK_EQUAL(ran.load(), 20);
    int polls = 0;
    const Execution stopped(threads, [&] { return ++polls > 0; });
    std::this_thread::sleep_for(std::chrono::milliseconds(60));  // it asks every 50 ms
    // Tasks so long that the calling thread gets some of them.
    CHECK_THROWS(Interrupted, stopped.for_each(awaited, much_work, [&](Index) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }));
  }
}

void traced_tasks_wait_for_others() {
  Random random(22);
  const core::Dependencies awaited = chains(&random, 100);
  std::vector<Index> orders[3];
  for (const std::uint64_t seed : {0u, 1u, 2u}) {
    std::vector<bool> ended(100);
    core::begin_trace(seed);
    Execution(64, nullptr).for_each(awaited, much_work, [&](Index i) {
      for (const Index* other = awaited.begin(i); other != awaited.end(i); ++other) CHECK(ended[*other]);
      ended[i] = true;
      orders[seed].push_back(i);
    });
    const std::vector<core::TracedRegion> regions = core::end_trace().regions;
    CHECK_EQUAL(static_cast<int>(orders[seed].size()), 100);
    CHECK_EQUAL(static_cast<int>(regions.size()), 1);
    CHECK_EQUAL(regions[0].awaited.size(), 100);
    CHECK(std::equal(awaited.begin(99), awaited.end(99), regions[0].awaited.begin(99), regions[0].awaited.end(99)));
  }
  CHECK(std::is_sorted(orders[0].begin(), orders[0].end()));
  CHECK(orders[1] != orders[0] && orders[2] != orders[0] && orders[1] != orders[2]);
}

}  // namespace

void test_threads() {
  helpers_help();
  nobody_waits_for_helpers_that_have_not_begun();
  tasks_may_ask_for_help();
  several_threads_ask_at_once();
#ifdef LIMBECK_TEST_PROCESSES
  workers_take_in_no_signals();
#ifndef __SANITIZE_THREAD__
  a_child_process_has_threads_of_its_own();
#endif
#endif
  any_number_of_threads();
  traces();
  traces_in_any_order();
  tasks_wait_for_others();
  nobody_waits_for_a_task_that_failed();
  traced_tasks_wait_for_others();
  quotas();
}

}  // namespace limbeck::tests
