// Threads that help where there is work and sleep where there is none.
//
// Programs call NumPy between two kernels, and threads of its BLAS stay on their processors for some 100 ms after a
// product. Threads that meet at a barrier then wait for the one that the system runs last. Here a call waits for tasks
// that have begun, never for a helper: the calling thread works as well, and does everything alone if the helpers come
// too late.
#pragma once

#include <functional>

#include "kernels/core/ints.hpp"

namespace limbeck::core {

// Runs task(0) ... task(n_tasks - 1), each once, on the calling thread and up to `helpers` threads of a pool that the
// whole process shares; returns when all have ended. A task may not throw, but may ask for help itself; several threads
// may ask at once. `while_waiting` is called on the calling thread, about 20 times a second, while it waits for helpers
// to end what they have begun.
//
// The pool is as large as was ever asked for, within reason, and lasts as long as the process; a child process after
// fork() begins with an empty one.
void run_with_helpers(int helpers, Index n_tasks, const std::function<void(Index)>& task,
                      const std::function<void()>& while_waiting);

}  // namespace limbeck::core
