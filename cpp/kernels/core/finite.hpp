// A search for NaN and infinity.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck::core {

// Position of the first NaN or infinity, or -1.
template <class T>
Index first_non_finite(const Execution& exec, const T* data, Index size);

}  // namespace limbeck::core
