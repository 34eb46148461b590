// Which tasks of a region must have ended before another one begins.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/core/ints.hpp"

namespace limbeck::core {

// Tasks are described one after the other, each by tasks that have been described before it: so tasks that are begun in
// their order can never wait for each other in a circle.
class Dependencies {
public:
  // Memory for so many tasks that wait for so many others in all.
  void reserve(Index tasks, Index awaited) {
    ends_.reserve(static_cast<std::size_t>(tasks));
    awaited_.reserve(static_cast<std::size_t>(awaited));
  }

  // The task that is being described waits for `task`.
  void wait_for(Index task) { awaited_.push_back(task); }
  // That task is described; returns its number.
  Index close() {
    ends_.push_back(static_cast<Index>(awaited_.size()));
    return size() - 1;
  }

  Index size() const { return static_cast<Index>(ends_.size()); }
  // The tasks that task i waits for.
  const Index* begin(Index i) const { return awaited_.data() + (i > 0 ? ends_[i - 1] : 0); }
  const Index* end(Index i) const { return awaited_.data() + ends_[i]; }

private:
  std::vector<Index> awaited_, ends_;
};

}  // namespace limbeck::core
