#include "kernels/moments/contraction.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "kernels/core/reduce.hpp"
#include "kernels/core/row_sums.hpp"
#include "kernels/dense/strip_syrk.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"
#include "kernels/moments/hermite.hpp"
#include "kernels/moments/weighted_grams.hpp"

namespace limbeck::moments {

namespace {

template <class T>
T squared_norm(const T* g, Index d) {
  return std::inner_product(g, g + d, g, T(0));
}

// The Hermite polynomials h_0 ... h_order of every direction on one block of rows.
template <class T>
class HermiteBlock {
public:
  HermiteBlock(const ContractionData<T>& data, int order, Index most_rows)
      : directions_(data.m),
        order_(std::max(order, 0)),
        stride_(most_rows),
        t_(most_rows),
        h_(data.m * (order_ + 1) * most_rows),
        variance_(data.m) {
    for (Index g = 0; g < data.m; ++g) variance_[g] = squared_norm(data.G + g * data.d, data.d);
  }

  // projected[r * stride + g] = <x_r, g>
  void compute(const T* projected, Index stride, Index rows) {
    for (Index g = 0; g < directions_; ++g) {
      // h_0 = 1 needs no projection, and at order 0 there may be none.
      for (Index r = 0; order_ > 0 && r < rows; ++r) t_[r] = projected[r * stride + g];
      hermite_block(t_.data(), rows, variance_[g], order_, h_.data() + g * (order_ + 1) * stride_, stride_);
    }
  }
  // h_l of direction g on the block's rows; null for l < 0, where it stands for zero.
  const T* h(Index g, int l) const { return l < 0 ? nullptr : h_.data() + (g * (order_ + 1) + l) * stride_; }

private:
  Index directions_;
  int order_;
  Index stride_;
  std::vector<T> t_, h_, variance_;
};

// out[r] = factor * y[r * q] * h[r]; h null stands for zero.
template <class T>
void weigh(const T* y, Index q, const T* h, T factor, Index rows, T* out) {
  for (Index r = 0; r < rows; ++r) out[r] = h ? factor * y[r * q] * h[r] : T(0);
}

// sum_r y[r * q] h[r], in double precision whatever T is; h null stands for zero. Sixteen running sums, which
// vectors can take: each addition to a single one would have to wait for the one before.
template <class T>
T sum_weighted(const T* y, Index q, const T* h, Index rows) {
  constexpr Index lanes = 16;
  if (!h) return T(0);
  double sums[lanes] = {};
  Index r = 0;
  for (; r + lanes <= rows; r += lanes) {
    for (Index l = 0; l < lanes; ++l) {
      sums[l] += static_cast<double>(y[(r + l) * q]) * static_cast<double>(h[r + l]);
    }
  }
  for (; r < rows; ++r) sums[0] += static_cast<double>(y[r * q]) * static_cast<double>(h[r]);
  return static_cast<T>(core::sum_in_pairs<lanes>(sums));
}

// For every target and direction (outer index target) sums over rows of y h_l(t) x, and of y h_l(t) for some orders l.
template <class T>
struct MomentSums {
  std::vector<T> numbers;  // all vectors, then all scalars
  Index d, entries, scalars_per_entry;

  const T* vector(Index k) const { return numbers.data() + k * d; }
  const T* scalars(Index k) const { return numbers.data() + entries * d + k * scalars_per_entry; }
};

template <class T>
MomentSums<T> vector_and_scalar_sums(const Execution& exec, const ContractionData<T>& data, int vector_order,
                                     const std::vector<int>& scalar_orders) {
  const Index d = data.d, q = data.q, m = data.m, orders = static_cast<Index>(scalar_orders.size());
  const Index block = dense::skinny_block_rows<T>(d), stride = dense::skinny_stride<T>(m);
  int top = vector_order;
  for (int l : scalar_orders) top = std::max(top, l);
  const dense::SkinnyMatrix<T> G = dense::skinny_matrix(data.G, m, d);
  const double operations = 4.0 * data.n * (d + 1) * m * q;
  auto numbers = core::sum_over_rows<T>(exec, data.n, block, q * m * (d + orders), operations, [&] {
    return [&, hermite = HermiteBlock<T>(data, top, block), t = std::vector<T>(block * stride),
            V = std::vector<T>(block * stride)](Index first, Index rows, T* sums) mutable {
      core::Prefetch ahead(data.X + (first + rows) * d, rows * d, vector_order >= 0 ? 2 : 1);
      dense::multiply_rows(data.X + first * d, rows, G, t.data(), ahead);
      hermite.compute(t.data(), stride, rows);
      for (Index target = 0; target < q; ++target) {
        const T* y = data.y + first * q + target;
        for (Index g = 0; vector_order >= 0 && g < m; ++g) {
          const T* h = hermite.h(g, vector_order);
          for (Index r = 0; r < rows; ++r) V[r * stride + g] = y[r * q] * h[r];
        }
        if (vector_order >= 0) {
          dense::accumulate_outer(data.X + first * d, rows, d, V.data(), m, stride, sums + target * m * d, ahead);
        }
        T* scalars = sums + q * m * d + target * m * orders;
        for (Index e = 0; e < m * orders; ++e) {
          scalars[e] += sum_weighted(y, q, hermite.h(e / orders, scalar_orders[e % orders]), rows);
        }
      }
    };
  });
  return {std::move(numbers), d, q * m, orders};
}

// The row weights y h_l(t) of some of the pairs of a target and a direction (outer index target).
template <class T>
class HermiteWeights {
public:
  HermiteWeights(const ContractionData<T>& data, int order, Index begin, Index end)
      : data_(data), order_(order), begin_(begin), end_(end) {
    // Only the directions of pairs begin, begin + 1, ... in turn, or all.
    data_.m = std::min(data.m, end - begin);
    first_ = data_.m < data.m ? begin : 0;
    std::vector<T> G(data_.m * data.d);
    for (Index i = 0; i < data_.m; ++i) {
      std::copy_n(data.G + (first_ + i) % data.m * data.d, data.d, G.data() + i * data.d);
    }
    data_.G = G.data();
    directions_.emplace(dense::skinny_matrix(G.data(), data_.m, data.d));
    hermite_.emplace(data_, order, dense::strip_rows);
    data_.G = nullptr;
    all_ = data.m;
    t_.resize(dense::strip_rows * dense::skinny_stride<T>(data_.m));
  }

  void fill(Index first, Index rows, T* w, Index stride) {
    core::Prefetch none;  // weighted_grams fetches X ahead
    if (order_ > 0) dense::multiply_rows(data_.X + first * data_.d, rows, *directions_, t_.data(), none);
    hermite_->compute(t_.data(), dense::skinny_stride<T>(data_.m), rows);
    for (Index k = begin_; k < end_; ++k) {
      const T* h = hermite_->h((k - first_) % data_.m, order_);
      weigh(data_.y + first * data_.q + k / all_, data_.q, h, T(1), rows, w + (k - begin_) * stride);
    }
  }

private:
  ContractionData<T> data_;  // with the directions of the pairs alone
  int order_;
  Index begin_, end_, first_, all_;
  std::optional<dense::SkinnyMatrix<T>> directions_;
  std::optional<HermiteBlock<T>> hermite_;
  std::vector<T> t_;
};

}  // namespace

template <class T>
void contract(const Execution& exec, const ContractionData<T>& data, int order, T* out) {
  const Index d = data.d, q = data.q, m = data.m;
  const MakeWeights<T> weights = [&](Index begin, Index end) -> FillWeights<T> {
    const auto made = std::make_shared<HermiteWeights<T>>(data, order - 2, begin, end);
    return [made](Index first, Index rows, T* w, Index stride) { made->fill(first, rows, w, stride); };
  };
  weighted_grams(exec, data.X, data.n, d, q * m, weights, out);
  const auto sums = vector_and_scalar_sums(exec, data, order - 3, {order - 2, order - 4});
  const T scale = T(1) / static_cast<T>(data.n), l2 = static_cast<T>(order - 2), l3 = static_cast<T>(order - 3);
  exec.for_each(q * m, 6.0 * q * m * d * d, [&](Index k) {
    const T *v = sums.vector(k), *scalars = sums.scalars(k), *g = data.G + k % m * d;
    T* M = out + k * d * d;
    for (Index i = 0; i < d; ++i) {
      for (Index j = 0; j < d; ++j) {
        const T rank_two = l2 * (v[i] * g[j] + g[i] * v[j]) - l2 * l3 * scalars[1] * g[i] * g[j];
        M[i * d + j] = scale * (M[i * d + j] - rank_two - (i == j ? scalars[0] : T(0)));
      }
    }
  });
}

template <class T>
void contract_to_vector(const Execution& exec, const ContractionData<T>& data, int order, T* out) {
  const Index d = data.d;
  const auto sums = vector_and_scalar_sums(exec, data, order - 1, {order - 2});
  const T scale = T(1) / static_cast<T>(data.n);
  for (Index k = 0; k < data.q * data.m; ++k) {
    const T *v = sums.vector(k), *g = data.G + k % data.m * d;
    const T along_g = static_cast<T>(order - 1) * *sums.scalars(k);
    for (Index i = 0; i < d; ++i) out[k * d + i] = scale * (v[i] - along_g * g[i]);
  }
}

template <class T>
void contract_to_scalar(const Execution& exec, const ContractionData<T>& data, const int* orders, Index n_orders,
                        T* out) {
  const auto sums = vector_and_scalar_sums(exec, data, -1, std::vector<int>(orders, orders + n_orders));
  for (Index e = 0; e < data.q * data.m * n_orders; ++e) out[e] = sums.scalars(0)[e] / static_cast<T>(data.n);
}

namespace {

// The sums of contract_apply and what they are made of: one product with X serves B and the directions.
template <class T>
class ApplySums {
public:
  // Memory of one task.
  struct Scratch {
    HermiteBlock<T> hermite;
    core::AlignedBuffer<T> Z, V;  // products with B and the directions, and the factors of x
    std::vector<T> w, along_g;
  };

  ApplySums(const ContractionData<T>& data, int order, const T* B, Index s)
      : data_(data),
        order_(order),
        B_(B),
        s_(s),
        padded_(dense::skinny_stride<T>(s)),
        gB_(data.m * padded_, T(0)),
        factors_(s + (order > 2 ? data.m : 0), data.d) {
    const Index d = data.d;
    std::vector<T> column(d);
    for (Index c = 0; c < s; ++c) {
      for (Index j = 0; j < d; ++j) column[j] = B[j * s + c];
      factors_.set(c, column.data());
    }
    // At order 2 directions do not enter: zero stays zero then, however large they are.
    for (Index g = 0; order > 2 && g < data.m; ++g) factors_.set(s + g, data.G + g * d);
    for (Index j = 0; j < d; ++j) {
      for (Index c = 0; c < s; ++c) {
        for (Index g = 0; order > 2 && g < data.m; ++g) gB_[g * padded_ + c] += data.G[g * d + j] * B[j * s + c];
      }
    }
  }

  // Of every pair of a target and a direction: s vectors of d, then sum y h_{l-2}, sum y h_{l-4}, then s sums of
  // y h_{l-3} <x, B_c>.
  Index entry() const { return s_ * data_.d + 2 + s_; }

  Scratch scratch(Index block) const {
    const Index size = stride() * block;
    return {HermiteBlock<T>(data_, order_ - 2, block), core::AlignedBuffer<T>(size), core::AlignedBuffer<T>(size),
            std::vector<T>(2 * block), std::vector<T>(padded_)};
  }

  // Adds the share of `rows` rows, at most a block, from `first` on.
  void add(Index first, Index rows, Scratch* scratch, T* into) const {
    const Index d = data_.d, q = data_.q, block = static_cast<Index>(scratch->w.size()) / 2;
    const T* X = data_.X + first * d;
    core::Prefetch ahead(X + rows * d, rows * d, 2);
    dense::multiply_rows(X, rows, factors_, scratch->Z.data(), ahead);
    scratch->hermite.compute(scratch->Z.data() + (order_ > 2 ? s_ : 0), stride(), rows);
    for (Index k = 0; k < q * data_.m; ++k) {
      const Index g = k % data_.m;
      const T* y = data_.y + first * q + k / data_.m;
      T* into_k = into + k * entry();
      T *main = scratch->w.data(), *cross = scratch->w.data() + block;
      weigh(y, q, scratch->hermite.h(g, order_ - 2), T(1), rows, main);
      weigh(y, q, scratch->hermite.h(g, order_ - 3), static_cast<T>(order_ - 2), rows, cross);
      combine(g, rows, main, cross, scratch);
      dense::accumulate_outer(X, rows, d, scratch->V.data(), s_, stride(), into_k, ahead);
      into_k[s_ * d] += sum_weighted(y, q, scratch->hermite.h(g, order_ - 2), rows);
      into_k[s_ * d + 1] += sum_weighted(y, q, scratch->hermite.h(g, order_ - 4), rows);
      for (Index c = 0; c < s_; ++c) into_k[s_ * d + 2 + c] += scratch->along_g[c];
    }
  }

  // out (q, m, d, s) from the sums over all rows.
  void write(const std::vector<T>& sums, T* out) const {
    const Index d = data_.d;
    const T scale = T(1) / static_cast<T>(data_.n), l2 = static_cast<T>(order_ - 2), l3 = static_cast<T>(order_ - 3);
    for (Index k = 0; k < data_.q * data_.m; ++k) {
      const T* sum = sums.data() + k * entry();
      const T* g = data_.G + k % data_.m * d;
      for (Index j = 0; j < d; ++j) {
        for (Index c = 0; c < s_; ++c) {
          const T along_g = l2 * l3 * sum[s_ * d + 1] * gB_[k % data_.m * padded_ + c] - sum[s_ * d + 2 + c];
          out[(k * d + j) * s_ + c] = scale * (sum[c * d + j] - sum[s_ * d] * B_[j * s_ + c] + along_g * g[j]);
        }
      }
    }
  }

private:
  Index stride() const { return dense::skinny_stride<T>(factors_.columns()); }

  // The factors of x in V, main <x, B_c> - cross <g, B_c>, and the sums of cross <x, B_c>: s columns and those that pad
  // them, by whole vectors.
  void combine(Index g, Index rows, const T* main, const T* cross, Scratch* scratch) const {
    using S = core::Simd<T>;
    const Index stride = this->stride();
    const T* Z = scratch->Z.data();
    T* V = scratch->V.data();
    for (Index c = 0; c < padded_; c += S::width) {
      const auto gBc = S::load(gB_.data() + g * padded_ + c);
      typename S::Vector along{};
      for (Index r = 0; r < rows; ++r) {
        const auto z = S::load(Z + r * stride + c);
        S::store(V + r * stride + c, z * main[r] - gBc * cross[r]);
        along += z * cross[r];
      }
      S::store(scratch->along_g.data() + c, along);
    }
  }

  ContractionData<T> data_;
  int order_;
  const T* B_;
  Index s_, padded_;
  std::vector<T> gB_;               // (m, padded s): <g, B_c>
  dense::SkinnyMatrix<T> factors_;  // the columns of B, then the directions
};

}  // namespace

template <class T>
void contract_apply(const Execution& exec, const ContractionData<T>& data, int order, const T* B, Index s, T* out) {
  const ApplySums<T> product(data, order, B, s);
  const Index block = dense::skinny_block_rows<T>(data.d), pairs = data.q * data.m;
  const double operations = 4.0 * data.n * data.d * s * (pairs + 1);
  const auto sums = core::sum_over_rows<T>(exec, data.n, block, pairs * product.entry(), operations, [&] {
    return [&, scratch = product.scratch(block)](Index first, Index rows, T* into) mutable {
      product.add(first, rows, &scratch, into);
    };
  });
  product.write(sums, out);
}

#define LIMBECK_INSTANTIATE(T)                                                                          \
  template void contract(const Execution&, const ContractionData<T>&, int, T*);                         \
  template void contract_to_vector(const Execution&, const ContractionData<T>&, int, T*);               \
  template void contract_to_scalar(const Execution&, const ContractionData<T>&, const int*, Index, T*); \
  template void contract_apply(const Execution&, const ContractionData<T>&, int, const T*, Index, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::moments
