// Searches for NaN and infinity, and for the largest number.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck::core {

// Position of the first NaN or infinity, or -1.
template <class T>
Index first_non_finite(const Execution& exec, const T* data, Index size);

// The largest absolute value; NaN is passed over, and without numbers it is zero.
template <class T>
T largest_size(const Execution& exec, const T* data, Index size);

}  // namespace limbeck::core
