// Leave-one-out residuals of minimum-norm least squares, from one factorisation.
#pragma once

#include "kernels/least_squares/problem.hpp"

namespace limbeck::least_squares {

// The residual of a row in the fit without it is numerator (n, q) over denominator (n), which is one minus the
// leverage; for rows outside the span of the others, where both are zero, it is alone_numerator over alone_denominator,
// of the pseudo-inverse of X X'. By the same factorisation; unless the verdict is certified nothing is written.
struct LeftOut {
  Index rank;
  Certificate::Verdict verdict;
};
LeftOut leave_one_out(const Execution& exec, const Problem<double>& problem, double negligible, double* numerator,
                      double* denominator, double* alone_numerator, double* alone_denominator);

}  // namespace limbeck::least_squares
