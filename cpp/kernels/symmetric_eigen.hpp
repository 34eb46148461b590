// Eigenvalues and eigenvectors of a symmetric matrix.
#pragma once

#include "kernels/parallel.hpp"

namespace limbeck {

// values (n), rising, and vectors (n, n), one to a row, of the symmetric matrix A (n, n); false where A is not finite.
bool symmetric_eigen(Index n, const double* A, double* values, double* vectors);

}  // namespace limbeck
