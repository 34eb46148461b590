#include "kernels/moments/moment_tensor.hpp"

#include <algorithm>
#include <vector>

#include "kernels/moments/hermite.hpp"

namespace limbeck::moments {

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
    // With many features even one block of rows has so many products that an interrupt has to be looked for between
    // them.
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
  exec.for_each(core::ceil_div(size, block), 30.0 * order * size, [&](Index task) {
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

template void moment_tensor(const Execution&, const float*, Index, Index, const float*, Index, int, float*);
template void moment_tensor(const Execution&, const double*, Index, Index, const double*, Index, int, double*);

}  // namespace limbeck::moments
