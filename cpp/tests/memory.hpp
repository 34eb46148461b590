// How much memory a call takes.
#pragma once

#include <cstddef>

namespace limbeck::tests {

// The most bytes that the tests' process has held at once, by operator new, since the last call of forget_peak(),
// beyond what it held then.
std::size_t peak_bytes();
void forget_peak();

}  // namespace limbeck::tests
