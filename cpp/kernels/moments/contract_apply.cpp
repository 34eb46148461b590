#include <algorithm>
#include <vector>

#include "kernels/core/row_sums.hpp"
#include "kernels/moments/contraction.hpp"
#include "kernels/moments/hermite_sums.hpp"

namespace limbeck::moments {

namespace {

// The sums of contract_apply and what they are made of: one product with X serves B and the directions.
template <class T>
class ApplySums {
public:
  // The memory of one task.
  struct Scratch {
    HermiteBlock<T> hermite;
    TargetBlock<T> targets;
    Index at_a_time, stride;   // pairs whose factors are made together, and what lies between rows of these
    core::AlignedBuffer<T> V;  // the factors of x
    std::vector<T> w, along_g;
  };

  // Blocks of at most `block` rows.
  ApplySums(const ContractionData<T>& data, int order, const T* B, Index s, Index block)
      : data_(data),
        order_(order),
        B_(B),
        s_(s),
        padded_(dense::skinny_stride<T>(s)),
        block_(block),
        variances_(data.m),
        gB_(data.m * padded_, T(0)),
        factors_(s + (order > 2 ? data.m : 0), data.d) {
    const Index d = data.d;
    std::vector<T> column(d);
    for (Index c = 0; c < s; ++c) {
      for (Index j = 0; j < d; ++j) column[j] = B[j * s + c];
      factors_.set(c, column.data());
    }
    // At order 2 directions do not enter: zero stays zero then, however large they are.
    for (Index g = 0; order > 2 && g < data.m; ++g) {
      factors_.set(s + g, data.G + g * d);
      for (Index j = 0; j < d; ++j) {
        for (Index c = 0; c < s; ++c) gB_[g * padded_ + c] += data.G[g * d + j] * B[j * s + c];
      }
    }
    for (Index g = 0; g < data.m; ++g) variances_[g] = core::squared_norm(data.G + g * d, d);
  }

  // Of every pair of a target and a direction: s vectors of d, then sum y h_{l-2}, sum y h_{l-4}, then s sums of
  // y h_{l-3} <x, B_c>.
  Index entry() const { return s_ * data_.d + 2 + s_; }
  Index block() const { return block_; }
  // Of the products of a row with B and the directions.
  Index stride() const { return dense::skinny_stride<T>(factors_.columns()); }

  // For parts of at most so many pairs.
  Scratch scratch(Index pairs) const {
    // The factors of as many pairs at a time as fit a part of the second-level cache.
    constexpr Index factor_bytes = 64 * 1024;
    const Index fitting = factor_bytes / (std::max<Index>(s_, 1) * block_ * static_cast<Index>(sizeof(T)));
    const Index at_a_time = std::clamp<Index>(fitting, 1, std::max<Index>(pairs, 1));
    const Index stride = factor_stride(at_a_time);
    return {HermiteBlock<T>(variances_, order_ - 2, block_),
            TargetBlock<T>(data_.y, data_.q, block_),
            at_a_time,
            stride,
            core::AlignedBuffer<T>(stride * block_),
            std::vector<T>(2 * block_),
            std::vector<T>(padded_)};
  }

  void multiply(Index first, Index rows, T* Z, core::Prefetch& ahead) const {
    dense::multiply_rows(data_.X + first * data_.d, rows, factors_, Z, ahead);
  }

  // Adds the share of `rows` rows, at most a block, from `first` on, with their products Z.
  void add(Index first, Index rows, const T* Z, Scratch* scratch, T* into, core::Prefetch& ahead) const {
    const Index d = data_.d, pairs = data_.q * data_.m;
    load(first, rows, Z, scratch);
    for (Index k = 0; k < pairs; k += scratch->at_a_time) {
      const Index count = std::min(scratch->at_a_time, pairs - k);
      factors(k, count, rows, Z, scratch, scratch->V.data(), scratch->stride, into + pairs * s_ * d);
      const dense::RowsOf<T> X{data_.X + first * d, rows, d, d};
      dense::accumulate_outer(X, scratch->V.data(), count * s_, scratch->stride, into + k * s_ * d, d, ahead);
    }
  }

  // Prepares rows for factors().
  void load(Index first, Index rows, const T* Z, Scratch* scratch) const {
    scratch->hermite.compute(Z + (order_ > 2 ? s_ : 0), stride(), 1, rows);
    scratch->targets.load(first, rows);
  }

  // The factors of x for pairs k ... k + count - 1, s columns of V for each, whose rows are `v_stride` apart. Adds to
  // `others`, which begin with those of pair 0, the sums that are not of x.
  void factors(Index k, Index count, Index rows, const T* Z, Scratch* scratch, T* V, Index v_stride, T* others) const {
    for (Index p = k; p < k + count; ++p) {
      const Index g = p % data_.m;
      const T* y = scratch->targets.target(p / data_.m);
      T *main = scratch->w.data(), *cross = scratch->w.data() + block_, *sums = others + p * (2 + s_);
      weigh(y, scratch->hermite.h(g, order_ - 2), T(1), rows, main);
      weigh(y, scratch->hermite.h(g, order_ - 3), static_cast<T>(order_ - 2), rows, cross);
      combine(g, rows, Z, scratch, V + (p - k) * s_, v_stride);
      sums[0] += sum_weighted(y, scratch->hermite.h(g, order_ - 2), rows);
      sums[1] += sum_weighted(y, scratch->hermite.h(g, order_ - 4), rows);
      for (Index c = 0; c < s_; ++c) sums[2 + c] += scratch->along_g[c];
    }
  }

  // Between rows of the factors of `count` pairs: room for whole vectors, and an odd number of lines, because a power
  // of two would map all rows to the same cache sets.
  Index factor_stride(Index count) const {
    constexpr Index line = 64 / static_cast<Index>(sizeof(T));
    return (core::ceil_div((std::max<Index>(count, 1) - 1) * s_ + padded_, line) | 1) * line;
  }

  // out (q, m, d, s), where number j of vector v of the sums of x stands at vectors[v * v_stride + j * j_stride].
  void write(const Execution& exec, const T* vectors, Index v_stride, Index j_stride, const T* others, T* out) const {
    const Index d = data_.d, pairs = data_.q * data_.m;
    const T scale = T(1) / static_cast<T>(data_.n), l2 = static_cast<T>(order_ - 2), l3 = static_cast<T>(order_ - 3);
    constexpr Index part = 256;  // features
    const Index parts = core::ceil_div(d, part);
    exec.for_each(pairs * parts, 4.0 * static_cast<double>(pairs * d * s_), [&](Index task) {
      const Index k = task / parts, end = std::min(d, (task % parts + 1) * part);
      const T *sum = vectors + k * s_ * v_stride, *other = others + k * (2 + s_), *g = data_.G + k % data_.m * d;
      for (Index j = task % parts * part; j < end; ++j) {
        for (Index c = 0; c < s_; ++c) {
          const T along_g = l2 * l3 * other[1] * gB_[k % data_.m * padded_ + c] - other[2 + c];
          out[(k * d + j) * s_ + c] =
              scale * (sum[c * v_stride + j * j_stride] - other[0] * B_[j * s_ + c] + along_g * g[j]);
        }
      }
    });
  }

private:
  // The factors main <x, B_c> - cross <g, B_c>, and the sums of cross <x, B_c>, by whole vectors: what they write
  // behind the s columns is overwritten by the next pair.
  void combine(Index g, Index rows, const T* Z, Scratch* scratch, T* V, Index v_stride) const {
    using S = core::Simd<T>;
    const T *main = scratch->w.data(), *cross = scratch->w.data() + block_;
    const Index stride = this->stride();
    for (Index c = 0; c < padded_; c += S::width) {
      const auto gBc = S::load(gB_.data() + g * padded_ + c);
      typename S::Vector along{};
      for (Index r = 0; r < rows; ++r) {
        const auto z = S::load(Z + r * stride + c);
        S::store(V + r * v_stride + c, z * main[r] - gBc * cross[r]);
        along += z * cross[r];
      }
      S::store(scratch->along_g.data() + c, along);
    }
  }

  ContractionData<T> data_;
  int order_;
  const T* B_;
  Index s_, padded_, block_;
  std::vector<T> variances_, gB_;   // |g|^2, and (m, padded s): <g, B_c>
  dense::SkinnyMatrix<T> factors_;  // the columns of B, then the directions
};

// Sums over rows of the products of the columns of V with the features of X, cut into lanes of rows, groups of columns
// and slices of features: some 160 tasks where there are many features.
template <class T>
class SlicedProducts {
public:
  // Groups of whole tiles, each of whose columns serves a slice of X many times; slices of four tiles, which stay in
  // the first-level cache with a block of rows.
  static constexpr Index group_columns = 128, block = 32, most_lanes = 8, budget_bytes = Index{16} << 20;
  static constexpr Index slice_features = 4 * core::tile_vectors * core::Simd<T>::width;

  SlicedProducts(Index columns, Index d)
      : columns_(columns),
        d_(d),
        groups_(core::ceil_div(columns, group_columns)),
        slices_(std::max<Index>(1, d / slice_features)),
        sums_(std::clamp<Index>(budget_bytes / (columns * d * static_cast<Index>(sizeof(T))), 1, most_lanes),
              columns * d) {}

  // X (rows, d), rows of V `stride` apart. The first call sets the sums, others add to them.
  void add(const Execution& exec, const T* X, Index rows, const T* V, Index stride, double operations) {
    exec.for_each(sums_.lanes * groups_ * slices_, operations, [&](Index task) {
      const Index group = task % groups_, slice = task / groups_ % slices_, lane = task / groups_ / slices_;
      const Index begin = slice * slice_features, end = slice + 1 == slices_ ? d_ : begin + slice_features;
      const Index column = group * group_columns, count = std::min(group_columns, columns_ - column);
      T* into = sums_.lane(lane) + column * d_ + begin;
      for (Index c = 0; !begun_ && c < count; ++c) std::fill_n(into + c * d_, end - begin, T(0));
      const core::RowRange range = core::row_range(rows, block, sums_.lanes, lane);
      for (Index i = range.begin; i < range.end && !exec.stopped(); i += block) {
        const Index here = std::min(block, range.end - i), next = std::min(block, range.end - i - here);
        const dense::RowsOf<T> part{X + i * d_ + begin, here, end - begin, d_};
        fetch(part.data + here * d_, next, end - begin);
        core::Prefetch none;
        dense::accumulate_outer(part, V + i * stride + column, count, stride, into, d_, none);
      }
    });
    begun_ = true;
  }
  const T* totals(const Execution& exec) {
    sums_.add_up(exec);
    return sums_.totals();
  }

private:
  void fetch(const T* X, Index rows, Index features) const {
    for (Index r = 0; r < rows; ++r) {
      core::Prefetch row(X + r * d_, features, 1);
      row.lines(core::ceil_div(features * static_cast<Index>(sizeof(T)), core::Prefetch::line_bytes));
    }
  }

  Index columns_, d_, groups_, slices_;
  core::LaneSums<T> sums_;
  bool begun_ = false;
};

// For results so large that few lanes of rows fit: the factors of x are made first, of as many rows at a time as have
// 8 MiB of them, and then their products with X.
template <class T>
void apply_by_products(const Execution& exec, const ContractionData<T>& data, const ApplySums<T>& product, Index s,
                       double operations, T* out) {
  constexpr Index factor_bytes = Index{8} << 20;
  const Index d = data.d, pairs = data.q * data.m, block = product.block(), stride = product.factor_stride(pairs);
  const Index fitting = factor_bytes / (stride * block * static_cast<Index>(sizeof(T)));
  const Index chunk = std::clamp<Index>(fitting, 1, core::ceil_div(data.n, block)) * block;
  core::AlignedBuffer<T> V(chunk * stride, core::Unwritten{});
  SlicedProducts<T> vectors(pairs * s, d);
  std::vector<T> others(pairs * (2 + s), T(0));
  for (Index from = 0; from < data.n; from += chunk) {
    const Index rows = std::min(chunk, data.n - from);
    const double part = operations * static_cast<double>(rows) / static_cast<double>(data.n);
    const auto size = static_cast<Index>(others.size());
    const Index lanes = core::many_row_lanes(core::ceil_div(rows, block), size, static_cast<Index>(sizeof(T)));
    const auto sums = core::sum_over_lanes<T>(exec, rows, block, lanes, size, part, [&] {
      return [&, scratch = product.scratch(1), Z = core::AlignedBuffer<T>(block * product.stride())](
                 Index first, Index count, T* into) mutable {
        core::Prefetch ahead(data.X + (from + first + count) * d, count * d, 1);
        product.multiply(from + first, count, Z.data(), ahead);
        product.load(from + first, count, Z.data(), &scratch);
        product.factors(0, pairs, count, Z.data(), &scratch, V.data() + first * stride, stride, into);
      };
    });
    for (Index e = 0; e < size; ++e) others[e] += sums.totals()[e];
    vectors.add(exec, data.X + from * d, rows, V.data(), stride, part);
  }
  product.write(exec, vectors.totals(exec), d, 1, others.data(), out);
}

}  // namespace

template <class T>
void contract_apply(const Execution& exec, const ContractionData<T>& data, int order, const T* B, Index s, T* out) {
  const Index pairs = data.q * data.m, d = data.d, block = skinny_block(data);
  if (pairs * d * s == 0) return;  // of no numbers
  const double operations = 4.0 * static_cast<double>(data.n) * static_cast<double>(d * s * (pairs + 1));
  const ApplySums<T> product(data, order, B, s, block);
  const Index size = pairs * product.entry();
  const auto lanes = [&](Index blocks) { return core::many_row_lanes(blocks, size, static_cast<Index>(sizeof(T))); };
  constexpr Index any_number_of_rows = Index{1} << 20, enough_lanes = 64, many_features = 128;
  if (lanes(any_number_of_rows) < enough_lanes && d >= many_features) {
    apply_by_products(exec, data, product, s, operations, out);
    return;
  }
  const Index by = lanes(core::ceil_div(data.n, block));
  const auto sums = core::sum_over_lanes<T>(exec, data.n, block, by, size, operations, [&] {
    return [&, scratch = product.scratch(pairs), Z = core::AlignedBuffer<T>(block * product.stride())](
               Index first, Index rows, T* into) mutable {
      core::Prefetch ahead(data.X + (first + rows) * d, rows * d, 2);
      product.multiply(first, rows, Z.data(), ahead);
      product.add(first, rows, Z.data(), &scratch, into, ahead);
    };
  });
  product.write(exec, sums.totals(), d, 1, sums.totals() + pairs * s * d, out);
}

template void contract_apply(const Execution&, const ContractionData<float>&, int, const float*, Index, float*);
template void contract_apply(const Execution&, const ContractionData<double>&, int, const double*, Index, double*);

}  // namespace limbeck::moments
