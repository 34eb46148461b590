// Regression on rows drawn at random.
#pragma once

#include <vector>

#include "kernels/simulation/bartlett_design.hpp"
#include "kernels/simulation/block_cholesky.hpp"

namespace limbeck::simulation {

// Fits to n rows of independent Gaussian features, X' (X X' + n ridge)^-1 y: they minimise |y - X b|^2 / n + ridge
// |b|^2, or are of least norm for ridge 0; memory that serves fit after fit.
class RandomDesignFit {
public:
  using Numbers = std::vector<double>;

  // The features' standard deviations (p), positive and decreasing.
  RandomDesignFit(Index n, const Numbers& deviations, double ridge);

  // b (p) fitted to new rows with targets <x, coefficients> + noise * N(0, 1). False if there is no finite fit, or for
  // a negative ridge if X X' / n + ridge is not positive definite.
  bool fit(const Execution& exec, NormalRng* random, const Numbers& coefficients, double noise, Numbers* b);

  // The most bytes that a regression of so many rows and features holds, one fit in double precision included.
  static double bytes(Index n, Index p);

private:
  bool solve_triangle(const Numbers& coefficients, double noise, Numbers* b);
  bool solve_dual(const Execution& exec, Numbers* b);
  bool solve_dual_in_doubles(const Execution& exec, Numbers* b);
  template <class T>
  void form_dual(const Execution& exec, dense::TiledMatrix<T>* gram) const;
  double precondition();
  bool advance(double slope, bool last, Numbers* b);
  void last_image();

  double unit_;  // the largest standard deviation; rows and targets are divided by it
  Numbers deviations_;
  BartlettDesign rows_;
  double penalty_;
  dense::TiledMatrix<float> factor_;
  BlockCholesky cholesky_;
  core::AlignedBuffer<float> right_;
  std::vector<float> noise_, single_image_;
  // Of conjugate gradients: the residual, the preconditioned residual, the direction, its image in the space of
  // features and in that of rows.
  Numbers targets_, residual_, corrected_, direction_, image_, product_;
};

}  // namespace limbeck::simulation
