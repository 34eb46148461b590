// Hermite polynomials of the projections of a block of rows, and the sums over rows that contractions are made of.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/reduce.hpp"
#include "kernels/dense/narrow_syrk.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"
#include "kernels/moments/contraction.hpp"
#include "kernels/moments/hermite.hpp"

namespace limbeck::moments {

// Number of rows to take at a time: those that stay in cache, but no more than there are.
template <class T>
Index skinny_block(const ContractionData<T>& data) {
  return std::min(dense::skinny_block_rows<T>(data.d), core::round_up(data.n, 16));
}

// What all blocks of rows need of the directions.
template <class T>
struct Directions {
  dense::SkinnyMatrix<T> matrix;
  std::vector<T> variances;

  explicit Directions(const ContractionData<T>& data)
      : matrix(dense::skinny_matrix(data.G, data.m, data.d)), variances(data.m) {
    for (Index g = 0; g < data.m; ++g) variances[g] = core::squared_norm(data.G + g * data.d, data.d);
  }
  // Those from `first` on alone, in turn.
  Directions(const ContractionData<T>& data, const Directions& all, Index first, Index count)
      : matrix(count, data.d), variances(count) {
    for (Index i = 0; i < count; ++i) {
      const Index g = (first + i) % data.m;
      matrix.set(i, data.G + g * data.d);
      variances[i] = all.variances[g];
    }
  }
};

// The Hermite polynomials h_0 ... h_order of every direction on one block of rows.
template <class T>
class HermiteBlock {
public:
  HermiteBlock(const std::vector<T>& variances, int order, Index most_rows)
      : order_(std::max(order, 0)),
        stride_(most_rows),
        t_(most_rows),
        h_(static_cast<Index>(variances.size()) * (order_ + 1) * most_rows),
        variance_(variances) {}

  // projected[r * row_step + g * direction_step] = <x_r, g>
  void compute(const T* projected, Index row_step, Index direction_step, Index rows) {
    for (Index g = 0; g < static_cast<Index>(variance_.size()); ++g) {
      const T* t = projected + g * direction_step;
      // h_0 = 1 needs no projection, and at order 0 there may be none.
      if (row_step != 1 && order_ > 0) {
        for (Index r = 0; r < rows; ++r) t_[r] = t[r * row_step];
        t = t_.data();
      }
      hermite_block(t, rows, variance_[g], order_, h_.data() + g * (order_ + 1) * stride_, stride_);
    }
  }
  // h_l of direction g on the block's rows; null for l < 0, where it stands for zero.
  const T* h(Index g, int l) const { return l < 0 ? nullptr : h_.data() + (g * (order_ + 1) + l) * stride_; }

private:
  int order_;
  Index stride_;
  std::vector<T> t_, h_, variance_;
};

// out[r] = factor * y[r] * h[r]; h null stands for zero.
template <class T>
void weigh(const T* y, const T* h, T factor, Index rows, T* out) {
  if (!h) {
    std::fill_n(out, rows, T(0));
    return;
  }
  for (Index r = 0; r < rows; ++r) out[r] = factor * y[r] * h[r];
}

// sum_r y[r] h[r], in double precision whatever T is; h null stands for zero. Running sums that vectors can take: each
// addition to a single one would have to wait for the one before.
template <class T>
T sum_weighted(const T* y, const T* h, Index rows) {
  constexpr Index lanes = 32;
  if (!h) return T(0);
  double sums[lanes] = {};
  Index r = 0;
  for (; r + lanes <= rows; r += lanes) {
    for (Index l = 0; l < lanes; ++l) sums[l] += static_cast<double>(y[r + l]) * static_cast<double>(h[r + l]);
  }
  for (; r < rows; ++r) sums[r % lanes] += static_cast<double>(y[r]) * static_cast<double>(h[r]);
  return static_cast<T>(core::sum_in_pairs<lanes>(sums));
}

// The targets of a block of rows, each contiguous.
template <class T>
class TargetBlock {
public:
  TargetBlock(const T* y, Index q, Index most_rows) : y_(y), q_(q), stride_(most_rows) {
    if (q > 1) copies_.resize(q * most_rows);
  }
  void load(Index first, Index rows) {
    first_ = first;
    for (Index k = 0; q_ > 1 && k < q_; ++k) {
      for (Index r = 0; r < rows; ++r) copies_[k * stride_ + r] = y_[(first + r) * q_ + k];
    }
  }
  const T* target(Index k) const { return q_ > 1 ? copies_.data() + k * stride_ : y_ + first_; }

private:
  const T* y_;
  Index q_, stride_, first_ = 0;
  std::vector<T> copies_;
};

// For some of the pairs of a target and a direction (outer index target) sums over rows of y h_l(t) x for one order l,
// and of y h_l(t) for several.
//
// Rows are taken from X, or from what a caller has packed of it for other sums: `columns` holds the same rows, unless
// it is null.
template <class T>
class HermiteSums {
  using Columns = dense::NarrowRows<T>;

public:
  // Pairs begin ... end - 1, polynomials up to `most_order`, blocks of at most `most_rows` rows.
  HermiteSums(const ContractionData<T>& data, const Directions<T>& all, Index begin, Index end, int most_order,
              Index most_rows)
      : data_(data),
        order_(most_order),
        begin_(begin),
        end_(end),
        directions_(std::min(data.m, end - begin)),
        // Only the directions of pairs begin, begin + 1, ... in turn, or all.
        first_(directions_ < data.m ? begin : 0),
        stride_(dense::skinny_stride<T>(directions_)),
        most_rows_(most_rows),
        some_(directions_ < data.m ? std::make_unique<Directions<T>>(data, all, first_, directions_) : nullptr),
        C_(some_ ? some_->matrix : all.matrix),
        hermite_(some_ ? some_->variances : all.variances, most_order, most_rows),
        targets_(data.y, data.q, most_rows),
        t_(std::max(stride_, directions_) * (most_rows + core::Simd<T>::width)) {}

  // Prepares rows first ... first + rows - 1.
  void load(Index first, Index rows, const Columns* columns, core::Prefetch& ahead) {
    row_ = first;
    rows_ = rows;
    targets_.load(first, rows);
    if (columns) {
      if (order_ > 0) project(*columns);
      return hermite_.compute(t_.data(), 1, Columns::stride, rows);
    }
    if (order_ > 0) dense::multiply_rows(data_.X + first * data_.d, rows, C_, t_.data(), ahead);
    hermite_.compute(t_.data(), stride_, 1, rows);
  }

  // w[(k - begin) * stride + r] = y h_l of pair k
  void weights(int order, T* w, Index stride) const {
    for (Index k = begin_; k < end_; ++k) weigh(target(k), h(k, order), T(1), rows_, w + (k - begin_) * stride);
  }

  // How many sums a pair has: none of x where the order of their weights is negative. Otherwise whole lines of the
  // cache, because vectors that begin within a line take longer to store.
  static Index size(Index d, int vector_order, Index n_orders) {
    return vector_order < 0 ? n_orders : core::round_up(d + n_orders, 64 / static_cast<Index>(sizeof(T)));
  }

  // Adds for every pair the sum of y h_l x, d numbers, then those of y h_l for the orders that are given.
  void add(int vector_order, const int* orders, Index n_orders, T* sums, const Columns* columns,
           core::Prefetch& ahead) {
    const Index size = HermiteSums::size(data_.d, vector_order, n_orders), vectors = vector_order < 0 ? 0 : data_.d;
    for (Index k = begin_; vector_order >= 0 && k < end_; k += at_a_time) {
      const Index pairs = std::min(at_a_time, end_ - k);
      if (columns) {
        add_from_columns(*columns, vector_order, k, pairs, sums + (k - begin_) * size, size);
      } else {
        add_from_rows(vector_order, k, pairs, sums + (k - begin_) * size, size, ahead);
      }
    }
    for (Index k = begin_; k < end_; ++k) {
      T* scalars = sums + (k - begin_) * size + vectors;
      for (Index o = 0; o < n_orders; ++o) scalars[o] += sum_weighted(target(k), h(k, orders[o]), rows_);
    }
  }

private:
  // Pairs whose vectors are added at a time: whole tiles, and their weights stay in the first-level cache.
  static constexpr Index at_a_time = 16;

  // The directions in turn, from the first on.
  void project(const Columns& columns) {
    const Index begin = first_ % data_.m, before_end = std::min(directions_, data_.m - begin);
    columns.project(data_.G + begin * data_.d, before_end, t_.data());
    columns.project(data_.G, directions_ - before_end, t_.data() + before_end * Columns::stride);
  }

  T* vector_weights(Index size) {
    if (!V_) V_ = std::make_unique<core::AlignedBuffer<T>>(size);  // those of the first pairs are most
    return V_->data();
  }

  void add_from_rows(int order, Index k, Index pairs, T* sums, Index size, core::Prefetch& ahead) {
    const Index stride = dense::skinny_stride<T>(pairs);
    T* V = vector_weights(stride * most_rows_);
    for (Index p = 0; p < pairs; ++p) {
      const T *y = target(k + p), *hl = h(k + p, order);
      for (Index r = 0; r < rows_; ++r) V[r * stride + p] = y[r] * hl[r];
    }
    dense::accumulate_outer(dense::RowsOf<T>{data_.X + row_ * data_.d, rows_, data_.d, data_.d}, V, pairs, stride, sums,
                            size, ahead);
  }

  void add_from_columns(const Columns& columns, int order, Index k, Index pairs, T* sums, Index size) {
    constexpr Index stride = Columns::stride;
    T* V = vector_weights(pairs * stride);
    for (Index p = 0; p < pairs; ++p) {
      weigh(target(k + p), h(k + p, order), T(1), rows_, V + p * stride);
      std::fill(V + p * stride + rows_, V + p * stride + core::round_up(rows_, core::Simd<T>::width), T(0));
    }
    columns.add_outer(V, pairs, sums, size);
  }

  const T* target(Index k) const { return targets_.target(k / data_.m); }
  const T* h(Index k, int l) const { return hermite_.h((k - first_) % directions_, l); }

  ContractionData<T> data_;
  int order_;
  Index begin_, end_, directions_, first_, stride_, most_rows_, row_ = 0, rows_ = 0;
  std::unique_ptr<const Directions<T>> some_;
  const dense::SkinnyMatrix<T>& C_;
  HermiteBlock<T> hermite_;
  TargetBlock<T> targets_;
  core::AlignedBuffer<T> t_;
  std::unique_ptr<core::AlignedBuffer<T>> V_;
};

}  // namespace limbeck::moments
