// R with R' R = R_old' R_old + W' W for new rows W, computed without forming either product, so that errors grow with
// cond(R), not its square.
//
// The rows of U = W R^-1 are as long as the new rows' leverages, whatever the condition of R, so that I + U' U is well
// conditioned where these are moderate: its Cholesky factor C gives C' R, at the speed of products of matrices. The
// triangular solve is backward stable column by column, as reflections are. Where leverages are large, as at the
// beginning and for directions never seen before, reflections of [R; W] are used.
#pragma once

#include "kernels/core/execution.hpp"

namespace limbeck::least_squares {

// n rows of three parts, 1, x (p) / x_unit and y (q) / y_unit, times the square root of the row's weight.
template <class T>
struct RowBlock {
  const T* X;
  const double* Y;
  Index n, p, q;
  const double* weights;  // or null: ones
  double x_unit, y_unit;

  Index columns() const { return 1 + p + q; }
};

// R (1 + p + q, 1 + p + q), upper triangular, row by row; zeros for no rows so far. Numbers that are not finite, and
// overflow, make R not finite.
template <class T>
void update_r(const Execution& exec, const RowBlock<T>& rows, double* R);

}  // namespace limbeck::least_squares
