#include "kernels/contraction.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/gram.hpp"
#include "kernels/hermite.hpp"
#include "kernels/thin.hpp"

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

// sum_r y[r * q] h[r], in double whatever T is; h null stands for zero.
template <class T>
T sum_weighted(const T* y, Index q, const T* h, Index rows) {
  double sum = 0;
  for (Index r = 0; h && r < rows; ++r) sum += static_cast<double>(y[r * q]) * static_cast<double>(h[r]);
  return static_cast<T>(sum);
}

// For every target and direction (outer index target): sums over rows of y h_vector(t) x (d numbers) and of y h_l(t)
// for the given scalar orders. Layout of one entry: d vector sums, then the scalars.
template <class T>
std::vector<T> vector_and_scalar_sums(const Execution& exec, const Moments<T>& data, int vector_order,
                                      const std::vector<int>& scalar_orders) {
  const Index d = data.d, q = data.q, m = data.m, entry = d + static_cast<Index>(scalar_orders.size());
  const Index block = thin_block_rows<T>(d), stride = thin_stride<T>(m);
  int top = vector_order;
  for (int l : scalar_orders) top = std::max(top, l);
  const ThinMatrix<T> G = thin_rows(data.G, m, d);
  const double operations = 4.0 * data.n * (d + 1) * m * q;
  return sum_over_rows<T>(exec, data.n, block, q * m * entry, operations, [&] {
    return [&, hermite = HermiteBlock<T>(data, top, block), t = std::vector<T>(block * stride),
            w = std::vector<T>(block)](Index first, Index rows, T* sums) mutable {
      Prefetch ahead(data.X + (first + rows) * d, rows * d, vector_order >= 0 ? 2 : 1);
      thin_forward(data.X + first * d, rows, G, t.data(), ahead);
      hermite.compute(t.data(), stride, rows);
      for (Index k = 0; k < q * m; ++k) {
        const Index g = k % m;
        const T* y = data.y + first * q + k / m;
        if (vector_order >= 0) {
          weigh(y, q, hermite.h(g, vector_order), T(1), rows, w.data());
          thin_backward(data.X + first * d, rows, d, w.data(), 1, 1, sums + k * entry, ahead);
        }
        for (std::size_t e = 0; e < scalar_orders.size(); ++e) {
          sums[k * entry + d + e] += sum_weighted(y, q, hermite.h(g, scalar_orders[e]), rows);
        }
      }
    };
  });
}

}  // namespace

template <class T>
void contract(const Execution& exec, const Moments<T>& data, int order, T* out) {
  const Index d = data.d, q = data.q, m = data.m;
  const ThinMatrix<T> G = thin_rows(data.G, m, d);
  const FillWeights<T> weights = [&](Index first, Index rows, T* w, Index stride) {
    HermiteBlock<T> hermite(data, order - 2, gram_block_rows);
    std::vector<T> t(gram_block_rows * thin_stride<T>(m));
    Prefetch nothing;  // weighted_grams sees to it
    thin_forward(data.X + first * d, rows, G, t.data(), nothing);
    hermite.compute(t.data(), thin_stride<T>(m), rows);
    for (Index k = 0; k < q * m; ++k) {
      weigh(data.y + first * q + k / m, q, hermite.h(k % m, order - 2), T(1), rows, w + k * stride);
    }
  };
  weighted_grams(exec, data.X, data.n, d, q * m, weights, out);
  const auto sums = vector_and_scalar_sums(exec, data, order - 3, {order - 2, order - 4});
  const T scale = T(1) / static_cast<T>(data.n), l2 = static_cast<T>(order - 2), l3 = static_cast<T>(order - 3);
  for (Index k = 0; k < q * m; ++k) {
    const T* v = sums.data() + k * (d + 2);
    const T* g = data.G + k % m * d;
    T* M = out + k * d * d;
    for (Index i = 0; i < d; ++i) {
      for (Index j = 0; j < d; ++j) {
        const T rank_two = l2 * (v[i] * g[j] + g[i] * v[j]) - l2 * l3 * v[d + 1] * g[i] * g[j];
        M[i * d + j] = scale * (M[i * d + j] - rank_two - (i == j ? v[d] : T(0)));
      }
    }
  }
}

template <class T>
void contract_to_vector(const Execution& exec, const Moments<T>& data, int order, T* out) {
  const Index d = data.d;
  const auto sums = vector_and_scalar_sums(exec, data, order - 1, {order - 2});
  const T scale = T(1) / static_cast<T>(data.n);
  for (Index k = 0; k < data.q * data.m; ++k) {
    const T* v = sums.data() + k * (d + 1);
    const T* g = data.G + k % data.m * d;
    for (Index i = 0; i < d; ++i) out[k * d + i] = scale * (v[i] - static_cast<T>(order - 1) * v[d] * g[i]);
  }
}

template <class T>
void contract_to_scalar(const Execution& exec, const Moments<T>& data, const int* orders, Index n_orders, T* out) {
  const auto sums = vector_and_scalar_sums(exec, data, -1, std::vector<int>(orders, orders + n_orders));
  for (Index k = 0; k < data.q * data.m; ++k) {
    for (Index e = 0; e < n_orders; ++e) {
      out[k * n_orders + e] = sums[k * (data.d + n_orders) + data.d + e] / static_cast<T>(data.n);
    }
  }
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
  TensorBlock(Index d, int order, Index most_rows)
      : d_(d),
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
    for (Index j = feature; j < (only_this ? feature + 1 : d_); ++j) {
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
  Index d_;
  int order_;
  Index stride_, rows_ = 0;
  std::vector<T> t_, table_, products_;
};

// Every entry takes the value that stands at its sorted index.
template <class T>
void symmetrise(Index d, int order, Index size, T* out) {
  std::vector<Index> digits(order);
  for (Index at = 0; at < size; ++at) {
    Index rest = at;
    for (int k = order - 1; k >= 0; --k, rest /= d) digits[k] = rest % d;
    std::sort(digits.begin(), digits.end());
    Index sorted = 0;
    for (Index j : digits) sorted = sorted * d + j;
    out[at] = out[sorted];
  }
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
    TensorBlock<T> tensor(d, order, block);
    for (Index first = 0; first < n && !exec.stopped(); first += block) {
      tensor.load(X + first * d, std::min(block, n - first), feature);
      for (Index k = 0; k < q; ++k) tensor.add(y + first * q + k, q, feature, out + k * size);
    }
  });
  for (Index i = 0; order == 0 && i < n * q; ++i) out[i % q] += y[i];
  for (Index k = 0; k < q * size; ++k) out[k] /= static_cast<T>(n);
  for (Index k = 0; k < q; ++k) symmetrise(d, order, size, out + k * size);
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
