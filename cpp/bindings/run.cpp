// How bindings let go of Python's lock (the GIL) and take it again, also while the interpreter shuts down.
#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"

#ifndef _WIN32
#include <pthread.h>
#endif

namespace limbeck {

namespace {

// Python's own number of the only thread that Ctrl-C reaches.
std::atomic<unsigned long> main_thread{0};

bool is_shutting_down() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() || !Py_IsInitialized();
#else
  return _Py_IsFinalizing() || !Py_IsInitialized();
#endif
}

[[noreturn]] void sleep_for_ever() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

// Up to Python 3.13, a thread that asks for the lock of an interpreter that shuts down is ended by pthread_exit. That
// unwinds the stack like an exception that nobody may stop, and the process aborts where a frame does: those of OpenMP
// and pybind11, and all that are noexcept. While an object of this class lives, such a thread sleeps for the rest of
// the process, as Python itself has it do from 3.14 on.
class SleepWhenEnded {
public:
  ~SleepWhenEnded() {
    if (!passed_) sleep_for_ever();
  }
  void pass() { passed_ = true; }

private:
  bool passed_ = false;
};

// The lock, let go of and taken again by one thread.
class Lock {
public:
  void release() { state_ = PyEval_SaveThread(); }

  void acquire() {
    if (!was_shutting_down_ && is_shutting_down()) sleep_for_ever();
    SleepWhenEnded ended;  // the shutdown may begin while this thread waits
    PyEval_RestoreThread(state_);
    ended.pass();
  }

  // Whether Python wants to raise an exception: KeyboardInterrupt, or what a signal's handler raised.
  bool is_interrupted() {
    acquire();
    SleepWhenEnded ended;
    const bool found = PyErr_CheckSignals() != 0;
    ended.pass();
    release();
    return found;
  }

  // No questions on other threads, where they could only wait for the lock, nor in an interpreter that shuts down.
  bool can_be_interrupted() const { return !was_shutting_down_ && PyThread_get_thread_ident() == main_thread; }

private:
  PyThreadState* state_ = nullptr;
  const bool was_shutting_down_ = is_shutting_down();  // then this is the thread that does it
};

}  // namespace

void run_without_gil(int n_threads, const std::function<void(const Execution&)>& kernel) {
  if (n_threads < 0) throw py::value_error("n_threads must be at least 1, got " + std::to_string(n_threads));
  Lock lock;
  std::function<bool()> interrupted;
  if (lock.can_be_interrupted()) interrupted = [&lock] { return lock.is_interrupted(); };
  const Execution exec(n_threads == 0 ? core::default_threads() : n_threads, std::move(interrupted));
  std::exception_ptr failure;
  lock.release();
  try {
    kernel(exec);
  } catch (...) {
    failure = std::current_exception();
  }
  lock.acquire();
  if (PyErr_Occurred()) throw py::error_already_set();
  if (failure) std::rethrow_exception(failure);
}

void bind_run(py::module_&) {
  main_thread = py::module_::import("threading").attr("main_thread")().attr("ident").cast<unsigned long>();
#ifndef _WIN32
  // The thread that forks is the child's only one, and Python makes it the main one.
  pthread_atfork(nullptr, nullptr, [] { main_thread = PyThread_get_thread_ident(); });
#endif
}

}  // namespace limbeck
