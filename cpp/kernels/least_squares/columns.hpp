// Columns of numbers, one for each target, in tasks of several columns or of parts of one.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/core/reduce.hpp"
#include "kernels/least_squares/problem.hpp"

namespace limbeck::least_squares {

constexpr Index numbers_of_task = 1 << 14;  // some five microseconds, long against the start of a task

// Calls run(begin, end) for parts of `count` things that have `size` numbers each.
template <class Run>
void for_parts(const Execution& exec, Index count, Index size, const Run& run) {
  constexpr Index line = 8;  // tasks do not write to the same line of the cache
  const Index part = core::round_up(std::max<Index>(1, numbers_of_task / std::max<Index>(size, 1)), line);
  exec.for_each(core::ceil_div(count, part), static_cast<double>(count) * static_cast<double>(size),
                [&](Index task) { run(task * part, std::min(count, (task + 1) * part)); });
}

// Norms of q columns of `length` numbers; long ones are summed in parts.
inline void column_norms(const Execution& exec, const double* columns, Index length, Index q, double* norms) {
  constexpr Index longest = 2 * numbers_of_task;
  if (length <= longest) {
    return for_parts(exec, q, length, [&](Index begin, Index end) {
      for (Index t = begin; t < end; ++t) norms[t] = core::norm(columns + t * length, length);
    });
  }
  const Index parts = core::ceil_div(length, longest);
  Numbers squares(parts * q);
  exec.for_each(parts * q, static_cast<double>(length) * static_cast<double>(q), [&](Index task) {
    const Index begin = task % parts * longest;
    squares[task] = core::squared_norm(columns + task / parts * length + begin, std::min(longest, length - begin));
  });
  for (Index t = 0; t < q; ++t) {
    double sum = 0;
    for (Index k = 0; k < parts; ++k) sum += squares[t * parts + k];
    norms[t] = std::sqrt(sum);
  }
}

// Rows of q numbers to columns of n, or the other way: calls move(i, t) for all n rows i and q columns t, few columns
// at a time, so that what is read and what is written are both at hand.
template <class Move>
void transpose_rows(Index begin, Index end, Index q, const Move& move) {
  constexpr Index at_once = 16;
  for (Index first = 0; first < q; first += at_once) {
    const Index last = std::min(q, first + at_once);
    for (Index i = begin; i < end; ++i) {
      for (Index t = first; t < last; ++t) move(i, t);
    }
  }
}

inline void copy_numbers(const Execution& exec, const Numbers& from, Numbers* to) {
  to->resize(from.size());
  for_parts(exec, static_cast<Index>(from.size()), 1,
            [&](Index begin, Index end) { std::copy(&from[begin], &from[begin] + (end - begin), &(*to)[begin]); });
}

}  // namespace limbeck::least_squares
