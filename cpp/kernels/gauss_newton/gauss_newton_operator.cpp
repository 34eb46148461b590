#include "kernels/gauss_newton/gauss_newton_operator.hpp"

#include <cmath>

#include "kernels/core/row_sums.hpp"
#include "kernels/dense/syrk_packed.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"

namespace limbeck::gauss_newton {

namespace {

// The k + 1 vectors of d numbers in k + 1 groups of d + 1.
dense::SkinnyMatrix<double> vectors_of(const ReluFit& p, const double* groups) {
  dense::SkinnyMatrix<double> C(p.k + 1, p.d);
  for (Index i = 0; i <= p.k; ++i) C.set(i, groups + i * p.group_size());
  return C;
}

// Sums by columns of x, then k + 1 sums over rows, as groups of d + 1.
void scatter_groups(const ReluFit& p, const double* sums, double scale, double* groups) {
  for (Index i = 0; i <= p.k; ++i) {
    double* to = groups + i * p.group_size();
    for (Index j = 0; j < p.d; ++j) to[j] = scale * sums[i * p.d + j];
    to[p.d] = scale * sums[(p.k + 1) * p.d + i];
  }
}

}  // namespace

GaussNewtonOperator::GaussNewtonOperator(const Execution& exec, const ReluFit& p, const double* parameters,
                                         Features features)
    : exec_(exec),
      problem_(p),
      scale_(1 / p.total_weight()),
      words_((p.k + 63) / 64),
      n_features_(features == Features::one ? 1 : p.k + 1),
      gates_(p.n * words_),
      diagonal_(p.n_parameters()) {
  const ReluParameters at(p, parameters);
  const dense::SkinnyMatrix<double> C = dense::skinny_matrix(at.weights.data(), p.k, p.d);
  const Index d = p.d, k = p.k, block = dense::skinny_block_rows<double>(d);
  constexpr Index width = core::Simd<double>::width;
  const Index from_stride = dense::skinny_stride<double>(k), stride = dense::skinny_stride<double>(k + 1);
  const Index columns = (k + 1) * n_features_, padded = dense::PackedView<double>::padded(columns),
              in_diagonal = p.n_parameters();
  const Index sums_stride = padded % 64 == 0 ? padded + 8 : padded;  // columns in cache sets of their own
  const Index size = in_diagonal + padded * sums_stride;
  const double operations = static_cast<double>(p.n) * (4.0 * (k + 1) * (d + 1) + columns * columns);
  const auto sums = core::sum_over_rows<double>(exec, p.n, block, size, operations, [&] {
    return [&, z = core::AlignedBuffer<double>(block * std::max<Index>(from_stride, 1)),
            factor = core::AlignedBuffer<double>(block * stride), squares = core::AlignedBuffer<double>(block * d),
            seen = dense::Packed<double>(padded, block)](Index first, Index rows, double* into) mutable {
      const double* X = p.X + first * d;
      core::Prefetch ahead(X + rows * d, rows * d, 1), none;
      if (k > 0) dense::multiply_rows(X, rows, C, z.data(), ahead);
      for (Index e = 0; e < rows * d; ++e) squares.data()[e] = X[e] * X[e];
      for (Index r = 0; r < rows; ++r) {
        const double v = p.v ? p.v[first + r] : 1.0, root = std::sqrt(v);
        const double* zr = z.data() + r * from_stride;
        for (Index i = 0; i <= k; ++i) {
          const bool open = i == k || zr[i] + at.thresholds[i] > 0;
          if (open && i < k) gates_[(first + r) * words_ + i / 64] |= std::uint64_t{1} << (i % 64);
          const double slope = i == k ? 1.0 : open ? p.signs[i] : 0.0;
          factor.data()[r * stride + i] = v * slope * slope;
          into[(k + 1) * d + i] += v * slope * slope;
          for (Index j = 0; j < n_features_; ++j) {
            const Index f = i * n_features_ + j;
            seen.group(f / width)[r * width + f % width] = root * slope * (j + 1 < n_features_ ? zr[j] : 1.0);
          }
        }
      }
      dense::accumulate_outer(squares.data(), rows, d, factor.data(), k + 1, stride, into, none);
      const dense::PackedView<double> view{seen.group(0), padded, rows, seen.stride()};
      dense::syrk_packed(view, into + in_diagonal, sums_stride);
    };
  });
  scatter_groups(p, sums.data(), scale_, diagonal_.data());
  small_.resize(columns * columns);
  for (Index j = 0; j < columns; ++j) {
    for (Index i = j; i < columns; ++i) {
      small_[i * columns + j] = small_[j * columns + i] = scale_ * sums[in_diagonal + j * sums_stride + i];
    }
  }
}

void GaussNewtonOperator::apply(const double* v_of_parameters, double* out) const {
  const ReluFit& p = problem_;
  const dense::SkinnyMatrix<double> C = vectors_of(p, v_of_parameters);
  const Index d = p.d, k = p.k, D = p.group_size(), block = dense::skinny_block_rows<double>(d);
  const Index stride = dense::skinny_stride<double>(k + 1);
  const auto sums = core::sum_over_rows<double>(exec_, p.n, block, p.n_parameters(), 4.0 * p.n * (k + 1) * D, [&] {
    return [&, z = core::AlignedBuffer<double>(block * stride), slopes = std::vector<double>(k + 1, 1.0),
            column = std::vector<double>(k + 1)](Index first, Index rows, double* into) mutable {
      core::Prefetch ahead(p.X + (first + rows) * d, rows * d, 2);
      dense::multiply_rows(p.X + first * d, rows, C, z.data(), ahead);
      std::fill(column.begin(), column.end(), 0.0);
      for (Index r = 0; r < rows; ++r) {
        double* zr = z.data() + r * stride;
        double sum = 0;
        for (Index i = 0; i < k; ++i) slopes[i] = slope(first + r, i);
        for (Index i = 0; i <= k; ++i) sum += slopes[i] * (zr[i] + v_of_parameters[i * D + d]);
        if (p.v) sum *= p.v[first + r];
        // z now becomes the row of factors of x.
        for (Index i = 0; i <= k; ++i) {
          zr[i] = slopes[i] * sum;
          column[i] += zr[i];
        }
      }
      dense::accumulate_outer(p.X + first * d, rows, d, z.data(), k + 1, stride, into, ahead);
      for (Index i = 0; i <= k; ++i) into[(k + 1) * d + i] += column[i];
    };
  });
  scatter_groups(p, sums.data(), scale_, out);
}

}  // namespace limbeck::gauss_newton
