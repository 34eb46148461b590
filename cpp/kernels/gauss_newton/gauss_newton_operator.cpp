#include "kernels/gauss_newton/gauss_newton_operator.hpp"

#include <cmath>

#include "kernels/core/row_sums.hpp"
#include "kernels/dense/syrk_packed.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"
#include "kernels/network/row_gates.hpp"

namespace limbeck::gauss_newton {

namespace {

using S = core::Simd<double>;
using Buffer = core::AlignedBuffer<double>;

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

// Gates of a block of rows, one bit a neuron, register by register of neurons.
class GateBits {
public:
  using Bits = core::Simd<std::int64_t>;

  GateBits(const ReluFit& p, Index words)
      : groups(dense::skinny_stride<double>(p.k + 1) / S::width),
        words_(words),
        last_(p.k),
        signs_(network::in_registers(p.signs, p.k, groups, 1.0)) {
    for (Index l = 0; l < S::width; ++l) powers_[l] = std::int64_t{1} << l;
  }

  // Writes the gates of rows from their products z with the k directions.
  void set(const double* z, Index stride, const double* thresholds, Index rows, std::uint64_t* gates,
           double* sums) const {
    const auto powers = __builtin_convertvector(powers_, S::Vector);
    std::fill_n(gates, rows * words_, std::uint64_t{0});
    for (Index g = 0; g * S::width < stride; ++g) {
      const auto threshold = S::load(thresholds + g * S::width);
      network::sum_rows(rows, 1, sums, [&](Index r, Index) {
        return S::load(z + r * stride + g * S::width) + threshold > 0 ? powers : S::Vector{};
      });
      for (Index r = 0; r < rows; ++r) {
        gates[r * words_ + g * S::width / 64] |= static_cast<std::uint64_t>(sums[r]) << (g * S::width % 64);
      }
    }
    for (Index r = 0; r < rows; ++r) gates[r * words_ + last_ / 64] |= std::uint64_t{1} << (last_ % 64);
  }

  // Signed gates, the derivatives of the network by the activations, of register g of the neurons of a row.
  S::Vector slopes(const std::uint64_t* row, Index g) const {
    const std::uint64_t gates = row[g * S::width / 64] >> (g * S::width % 64);
    const auto open = (powers_ & static_cast<std::int64_t>(gates)) != 0;
    return open ? S::load(signs_.data() + g * S::width) : S::Vector{};
  }

  const Index groups;

private:
  Index words_, last_;
  Buffer signs_;
  Bits::Vector powers_;  // of two: the bits of a register's neurons
};

// What the constructor sums over rows: squares of x by neuron and their number, as scatter_groups takes them, and
// products of the small matrix's features.
class PointSums {
public:
  PointSums(const ReluFit& p, const GateBits& bits, Index words, Index n_features)
      : in_small((p.k + 1) * p.d + bits.groups * S::width),
        columns((p.k + 1) * n_features),
        padded(dense::PackedView<double>::padded(columns)),
        // Columns are in cache sets of their own.
        small_stride(padded % 64 == 0 ? padded + 8 : padded),
        size(in_small + padded * small_stride),
        p_(p),
        bits_(bits),
        words_(words),
        n_features_(n_features) {}

  // Adds rows with these products z with the k directions and gates.
  void add(const double* z, Index z_stride, Index first, Index rows, const std::uint64_t* gates, Buffer* squares,
           Buffer* factor, dense::Packed<double>* seen, double* into) const {
    const Index d = p_.d, k = p_.k, stride = bits_.groups * S::width;
    const double* X = p_.X + first * d;
    for (Index e = 0; e < rows * d; ++e) squares->data()[e] = X[e] * X[e];
    std::vector<double> roots(rows, 1.0);
    for (Index r = 0; p_.v && r < rows; ++r) roots[r] = std::sqrt(p_.v[first + r]);
    network::set_factors(rows, bits_.groups, stride, factor->data(), into + (k + 1) * d, [&](Index r, Index g) {
      const S::Vector slopes = bits_.slopes(gates + r * words_, g);
      if (n_features_ == 1) S::store(seen->group(g) + r * S::width, slopes * roots[r]);
      return slopes * slopes * (p_.v ? p_.v[first + r] : 1.0);
    });
    if (n_features_ > 1) see_products(z, z_stride, rows, gates, roots, seen);
    core::Prefetch none;
    dense::accumulate_outer(squares->data(), rows, d, factor->data(), k + 1, stride, into, none);
    const dense::PackedView<double> view{seen->group(0), padded, rows, seen->stride()};
    dense::syrk_packed(view, into + in_small, small_stride);
  }

  const Index in_small, columns, padded, small_stride, size;

private:
  void see_products(const double* z, Index z_stride, Index rows, const std::uint64_t* gates,
                    const std::vector<double>& roots, dense::Packed<double>* seen) const {
    std::vector<double> row(columns), slopes(bits_.groups * S::width);
    for (Index r = 0; r < rows; ++r) {
      for (Index g = 0; g < bits_.groups; ++g) {
        S::store(slopes.data() + g * S::width, bits_.slopes(gates + r * words_, g) * roots[r]);
      }
      for (Index i = 0; i <= p_.k; ++i) {
        double* to = row.data() + i * n_features_;
        for (Index j = 0; j + 1 < n_features_; ++j) to[j] = slopes[i] * z[r * z_stride + j];
        to[n_features_ - 1] = slopes[i];
      }
      seen->pack_across(row.data(), columns, r);
    }
  }

  const ReluFit& p_;
  const GateBits& bits_;
  Index words_, n_features_;
};

}  // namespace

GaussNewtonOperator::GaussNewtonOperator(const Execution& exec, const ReluFit& p, const double* parameters,
                                         Features features)
    : exec_(exec),
      problem_(p),
      words_(p.k / 64 + 1),
      n_features_(features == Features::one ? 1 : p.k + 1),
      gates_(new std::uint64_t[p.n * words_]),
      diagonal_(p.n_parameters()) {
  const ReluParameters at(p, parameters);
  const dense::SkinnyMatrix<double> C = dense::skinny_matrix(at.weights.data(), p.k, p.d);
  const GateBits bits(p, words_);
  const PointSums point(p, bits, words_, n_features_);
  const Index d = p.d, k = p.k, block = dense::skinny_block_rows<double>(d), columns = point.columns;
  const Index z_stride = dense::skinny_stride<double>(k), room = network::room_for(block, p.n);
  const Buffer thresholds = network::in_registers(at.thresholds.data(), k, bits.groups, 0.0);
  const double operations = static_cast<double>(p.n) * (4.0 * (k + 1) * (d + 1) + columns * columns);
  const auto sums = core::sum_over_rows<double>(exec, p.n, block, point.size, operations, [&] {
    return [&, z = Buffer(room * std::max<Index>(z_stride, 1)), powers = Buffer(room),
            factor = Buffer(room * bits.groups * S::width), squares = Buffer(room * d),
            seen = dense::Packed<double>(point.padded, room)](Index first, Index rows, double* into) mutable {
      core::Prefetch ahead(p.X + (first + rows) * d, rows * d, 1);
      std::uint64_t* gates = gates_.get() + first * words_;
      if (k > 0) dense::multiply_rows(p.X + first * d, rows, C, z.data(), ahead);
      bits.set(z.data(), z_stride, thresholds.data(), rows, gates, powers.data());
      point.add(z.data(), z_stride, first, rows, gates, &squares, &factor, &seen, into);
    };
  });
  scale_ = 1 / sums[(k + 1) * d + k];  // the linear part's number of rows: the sum of weights
  scatter_groups(p, sums.data(), scale_, diagonal_.data());
  small_.resize(columns * columns);
  for (Index j = 0; j < columns; ++j) {
    for (Index i = j; i < columns; ++i) {
      const double sum = sums[point.in_small + j * point.small_stride + i];
      small_[i * columns + j] = small_[j * columns + i] = scale_ * sum;
    }
  }
}

void GaussNewtonOperator::apply(const double* v_of_parameters, double* out) const {
  const ReluFit& p = problem_;
  const dense::SkinnyMatrix<double> C = vectors_of(p, v_of_parameters);
  const GateBits bits(p, words_);
  const Index d = p.d, k = p.k, D = p.group_size(), block = dense::skinny_block_rows<double>(d);
  const Index stride = bits.groups * S::width,
              rows_at_once = network::room_for(network::rows_read_twice<double>(d), p.n);
  Buffer constants(stride);
  for (Index i = 0; i <= k; ++i) constants.data()[i] = v_of_parameters[i * D + d];
  const Index size = (k + 1) * d + stride;
  const auto sums = core::sum_over_rows<double>(exec_, p.n, block, size, 4.0 * p.n * (k + 1) * D, [&] {
    return [&, z = Buffer(rows_at_once * stride), along = Buffer(rows_at_once)](Index begin, Index count,
                                                                                double* into) mutable {
      for (Index first = begin; first < begin + count; first += rows_at_once) {
        const Index rows = std::min(rows_at_once, begin + count - first);
        const std::uint64_t* gates = gates_.get() + first * words_;
        core::Prefetch ahead(p.X + (first + rows) * d, rows * d, 2);
        dense::multiply_rows(p.X + first * d, rows, C, z.data(), ahead);
        network::sum_rows(rows, bits.groups, along.data(), [&](Index r, Index g) {
          const Index at = g * S::width;
          return bits.slopes(gates + r * words_, g) *
                 (S::load(z.data() + r * stride + at) + S::load(constants.data() + at));
        });
        for (Index r = 0; p.v && r < rows; ++r) along.data()[r] *= p.v[first + r];
        network::set_factors(rows, bits.groups, stride, z.data(), into + (k + 1) * d,
                             [&](Index r, Index g) { return bits.slopes(gates + r * words_, g) * along.data()[r]; });
        dense::accumulate_outer(p.X + first * d, rows, d, z.data(), k + 1, stride, into, ahead);
      }
    };
  });
  scatter_groups(p, sums.data(), scale_, out);
}

}  // namespace limbeck::gauss_newton
