// Rows of independent Gaussian features, drawn at random, and products with them.
#pragma once

#include <vector>

#include "kernels/core/execution.hpp"
#include "kernels/dense/syrk_packed.hpp"
#include "kernels/simulation/normal_rng.hpp"

namespace limbeck::simulation {

// A Gaussian design in Bartlett form: the R factor of n rows of p features, min(n, p) rows of it, drawn directly. The
// buffer is reused from draw to draw.
//
// A fit does not change if rows and targets are rotated together, and rotated noise has the same distribution. So the
// first features are drawn as a triangle, the factor of their rows (Bartlett, Proc. Roy. Soc. Edinb. 53, 1933): numbers
// of its diagonal are chi, those above it are normal. Rows of the factor beyond p are zero and drop out of the fit.
//
// Numbers are rounded to single precision when they are drawn; sums of them are of double precision.
class BartlettDesign {
public:
  static constexpr Index width = dense::PackedView<float>::width;

  // Standard deviations (p), at most 1. Decreasing ones make a graded Gram matrix.
  BartlettDesign(Index n, const std::vector<double>& deviations);

  Index count() const { return m_; }
  Index features() const { return p_; }
  // Groups of `width` rows are whole: those beyond `count` are zero.
  Index padded() const { return padded_; }
  float at(Index row, Index feature) const { return rows_.at(row, feature); }

  // New rows, of features of variance one.
  void draw(NormalRng* random);
  // New rows, of features of the standard deviations that were given; products (padded) = X v, for v (p).
  void draw_scaled(NormalRng* random, const double* v, double* products);
  // products (padded) = X v, for v (p); products (p) = X' v, for v (padded).
  void times(const double* v, double* products) const;
  void transposed_times(const double* v, double* products) const;
  // products (p) = X' v with sums of single precision.
  void transposed_times(const float* v, float* products) const;
  // image (p) = X' v and products (padded) = X image, for v (padded): rows are read once.
  void gram_times(const double* v, double* image, double* products) const;
  // v (p) becomes R^-1 v, where the rows are a triangle R, which min(n, p) = p makes them.
  void divide(double* v) const;
  // Adds X X' to the lower triangle.
  void add_gram(const Execution& exec, dense::TiledMatrix<float>* sums) const;
  void add_gram(const Execution& exec, dense::TiledMatrix<double>* sums) const;

private:
  void draw_group(NormalRng* random, Index first);
  template <Index count>
  void transposed_some(const float* v, Index l, float* products) const;
  template <class Use>
  void for_columns(const double* v, double* image, const Use& use) const;
  template <Index count>
  Index transposed_some(const double* v, Index l, double* products) const;
  template <Index count>
  void add_some(const double* image, Index l, Index groups, double* products) const;

  Index n_, p_, m_, padded_;
  std::vector<float> deviations_;
  dense::Packed<float> rows_;  // the rows are the vectors
};

}  // namespace limbeck::simulation
