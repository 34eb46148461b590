// Minimum-norm least squares with a certificate: by the inner products of the smaller side, or by reflections.
#pragma once

#include "kernels/least_squares/problem.hpp"

namespace limbeck {

// coef (p, q): the vector of least norm among those of least squares, for X of full rank; residual_norms (q). Factors
// the Gram matrix of rows or columns, whichever are fewer, scaled to unit diagonal by powers of two: large ones in
// single precision, if that is enough for the refinement that follows. Unless the verdict is certified coef is not to
// be used.
template <class T>
Certificate solve_by_cholesky(const Execution& exec, const LeastSquares<T>& problem, T* coef, double* residual_norms);

// The same by an orthogonal factorisation of X, for any rank that is beyond doubt. What is at most `negligible` of X's
// largest singular value counts as rounding: where more than that has to be dropped, the verdict is rank_unsure. A
// negative rcond stands for full rank that is known.
struct RankedCertificate {
  Index rank;
  Certificate certificate;
};
RankedCertificate solve_by_qr(const Execution& exec, const LeastSquares<double>& problem, double negligible,
                              double* coef, double* residual_norms);

// What leaving out one row does. Its residual is numerator (n, q) over denominator (n), which is one minus the
// leverage; for rows outside the span of the others, where both are zero, it is alone_numerator over alone_denominator,
// of the pseudo-inverse of X X'. By the same factorisation; unless the verdict is certified nothing is written.
struct LeftOut {
  Index rank;
  Certificate::Verdict verdict;
};
LeftOut leave_one_out(const Execution& exec, const LeastSquares<double>& problem, double negligible, double* numerator,
                      double* denominator, double* alone_numerator, double* alone_denominator);

}  // namespace limbeck
