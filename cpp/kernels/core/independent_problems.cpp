#include "kernels/core/independent_problems.hpp"

namespace limbeck {

void for_each_problem(const Execution& exec, Index count, double operations,
                      const std::function<void(const Execution& inner, Index problem)>& solve) {
  constexpr double large = 1e7;  // a problem of a millisecond or so: teams of threads inside it are worth their start
  const Index threads = exec.n_threads(), left_over = count % threads;
  // Side by side they take as long as one on one thread; in turn, half of that where half of the threads would idle.
  const bool in_turn = operations > large && 2 * left_over <= threads;
  const Index together = in_turn ? count - left_over : count;
  exec.for_each(together, operations * static_cast<double>(together), [&](Index problem) {
    const Execution alone(1, [&exec] { return exec.stopped(); });
    solve(alone, problem);
  });
  for (Index problem = together; problem < count; ++problem) {
    exec.check();
    solve(exec, problem);
  }
}

}  // namespace limbeck
