// Regression on rows drawn at random.
#pragma once

#include <vector>

#include "kernels/simulation/bartlett_design.hpp"

namespace limbeck {

// Fits to n rows of independent Gaussian features, X' (X X' + n ridge)^-1 y: they minimise |y - X b|^2 / n + ridge
// |b|^2, or are of least norm for ridge 0; memory that serves fit after fit.
class RandomRegression {
public:
  using Numbers = std::vector<double>;

  // `sizes` (p): the features' standard deviations, positive and decreasing.
  RandomRegression(Index n, const Numbers& sizes, double ridge);

  // b (p) from new rows, labelled <x, labels> plus noise of standard deviation `noise`. False if there is none; for a
  // negative ridge, where X X' / n + ridge is not positive definite.
  bool fit(const Execution& exec, NormalNumbers* random, const Numbers& labels, double noise, Numbers* b);

  // The most bytes that a regression of so many rows and features holds, one fit in double precision included.
  static double bytes(Index n, Index p);

private:
  bool solve_triangle(const Numbers& labels, double noise, Numbers* b);
  bool solve_dual(const Execution& exec);
  bool solve_dual_in_doubles(const Execution& exec);
  template <class T>
  bool factor(const Execution& exec, TiledMatrix<T>* gram) const;
  double precondition();
  bool advance(double slope);

  double unit_;  // the largest size; rows and labels are divided by it
  Numbers sizes_;
  GaussianRows rows_;
  double penalty_;
  TiledMatrix<float> factor_, right_;
  std::vector<float> noise_;
  // Of conjugate gradients: the labels, the solution, what it leaves, that times the preconditioner, the direction, its
  // image in the space of features and in that of rows.
  Numbers labels_, dual_, residual_, corrected_, direction_, image_, product_;
};

}  // namespace limbeck
