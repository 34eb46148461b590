// A matrix of zeros that is written by the tasks of a region.
#pragma once

#include <algorithm>

#include "kernels/core/execution.hpp"
#include "kernels/dense/matrix.hpp"

namespace limbeck::dense {

template <class T>
TiledMatrix<T> zero_matrix(const Execution& exec, Index rows, Index columns) {
  constexpr Index numbers = 1 << 14;  // of a task: some microseconds in memory that is at hand, ten in new memory
  TiledMatrix<T> A(rows, columns, core::Unwritten());
  const Index at_once = std::max<Index>(1, numbers / A.stride());
  exec.for_each(core::ceil_div(std::max<Index>(columns, 1), at_once), static_cast<double>(rows) * columns,
                [&](Index task) { A.clear(task * at_once, std::min(columns, (task + 1) * at_once)); });
  return A;
}

}  // namespace limbeck::dense
