// Eigenvalues and eigenvectors of a symmetric matrix.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck::dense {

// values (n), rising, and vectors (n, n), one to a row, of the symmetric matrix A (n, n), of which one triangle is
// looked at; false, and nothing written, where A holds NaN or infinity.
bool symmetric_eigen(Index n, const double* A, double* values, double* vectors);

}  // namespace limbeck::dense
