// Rows of independent Gaussian features, drawn at random, and products with them.
#pragma once

#include <vector>

#include "kernels/dense/syrk_packed.hpp"
#include "kernels/simulation/normal_rng.hpp"

namespace limbeck {

// What n rows of p features say of coefficients, in min(n, p) rows; memory that serves draw after draw.
//
// A fit does not change if rows and labels are rotated together, and noise is as random after that as before. So the
// first features are drawn as a triangle, the factor of their rows (Bartlett, Proc. Roy. Soc. Edinb. 53, 1933): numbers
// of its diagonal are chi, those above it are normal. Rows beyond p would be zero, and say nothing of the coefficients.
//
// Numbers are of single precision, which only says on which grid they lie: sums of them are of double precision.
class GaussianRows {
public:
  static constexpr Index width = PackedVectors<float>::width;

  // `sizes` (p): standard deviations, at most 1. Decreasing, they make the Gram matrix a graded one.
  GaussianRows(Index n, const std::vector<double>& sizes);

  Index count() const { return m_; }
  Index features() const { return p_; }
  // Groups of `width` rows are whole: those beyond `count` are zero.
  Index padded() const { return padded_; }
  float at(Index row, Index feature) const { return group(row / width)[feature * width + row % width]; }

  // New rows, of features of variance one, and times the sizes.
  void draw(NormalNumbers* random);
  void scale();
  // products (padded) = X v, for v (p); products (p) = X' v, for v (padded).
  void times(const double* v, double* products) const;
  void transposed_times(const double* v, double* products) const;
  // Adds X X' to the lower triangle.
  void add_gram(const Execution& exec, TiledMatrix<float>* sums) const;
  void add_gram(const Execution& exec, TiledMatrix<double>* sums) const;

private:
  // Groups of rows, interleaved: feature after feature.
  float* group(Index g) { return rows_.data() + g * p_ * width; }
  const float* group(Index g) const { return rows_.data() + g * p_ * width; }

  template <Index count>
  void transposed_some(const double* v, Index l, double* products) const;

  Index n_, p_, m_, padded_;
  std::vector<float> sizes_;
  AlignedBuffer<float> rows_;
};

}  // namespace limbeck
