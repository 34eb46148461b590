// What one core of this machine can do at best: the yardstick of the benchmarks.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck::core {

// Multiply-adds of the widest vectors of this instruction set, operands in registers, on the calling thread: operations
// per second, a multiply-add counting two, in the best of the short intervals that fit in `seconds` (at least one).
template <class T>
double peak_flops(const Execution& exec, double seconds);

}  // namespace limbeck::core
