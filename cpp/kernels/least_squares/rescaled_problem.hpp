// A problem whose numbers are moderate enough for sums of their squares.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/core/reduce.hpp"
#include "kernels/least_squares/problem.hpp"

namespace limbeck::least_squares {

inline double power_of_two_near(double value) { return std::ldexp(1.0, std::ilogb(value)); }

// The largest size of X's numbers, or of every `step`-th of them.
template <class T>
double largest_size(const Problem<T>& P, Index step = 1) {
  return core::max_abs(P.X, P.n * P.p, step);
}

// X as it is, or a copy of it divided by a power of two if squares of its numbers could leave the range.
template <class T>
class RescaledProblem {
public:
  explicit RescaledProblem(const Problem<T>& P) : problem(P) {
    constexpr double limit = 1e70;  // squares stay below 1e140, and so sums of 1e160 of them in range
    const double size = largest_size(P);
    if (size < limit && size > 1 / limit) return;
    if (size > 0 && std::isfinite(size)) rescale(size);
  }
  RescaledProblem(const Problem<T>& P, double size) : problem(P) { rescale(size); }

  Problem<T> problem;
  double unit = 1;

private:
  void rescale(double size) {
    unit = power_of_two_near(size);
    scaled_.assign(problem.X, problem.X + problem.n * problem.p);
    for (T& x : scaled_) x = static_cast<T>(x / unit);
    problem.X = scaled_.data();
  }
  std::vector<T> scaled_;
};

}  // namespace limbeck::least_squares
