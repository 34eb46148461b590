#include "kernels/moments/moment_tensor.hpp"

#include <algorithm>
#include <vector>

#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/reduce.hpp"
#include "kernels/core/row_sums.hpp"
#include "kernels/core/simd.hpp"
#include "kernels/moments/hermite.hpp"
#include "kernels/moments/multi_index_tree.hpp"

namespace limbeck::moments {

namespace {

using Node = MultiIndexTree::Node;

// sums[c * step] becomes sum_r a_r b_cr, or that is added to it; vectors b_c stand b_stride apart. `rows` is a whole
// number of registers.
template <class T, Index count>
void inner_products(const T* a, const T* b, Index b_stride, Index rows, bool add, T* sums, Index step) {
  using S = core::Simd<T>;
  // At least four running sums, so that no multiplication waits for the addition before it.
  constexpr Index chains = count >= 4 ? 1 : 4 / count;
  typename S::Vector parts[count][chains];
#pragma GCC unroll 8
  for (Index c = 0; c < count; ++c) {
#pragma GCC unroll 4
    for (Index i = 0; i < chains; ++i) parts[c][i] = typename S::Vector{};
  }
  Index r = 0;
  for (; r + chains * S::width <= rows; r += chains * S::width) {
#pragma GCC unroll 4
    for (Index i = 0; i < chains; ++i) {
      const auto ar = S::load(a + r + i * S::width);
#pragma GCC unroll 8
      for (Index c = 0; c < count; ++c) parts[c][i] += ar * S::load(b + c * b_stride + r + i * S::width);
    }
  }
  for (; r < rows; r += S::width) {
    for (Index c = 0; c < count; ++c) parts[c][0] += S::load(a + r) * S::load(b + c * b_stride + r);
  }
#pragma GCC unroll 8
  for (Index c = 0; c < count; ++c) {
    T numbers[chains * S::width];
#pragma GCC unroll 4
    for (Index i = 0; i < chains; ++i) S::store(numbers + i * S::width, parts[c][i]);
    const T sum = core::sum_in_pairs<chains * S::width>(numbers);
    sums[c * step] = add ? sums[c * step] + sum : sum;
  }
}

// Sums of y prod_j He_{a_j}(x_j) over blocks of rows; the memory of one task.
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

  // The polynomials of features `from` ... d - 1. Rows are filled up to whole registers.
  void load(const T* X, Index rows, Index from) {
    rows_ = rows;
    padded_ = core::round_up(rows, core::Simd<T>::width);
    std::fill(t_.begin() + rows, t_.begin() + padded_, T(0));
    for (Index j = from; j < d_; ++j) {
      for (Index r = 0; r < rows; ++r) t_[r] = X[r * d_ + j];
      hermite_block(t_.data(), padded_, T(1), order_, table_.data() + j * (order_ + 1) * stride_, stride_);
    }
  }
  // A target, zero in the rows that fill up.
  void weigh(const T* y, Index q) {
    for (Index r = 0; r < rows_; ++r) products_.data()[r] = y[r * q];
    std::fill_n(products_.data() + rows_, padded_ - rows_, T(0));
  }
  const T* product(int level) const { return products_.data() + level * stride_; }
  const T* polynomial(Index feature, int power) const {
    return table_.data() + (feature * (order_ + 1) + power) * stride_;
  }
  Index between_features() const { return (order_ + 1) * stride_; }
  Index padded_rows() const { return padded_; }

  void multiply(int level, Index feature, int power) {
    const T *from = product(level), *he = polynomial(feature, power);
    T* to = products_.data() + (level + 1) * stride_;
    for (Index r = 0; r < padded_; r += core::Simd<T>::width) {
      core::Simd<T>::store(to + r, core::Simd<T>::load(from + r) * core::Simd<T>::load(he + r));
    }
  }

private:
  Index d_;
  int order_;
  Index stride_, rows_ = 0, padded_ = 0;
  std::vector<T> t_;
  core::AlignedBuffer<T> table_, products_;
};

// Adds a block's share to the entries, which stand in the tree's order or where they stand in the dense tensor.
template <class T>
class AddEntries {
public:
  AddEntries(const MultiIndexTree& tree, TensorBlock<T>* block, Index d, bool dense, bool add, T* to)
      : tree_(tree), block_(block), d_(d), dense_(dense), add_(add), to_(to) {}

  void multiply(int level, Index feature, int power) { block_->multiply(level, feature, power); }
  void leaves(int level, const Node& node, Index offset) {
    const Index step = dense_ ? tree_.step(node) : 1, stride = block_->between_features();
    T* to = to_ + (dense_ ? tree_.position(node) : offset);
    Index j = node.from;
    const auto features = [&](auto number) {
      constexpr Index count = decltype(number)::value;
      for (; d_ - j >= count; j += count, to += count * step) {
        inner_products<T, count>(block_->product(level), block_->polynomial(j, node.remaining), stride,
                                 block_->padded_rows(), add_, to, step);
      }
    };
    features(std::integral_constant<Index, 8>());
    features(std::integral_constant<Index, 4>());
    features(std::integral_constant<Index, 2>());
    features(std::integral_constant<Index, 1>());
  }

private:
  const MultiIndexTree& tree_;
  TensorBlock<T>* block_;
  Index d_;
  bool dense_, add_;
  T* to_;
};

// Writes means to the sorted places of the dense tensor, from the sums of `lanes` lanes, which stand `between` apart,
// or, with none, from the sums that are in these places.
template <class T>
struct WriteMeans {
  const MultiIndexTree& tree;
  Index d, n;
  const T* sums;
  Index lanes, between;
  T* out;

  void multiply(int, Index, int) {}
  void leaves(int, const Node& node, Index offset) {
    const Index step = tree.step(node);
    T* to = out + tree.position(node);
    for (Index e = 0; e < d - node.from; ++e) {
      T sum = lanes == 0 ? to[e * step] : T(0);
      for (Index lane = 0; lane < lanes; ++lane) sum += sums[lane * between + offset + e];
      to[e * step] = sum / static_cast<T>(n);
    }
  }
};

// Entries of all last digits behind the same `digits` take the values that stand at their sorted indices. A last digit
// takes its place among the sorted ones before it; between two of these the place is the same, and the index rises in
// equal steps.
template <class T>
void symmetrise_row(const std::vector<Index>& sorted, bool in_order, Index d, T* tensor, T* row) {
  const auto before = static_cast<Index>(sorted.size());
  Index j = 0, step = 1, behind = 0;  // `behind`: the digits after the place, read as a number
  for (Index k = 0; k < before; ++k) step *= d;
  Index prefix = 0;
  for (Index l = 0; l < before; ++l) behind = behind * d + sorted[l];
  for (Index k = 0; k <= before; ++k, step /= d) {
    // With k digits before it the last digit runs up to digit k of the sorted ones. Where all are in order anyhow, what
    // stands behind them all stays as it is: other tasks may be reading it.
    const Index end = k < before ? std::min(d, sorted[k]) : d;
    if (k == before && in_order) return;
    const Index base = prefix * step * d + behind;
    for (; j < end; ++j) row[j] = tensor[base + j * step];
    if (k == before) return;
    prefix = prefix * d + sorted[k];
    behind -= sorted[k] * (step / d);
  }
}

// Every entry takes the value that stands at its sorted index.
template <class T>
void symmetrise(const Execution& exec, Index d, int order, Index size, Index q, T* out) {
  if (order < 2 || size == 0) return;
  const Index rows = size / d, block = std::max<Index>(1, (1 << 14) / d), blocks = core::ceil_div(rows, block);
  exec.for_each(q * blocks, 4.0 * static_cast<double>(size * q), [&](Index task) {
    T* tensor = out + task / blocks * size;
    const Index begin = task % blocks * block, end = std::min(rows, begin + block);
    std::vector<Index> digits(order - 1), sorted(order - 1);
    Index rest = begin;
    for (int k = order - 2; k >= 0; --k, rest /= d) digits[k] = rest % d;
    for (Index row = begin; row < end; ++row) {
      sorted = digits;
      const bool in_order = std::is_sorted(sorted.begin(), sorted.end());
      if (!in_order) std::sort(sorted.begin(), sorted.end());
      symmetrise_row(sorted, in_order, d, tensor, tensor + row * d);
      for (int k = order - 2; k >= 0 && ++digits[k] == d; --k) digits[k] = 0;
    }
  });
}

// The tensor of order 0: means of the targets.
template <class T>
void means(const Execution& exec, Index n, const T* y, Index q, T* out) {
  constexpr Index block = 1024, lanes = 16;
  const auto sums = core::sum_over_rows<T>(exec, n, block, q, static_cast<double>(n * q), [&] {
    return [&](Index first, Index rows, T* into) {
      if (q != 1) {
        for (Index r = first; r < first + rows; ++r) {
          for (Index k = 0; k < q; ++k) into[k] += y[r * q + k];
        }
        return;
      }
      T parts[lanes] = {};
      Index r = 0;
      for (; r + lanes <= rows; r += lanes) {
        for (Index l = 0; l < lanes; ++l) parts[l] += y[first + r + l];
      }
      for (; r < rows; ++r) parts[0] += y[first + r];
      into[0] += core::sum_in_pairs<lanes>(parts);
    };
  });
  for (Index k = 0; k < q; ++k) out[k] = sums[k] / static_cast<T>(n);
}

// Number of rows taken at a time: so many that their polynomials stay in the second-level cache; few of very many
// features, whose polynomials fit no cache.
template <class T>
Index tensor_block_rows(Index n, Index d, int order) {
  constexpr Index table_bytes = 256 * 1024, unit = 16;  // a whole number of registers of any kind
  const Index rows = table_bytes / (std::max<Index>(d, 1) * (order + 1) * static_cast<Index>(sizeof(T)));
  return std::min(std::clamp<Index>(rows / unit * unit, unit, 256), core::round_up(n, unit));
}

// Tasks are lanes of rows times runs of entries. All lanes' sums stay within 16 MiB; where those of one do not, there
// is one lane, whose sums are made in the dense tensor itself. Runs are so long that computing the polynomials, which
// each does for itself, does not count; both together make some 256 tasks where rows and entries allow.
struct TensorPlan {
  static constexpr Index budget_bytes = Index{16} << 20, tasks = 256, blocks_per_lane = 4, products_per_value = 8;
  Index lanes;
  bool dense;
  std::vector<Index> runs;

  TensorPlan(const MultiIndexTree& tree, Index blocks, Index d, int order, Index q, Index bytes) {
    const Index fitting = budget_bytes / (std::max<Index>(q * tree.n_entries(), 1) * bytes);
    dense = fitting == 0;
    lanes = std::clamp<Index>(blocks / blocks_per_lane, 1, std::clamp<Index>(fitting, 1, tasks));
    const Index most = tree.n_entries() * q / std::max<Index>(products_per_value * d * order, 1);
    runs = tree.runs(std::clamp<Index>(core::ceil_div(tasks, lanes), 1, std::max<Index>(most, 1)));
  }
};

}  // namespace

template <class T>
void moment_tensor(const Execution& exec, const T* X, Index n, Index d, const T* y, Index q, int order, T* out) {
  if (order == 0) return means(exec, n, y, q, out);
  const MultiIndexTree tree(d, order);
  const Index block = tensor_block_rows<T>(n, d, order), entries = tree.n_entries();
  const TensorPlan plan(tree, core::ceil_div(n, block), d, order, q, static_cast<Index>(sizeof(T)));
  const Index n_runs = static_cast<Index>(plan.runs.size()) - 1, lane_size = q * entries;
  Index size = 1;
  for (int k = 0; k < order; ++k) size *= d;
  core::AlignedBuffer<T> sums(plan.dense ? 0 : plan.lanes * lane_size, core::Unwritten{});
  const auto each_unit = [&](Index run, auto* visitor) {
    const MultiIndexTree::Unit* before = nullptr;
    for (Index u = plan.runs[run]; u < plan.runs[run + 1] && !exec.stopped(); ++u) {
      tree.visit(tree.units()[u], before, visitor);
      before = &tree.units()[u];
    }
  };
  const double operations = 2.0 * static_cast<double>(n) * static_cast<double>(q * entries + 2 * d * order);
  exec.for_each(plan.lanes * n_runs, operations, [&](Index task) {
    const Index lane = task / n_runs, run = task % n_runs;
    Index from = d;
    for (Index u = plan.runs[run]; u < plan.runs[run + 1]; ++u) {
      from = std::min(from, tree.units()[u].depth > 0 ? tree.units()[u].features[0] : 0);
    }
    TensorBlock<T> tensor(d, order, block);
    const core::RowRange range = core::row_range(n, block, plan.lanes, lane);
    for (Index first = range.begin; first < range.end && !exec.stopped(); first += block) {
      tensor.load(X + first * d, std::min(block, range.end - first), from);
      for (Index k = 0; k < q; ++k) {
        tensor.weigh(y + first * q + k, q);
        T* to = plan.dense ? out + k * size : sums.data() + lane * lane_size + k * entries;
        AddEntries<T> add(tree, &tensor, d, plan.dense, first > range.begin, to);
        each_unit(run, &add);
      }
    }
  });
  exec.for_each(q * n_runs, static_cast<double>(lane_size * plan.lanes), [&](Index task) {
    const Index k = task / n_runs;
    WriteMeans<T> write{tree, d, n, sums.data() + k * entries, plan.dense ? 0 : plan.lanes, lane_size, out + k * size};
    each_unit(task % n_runs, &write);
  });
  symmetrise(exec, d, order, size, q, out);
}

template void moment_tensor(const Execution&, const float*, Index, Index, const float*, Index, int, float*);
template void moment_tensor(const Execution&, const double*, Index, Index, const double*, Index, int, double*);

}  // namespace limbeck::moments
