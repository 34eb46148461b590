// Many independent problems of one size on the threads that there are.
#pragma once

#include <functional>

#include "kernels/core/execution.hpp"

namespace limbeck::core {

// Calls solve(inner, 0) ... solve(inner, count - 1), where `inner` says how that problem is to run. As many problems as
// there are threads run at a time, each on one thread; the few that are left over run one after the other, each on all
// threads, if they are large. So what solve() computes may not depend on the number of threads. `operations` are those
// of one problem.
void for_each_problem(const Execution& exec, Index count, double operations,
                      const std::function<void(const Execution& inner, Index problem)>& solve);

}  // namespace limbeck::core
