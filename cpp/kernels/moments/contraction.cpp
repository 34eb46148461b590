#include "kernels/moments/contraction.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "kernels/dense/tall_skinny_gemm.hpp"
#include "kernels/moments/hermite.hpp"
#include "kernels/moments/weighted_grams.hpp"

namespace limbeck {

namespace {

template <class T>
T squared_norm(const T* g, Index d) {
  return std::inner_product(g, g + d, g, T(0));
}

// The Hermite polynomials h_0 ... h_order of every direction on one block of rows.
template <class T>
class HermiteBlock {
public:
  HermiteBlock(const Moments<T>& data, int order, Index most_rows)
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
      // h_0 = 1 looks at no projection, and at order 0 there may be none to look at.
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

// sum_r y[r * q] h[r], in double whatever T is; h null stands for zero. Several sums side by side, which vectors can
// take: a single one would wait for itself at every row.
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
  return static_cast<T>(sum_in_pairs<lanes>(sums));
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
MomentSums<T> vector_and_scalar_sums(const Execution& exec, const Moments<T>& data, int vector_order,
                                     const std::vector<int>& scalar_orders) {
  const Index d = data.d, q = data.q, m = data.m, orders = static_cast<Index>(scalar_orders.size());
  const Index block = thin_block_rows<T>(d), stride = thin_stride<T>(m);
  int top = vector_order;
  for (int l : scalar_orders) top = std::max(top, l);
  const ThinMatrix<T> G = thin_rows(data.G, m, d);
  const double operations = 4.0 * data.n * (d + 1) * m * q;
  auto numbers = sum_over_rows<T>(exec, data.n, block, q * m * (d + orders), operations, [&] {
    return [&, hermite = HermiteBlock<T>(data, top, block), t = std::vector<T>(block * stride),
            V = std::vector<T>(block * stride)](Index first, Index rows, T* sums) mutable {
      Prefetch ahead(data.X + (first + rows) * d, rows * d, vector_order >= 0 ? 2 : 1);
      thin_forward(data.X + first * d, rows, G, t.data(), ahead);
      hermite.compute(t.data(), stride, rows);
      for (Index target = 0; target < q; ++target) {
        const T* y = data.y + first * q + target;
        for (Index g = 0; vector_order >= 0 && g < m; ++g) {
          const T* h = hermite.h(g, vector_order);
          for (Index r = 0; r < rows; ++r) V[r * stride + g] = y[r * q] * h[r];
        }
        if (vector_order >= 0) {
          thin_backward(data.X + first * d, rows, d, V.data(), m, stride, sums + target * m * d, ahead);
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
  HermiteWeights(const Moments<T>& data, int order, Index begin, Index end)
      : data_(data), order_(order), begin_(begin), end_(end) {
    // Only directions that are asked for: those of pairs begin, begin + 1, ... in turn, or all.
    data_.m = std::min(data.m, end - begin);
    first_ = data_.m < data.m ? begin : 0;
    std::vector<T> G(data_.m * data.d);
    for (Index i = 0; i < data_.m; ++i) {
      std::copy_n(data.G + (first_ + i) % data.m * data.d, data.d, G.data() + i * data.d);
    }
    data_.G = G.data();
    directions_.emplace(thin_rows(G.data(), data_.m, data.d));
    hermite_.emplace(data_, order, gram_block_rows);
    data_.G = nullptr;
    all_ = data.m;
    t_.resize(gram_block_rows * thin_stride<T>(data_.m));
  }

  void fill(Index first, Index rows, T* w, Index stride) {
    Prefetch nothing;  // weighted_grams sees to it
    if (order_ > 0) thin_forward(data_.X + first * data_.d, rows, *directions_, t_.data(), nothing);
    hermite_->compute(t_.data(), thin_stride<T>(data_.m), rows);
    for (Index k = begin_; k < end_; ++k) {
      const T* h = hermite_->h((k - first_) % data_.m, order_);
      weigh(data_.y + first * data_.q + k / all_, data_.q, h, T(1), rows, w + (k - begin_) * stride);
    }
  }

private:
  Moments<T> data_;  // with the directions that are asked for
  int order_;
  Index begin_, end_, first_, all_;
  std::optional<ThinMatrix<T>> directions_;
  std::optional<HermiteBlock<T>> hermite_;
  std::vector<T> t_;
};

}  // namespace

template <class T>
void contract(const Execution& exec, const Moments<T>& data, int order, T* out) {
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
void contract_to_vector(const Execution& exec, const Moments<T>& data, int order, T* out) {
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
void contract_to_scalar(const Execution& exec, const Moments<T>& data, const int* orders, Index n_orders, T* out) {
  const auto sums = vector_and_scalar_sums(exec, data, -1, std::vector<int>(orders, orders + n_orders));
  for (Index e = 0; e < data.q * data.m * n_orders; ++e) out[e] = sums.scalars(0)[e] / static_cast<T>(data.n);
}

template <class T>
void contract_apply(const Execution& exec, const Moments<T>& data, int order, const T* B, Index s, T* out) {
  using S = Simd<T>;
  const Index d = data.d, q = data.q, m = data.m, block = thin_block_rows<T>(d), padded = thin_stride<T>(s);
  // One product with X serves B and the directions: columns of B first.
  std::vector<T> columns((s + m) * d), gB(m * padded, T(0));
  std::copy_n(data.G, m * d, columns.data() + s * d);
  for (Index j = 0; j < d; ++j) {
    for (Index c = 0; c < s; ++c) {
      columns[c * d + j] = B[j * s + c];
      // At order 2 directions do not enter: zero stays zero then, however large they are.
      for (Index g = 0; order > 2 && g < m; ++g) gB[g * padded + c] += data.G[g * d + j] * B[j * s + c];
    }
  }
  const ThinMatrix<T> thin = thin_rows(columns.data(), s + (order > 2 ? m : 0), d);
  const T l2 = static_cast<T>(order - 2), l3 = static_cast<T>(order - 3);
  // One entry: s vectors of d, then sum y h_{l-2}, sum y h_{l-4}, then s sums of y h_{l-3} <x, B_c>.
  const Index entry = s * d + 2 + s;
  const double operations = 4.0 * data.n * d * s * (m * q + 1);
  const Index stride = thin_stride<T>(thin.columns());
  const auto sums = sum_over_rows<T>(exec, data.n, block, q * m * entry, operations, [&] {
    return [&, hermite = HermiteBlock<T>(data, order - 2, block), Z = AlignedBuffer<T>(stride * block),
            V = AlignedBuffer<T>(stride * block), w = std::vector<T>(2 * block),
            along_g = std::vector<T>(padded)](Index first, Index rows, T* into) mutable {
      const T* X = data.X + first * d;
      Prefetch ahead(X + rows * d, rows * d, 2);
      thin_forward(X, rows, thin, Z.data(), ahead);
      hermite.compute(Z.data() + (order > 2 ? s : 0), stride, rows);
      for (Index k = 0; k < q * m; ++k) {
        const Index g = k % m;
        const T* y = data.y + first * q + k / m;
        T* into_k = into + k * entry;
        T *main = w.data(), *cross = w.data() + block;
        weigh(y, q, hermite.h(g, order - 2), T(1), rows, main);
        weigh(y, q, hermite.h(g, order - 3), l2, rows, cross);
        for (Index c = 0; c < padded; c += S::width) {  // s and what pads it, by whole vectors
          const auto gBc = S::load(gB.data() + g * padded + c);
          typename S::Vector along{};
          for (Index r = 0; r < rows; ++r) {
            const auto z = S::load(Z.data() + r * stride + c);
            S::store(V.data() + r * stride + c, z * main[r] - gBc * cross[r]);
            along += z * cross[r];
          }
          S::store(along_g.data() + c, along);
        }
        thin_backward(X, rows, d, V.data(), s, stride, into_k, ahead);
        into_k[s * d] += sum_weighted(y, q, hermite.h(g, order - 2), rows);
        into_k[s * d + 1] += sum_weighted(y, q, hermite.h(g, order - 4), rows);
        for (Index c = 0; c < s; ++c) into_k[s * d + 2 + c] += along_g[c];
      }
    };
  });
  const T scale = T(1) / static_cast<T>(data.n);
  for (Index k = 0; k < q * m; ++k) {
    const T* sum = sums.data() + k * entry;
    const T* g = data.G + k % m * d;
    for (Index j = 0; j < d; ++j) {
      for (Index c = 0; c < s; ++c) {
        const T along_g = l2 * l3 * sum[s * d + 1] * gB[k % m * padded + c] - sum[s * d + 2 + c];
        out[(k * d + j) * s + c] = scale * (sum[c * d + j] - sum[s * d] * B[j * s + c] + along_g * g[j]);
      }
    }
  }
}

namespace {

// Sums of y prod_j He_{a_j}(x_j) over one block of rows for all multi-indices |a| = order with a given smallest
// feature.
template <class T>
class TensorBlock {
public:
  TensorBlock(const Execution& exec, Index d, int order, Index most_rows)
      : exec_(exec),
        d_(d),
        order_(order),
        stride_(most_rows),
        t_(most_rows),
        table_(d * (order + 1) * most_rows),
        products_((order + 1) * most_rows) {}

  void load(const T* X, Index rows, Index from) {
    rows_ = rows;
    for (Index j = from; j < d_; ++j) {
      for (Index r = 0; r < rows; ++r) t_[r] = X[r * d_ + j];
      hermite_block(t_.data(), rows, T(1), order_, table_.data() + j * (order_ + 1) * stride_, stride_);
    }
  }
  // Adds to out[position], the position of the sorted multi-index in the dense tensor.
  void add(const T* y, Index q, Index feature, T* out) {
    for (Index r = 0; r < rows_; ++r) products_[r] = y[r * q];
    extend(0, feature, order_, 0, out, true);
  }

private:
  void extend(int depth, Index feature, int remaining, Index position, T* out, bool only_this) {
    const T* before = products_.data() + depth * stride_;
    T* after = products_.data() + (depth + 1) * stride_;
    const Index end = only_this ? feature + 1 : d_;
    // Of many features even one block of rows has a great many products: a question now and then.
    for (Index j = feature; j < end && !(depth <= 1 && exec_.stopped()); ++j) {
      Index here = position;
      for (int power = 1; power <= remaining; ++power) {
        here = here * d_ + j;
        const T* he = table_.data() + (j * (order_ + 1) + power) * stride_;
        if (power == remaining) {
          T sum(0);
          for (Index r = 0; r < rows_; ++r) sum += before[r] * he[r];
          out[here] += sum;
        } else {
          for (Index r = 0; r < rows_; ++r) after[r] = before[r] * he[r];
          extend(depth + 1, j + 1, remaining - power, here, out, false);
        }
      }
    }
  }
  const Execution& exec_;
  Index d_;
  int order_;
  Index stride_, rows_ = 0;
  std::vector<T> t_, table_, products_;
};

// Every entry takes the value that stands at its sorted index.
template <class T>
void symmetrise(const Execution& exec, Index d, int order, Index size, T* out) {
  constexpr Index block = 1 << 14;
  exec.for_each((size + block - 1) / block, 30.0 * order * size, [&](Index task) {
    std::vector<Index> digits(order);
    for (Index at = task * block; at < std::min(size, (task + 1) * block); ++at) {
      Index rest = at;
      for (int k = order - 1; k >= 0; --k, rest /= d) digits[k] = rest % d;
      if (std::is_sorted(digits.begin(), digits.end())) continue;  // other tasks may be reading it
      std::sort(digits.begin(), digits.end());
      Index sorted = 0;
      for (Index j : digits) sorted = sorted * d + j;
      out[at] = out[sorted];
    }
  });
}

}  // namespace

template <class T>
void moment_tensor(const Execution& exec, const T* X, Index n, Index d, const T* y, Index q, int order, T* out) {
  constexpr Index block = 256;
  Index size = 1;
  for (int k = 0; k < order; ++k) size *= d;
  std::fill_n(out, q * size, T(0));
  // A task owns the entries whose smallest feature is its own, so nothing needs to be reduced.
  exec.for_each(order == 0 ? 0 : d, static_cast<double>(n) * size, [&](Index feature) {
    TensorBlock<T> tensor(exec, d, order, block);
    for (Index first = 0; first < n && !exec.stopped(); first += block) {
      tensor.load(X + first * d, std::min(block, n - first), feature);
      for (Index k = 0; k < q; ++k) tensor.add(y + first * q + k, q, feature, out + k * size);
    }
  });
  for (Index i = 0; order == 0 && i < n; ++i) {
    for (Index k = 0; k < q; ++k) out[k] += y[i * q + k];
  }
  for (Index k = 0; k < q * size; ++k) out[k] /= static_cast<T>(n);
  for (Index k = 0; k < q; ++k) symmetrise(exec, d, order, size, out + k * size);
}

#define LIMBECK_INSTANTIATE(T)                                                                  \
  template void contract(const Execution&, const Moments<T>&, int, T*);                         \
  template void contract_to_vector(const Execution&, const Moments<T>&, int, T*);               \
  template void contract_to_scalar(const Execution&, const Moments<T>&, const int*, Index, T*); \
  template void contract_apply(const Execution&, const Moments<T>&, int, const T*, Index, T*);  \
  template void moment_tensor(const Execution&, const T*, Index, Index, const T*, Index, int, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck
