// Regression on rows drawn at random.
#pragma once

#include <vector>

#include "kernels/gaussian_rows.hpp"

namespace limbeck {

// Fits to n rows of independent Gaussian features that minimise |y - X b|^2 / n + ridge |b|^2, or of least norm for
// ridge 0; memory that serves fit after fit.
class RandomRegression {
public:
  using Numbers = std::vector<double>;

  // `sizes` (p): the features' standard deviations, positive and decreasing.
  RandomRegression(Index n, const Numbers& sizes, double ridge);

  // b (p) from new rows, labelled <x, labels> plus noise of standard deviation `noise`. False if there is none.
  bool fit(NormalNumbers* random, const Numbers& labels, double noise, Numbers* b);

private:
  bool solve_triangle(const Numbers& labels, double noise, Numbers* b);
  bool solve_dual();
  bool solve_dual_in_doubles();
  template <class T>
  bool factor(TiledMatrix<T>* gram) const;
  double precondition();
  void advance(double slope);

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
