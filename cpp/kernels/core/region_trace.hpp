// What the threads of a larger machine would have to do: the tasks of a call, one after the other, with their times.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/core/ints.hpp"

namespace limbeck::core {

// From begin_trace() to end_trace() every region that several threads would share runs on the thread that calls it, and
// the processor time of each task is kept. end_trace() returns the seconds of each task, region by region. Regions
// inside of tasks are part of these. With a seed other than 0 the tasks of a region run in an order without a pattern,
// so that results which depend on the order show. For one thread at a time that calls kernels.
void begin_trace(std::uint64_t seed = 0);
std::vector<std::vector<double>> end_trace();

// Execution's part: run_traced runs task(0) ... task(n_tasks - 1) and returns true where a trace has begun; otherwise
// it does nothing.
bool run_traced(Index n_tasks, const std::function<void(Index)>& task);

}  // namespace limbeck::core
