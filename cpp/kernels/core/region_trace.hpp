// What the threads of a larger machine would have to do: the tasks of a call, one after the other, with their times.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/core/dependencies.hpp"

namespace limbeck::core {

// A region of tasks: their processor time in seconds, the tasks that each waits for (empty where none waits), and the
// time since the region before, or since the trace began. The clock's own time, which is some tenths of a microsecond
// wherever it is read, is taken off.
struct TracedRegion {
  double seconds_before;
  std::vector<double> seconds;
  Dependencies awaited;
};
struct Trace {
  std::vector<TracedRegion> regions;
  double seconds_after;  // the last region
};

// From begin_trace() to end_trace() every region that several threads would share runs on the thread that calls it, and
// the processor time of each task is kept. Regions inside of tasks are part of these. With a seed other than 0 the
// tasks of a region run in an order without a pattern, so that results which depend on the order show. For one thread
// at a time that calls kernels.
void begin_trace(std::uint64_t seed = 0);
Trace end_trace();

// Execution's part: run_traced runs task(0) ... task(n_tasks - 1), none before those that it waits for, and returns
// true where a trace has begun; otherwise it does nothing. `awaited` may be null.
bool run_traced(Index n_tasks, const Dependencies* awaited, const std::function<void(Index)>& task);

}  // namespace limbeck::core
