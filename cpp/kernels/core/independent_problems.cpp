#include "kernels/core/independent_problems.hpp"

namespace limbeck::core {

void for_each_problem(const Execution& exec, Index count, double operations,
                      const std::function<void(const Execution& inner, Index problem)>& solve) {
  constexpr double large = 1e7;  // operations, about a millisecond: long against the start of a team of threads
  const Index threads = exec.n_threads(), remainder = count % threads;
  // Side by side they take as long as one on one thread; in turn, half of that where half of the threads would idle.
  const bool in_turn = operations > large && 2 * remainder <= threads;
  const Index side_by_side = in_turn ? count - remainder : count;
  exec.for_each(side_by_side, operations * static_cast<double>(side_by_side), [&](Index problem) {
    const Execution alone(1, [&exec] { return exec.stopped(); });
    solve(alone, problem);
  });
  for (Index problem = side_by_side; problem < count; ++problem) {
    exec.check();
    solve(exec, problem);
  }
}

}  // namespace limbeck::core
