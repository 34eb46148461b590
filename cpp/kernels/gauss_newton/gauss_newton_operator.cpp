#include "kernels/gauss_newton/gauss_newton_operator.hpp"

#include <cmath>

#include "kernels/dense/syrk_packed.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"

namespace limbeck {

namespace {

// The k + 1 vectors of d numbers in k + 1 groups of d + 1.
ThinMatrix<double> vectors_of(const RefineProblem& p, const double* groups) {
  ThinMatrix<double> C(p.k + 1, p.d);
  for (Index i = 0; i <= p.k; ++i) C.set(i, groups + i * p.group_size());
  return C;
}

// Sums by columns of x, then k + 1 sums over rows, as groups of d + 1.
void scatter_groups(const RefineProblem& p, const double* sums, double scale, double* groups) {
  for (Index i = 0; i <= p.k; ++i) {
    double* to = groups + i * p.group_size();
    for (Index j = 0; j < p.d; ++j) to[j] = scale * sums[i * p.d + j];
    to[p.d] = scale * sums[(p.k + 1) * p.d + i];
  }
}

}  // namespace

NormalProduct::NormalProduct(const Execution& exec, const RefineProblem& p, const double* parameters, Features features)
    : exec_(exec),
      problem_(p),
      scale_(1 / p.total_weight()),
      words_((p.k + 63) / 64),
      n_features_(features == Features::one ? 1 : p.k + 1),
      gates_(p.n * words_),
      diagonal_(p.n_parameters()) {
  const Unpacked at(p, parameters);
  const ThinMatrix<double> C = thin_rows(at.weights.data(), p.k, p.d);
  const Index d = p.d, k = p.k, block = thin_block_rows<double>(d);
  const Index from_stride = thin_stride<double>(k), stride = thin_stride<double>(k + 1);
  using Features = PackedVectors<double>;
  const Index columns = (k + 1) * n_features_, padded = Features::padded(columns), in_diagonal = p.n_parameters();
  const Index sums_stride = padded % 64 == 0 ? padded + 8 : padded;  // columns in cache sets of their own
  const Index size = in_diagonal + padded * sums_stride;
  const double operations = static_cast<double>(p.n) * (4.0 * (k + 1) * (d + 1) + columns * columns);
  const auto sums = sum_over_rows<double>(exec, p.n, block, size, operations, [&] {
    return [&, z = AlignedBuffer<double>(block * std::max<Index>(from_stride, 1)),
            factor = AlignedBuffer<double>(block * stride), squares = AlignedBuffer<double>(block * d),
            seen = AlignedBuffer<double>(block * padded)](Index first, Index rows, double* into) mutable {
      const double* X = p.X + first * d;
      Prefetch ahead(X + rows * d, rows * d, 1), nothing;
      if (k > 0) thin_forward(X, rows, C, z.data(), ahead);
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
            double* group = seen.data() + f / Features::width * Features::width * block;
            group[r * Features::width + f % Features::width] = root * slope * (j + 1 < n_features_ ? zr[j] : 1.0);
          }
        }
      }
      thin_backward(squares.data(), rows, d, factor.data(), k + 1, stride, into, nothing);
      add_packed_gram(Features{seen.data(), padded, rows, Features::width * block}, into + in_diagonal, sums_stride);
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

void NormalProduct::apply(const double* v_of_parameters, double* out) const {
  const RefineProblem& p = problem_;
  const ThinMatrix<double> C = vectors_of(p, v_of_parameters);
  const Index d = p.d, k = p.k, D = p.group_size(), block = thin_block_rows<double>(d);
  const Index stride = thin_stride<double>(k + 1);
  const auto sums = sum_over_rows<double>(exec_, p.n, block, p.n_parameters(), 4.0 * p.n * (k + 1) * D, [&] {
    return [&, z = AlignedBuffer<double>(block * stride), slopes = std::vector<double>(k + 1, 1.0),
            column = std::vector<double>(k + 1)](Index first, Index rows, double* into) mutable {
      Prefetch ahead(p.X + (first + rows) * d, rows * d, 2);
      thin_forward(p.X + first * d, rows, C, z.data(), ahead);
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
      thin_backward(p.X + first * d, rows, d, z.data(), k + 1, stride, into, ahead);
      for (Index i = 0; i <= k; ++i) into[(k + 1) * d + i] += column[i];
    };
  });
  scatter_groups(p, sums.data(), scale_, out);
}

}  // namespace limbeck
