// Projections of rows on directions.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck::dense {

// out (n, m) = X C', for directions C (m, d). Unlike a product by a BLAS, bitwise the same for any number of threads.
template <class T>
void project(const Execution& exec, const T* X, Index n, Index d, const T* directions, Index m, T* out);

}  // namespace limbeck::dense
