// Matrices whose memory is written to for the first time by the tasks of a region.
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

// Memory for a matrix whose columns are not defined, of which every page has been written to: tasks that write some
// rows of all columns would meet in the same new pages, and wait for them.
template <class T>
TiledMatrix<T> unwritten_matrix(const Execution& exec, Index rows, Index columns) {
  constexpr Index page = 4096 / static_cast<Index>(sizeof(T)), numbers = 1 << 18;  // of a task: 2 MiB, a huge page
  TiledMatrix<T> A(rows, columns, core::Unwritten());
  const Index at_once = std::max<Index>(1, numbers / A.stride());
  exec.for_each(core::ceil_div(columns, at_once), static_cast<double>(rows) * columns, [&](Index task) {
    T* const end = A.at(0, std::min(columns, (task + 1) * at_once));
    for (T* to = A.at(0, task * at_once); to < end; to += page) *to = T(0);
  });
  return A;
}

}  // namespace limbeck::dense
