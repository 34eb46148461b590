// Minimum-norm least squares with a certificate: by the inner products of the smaller side, or by reflections.
#pragma once

#include "kernels/least_squares/problem.hpp"

namespace limbeck::least_squares {

// coef (p, q): the vector of least norm among those of least squares, for X of full rank; residual_norms (q). Factors
// the Gram matrix of rows or columns, whichever are fewer, scaled to unit diagonal by powers of two: large ones in
// single precision, if that is enough for the refinement that follows. Unless the verdict is certified coef is not to
// be used.
template <class T>
Certificate solve_by_cholesky(const Execution& exec, const Problem<T>& problem, T* coef, double* residual_norms);

// coef and residual_norms as above by an orthogonal factorisation of X, for any rank that is beyond doubt. Singular
// values of at most `negligible` times the largest count as rounding: where larger ones would have to be dropped, the
// verdict is rank_unsure. A negative rcond means that X is known to have full rank.
struct RankedCertificate {
  Index rank;
  Certificate certificate;
};
RankedCertificate solve_by_qr(const Execution& exec, const Problem<double>& problem, double negligible, double* coef,
                              double* residual_norms);

}  // namespace limbeck::least_squares
