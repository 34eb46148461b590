// Sizes and positions, and divisions of them that round up.
#pragma once

#include <cstddef>

namespace limbeck {

using Index = std::ptrdiff_t;

namespace core {

// n / divisor, rounded up; n >= 0.
constexpr Index ceil_div(Index n, Index divisor) { return (n + divisor - 1) / divisor; }

// The smallest multiple that is at least n.
constexpr Index round_up(Index n, Index multiple) { return ceil_div(n, multiple) * multiple; }

}  // namespace core

}  // namespace limbeck
