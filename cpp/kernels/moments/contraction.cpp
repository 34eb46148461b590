#include "kernels/moments/contraction.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <tuple>
#include <vector>

#include "kernels/core/row_sums.hpp"
#include "kernels/dense/narrow_syrk.hpp"
#include "kernels/dense/strip_syrk.hpp"
#include "kernels/moments/hermite_sums.hpp"
#include "kernels/moments/weighted_grams.hpp"

namespace limbeck::moments {

namespace {

// The vector and scalar sums that the tasks of weighted_grams take beside the weights they fill in.
//
// Each task keeps sums of its own rows for its own matrices. Several tasks may have the same matrix for the same rows,
// where its strips are shared among them; those of one of them count.
template <class T>
class SumsBesideGrams {
public:
  SumsBesideGrams(const ContractionData<T>& data, int order) : data_(data), directions_(data), order_(order) {}

  MakeWeights<T> weights() {
    return [this](Index begin, Index end) -> FillWeights<T> {
      const Index most_rows = is_narrow<T>(data_.d) ? dense::NarrowRows<T>::most_rows : dense::strip_rows;
      const auto sums = std::make_shared<HermiteSums<T>>(data_, directions_, begin, end, order_ - 2, most_rows);
      const auto share = std::make_shared<Share>();
      share->pair_begin = begin;
      share->pair_end = end;
      share->numbers.assign((end - begin) * pair_size(), T(0));
      {
        const std::lock_guard<std::mutex> hold(lock_);
        shares_.push_back(share);
      }
      return [this, sums, share](Index first, Index rows, const dense::NarrowRows<T>* columns, T* w, Index stride) {
        if (share->row_begin == share->row_end) share->row_begin = first;
        share->row_end = first + rows;
        core::Prefetch none;  // weighted_grams fetches X ahead
        const int orders[] = {order_ - 2, order_ - 4};
        sums->load(first, rows, columns, none);
        sums->weights(order_ - 2, w, stride);
        sums->add(order_ - 3, orders, 2, share->numbers.data(), columns, none);
      };
    };
  }

  // Per pair: the sum of y h_{l-3} x, d numbers (at order 2, where it is zero, none), and those of y h_{l-2}, y
  // h_{l-4}.
  std::vector<T> totals() {
    // Tasks begin in any order; their rows and matrices do not depend on it. Those that agree in all three have the
    // same sums; of others, the number of directions at a time may decide the last bit.
    std::sort(shares_.begin(), shares_.end(), [](const auto& a, const auto& b) {
      return std::tuple(a->row_begin, a->pair_begin, a->pair_end) <
             std::tuple(b->row_begin, b->pair_begin, b->pair_end);
    });
    const Index pairs = data_.q * data_.m;
    std::vector<T> totals(pairs * pair_size(), T(0));
    std::vector<Index> rows_done(pairs, 0);
    for (const auto& share : shares_) {
      for (Index k = share->pair_begin; k < share->pair_end; ++k) {
        if (rows_done[k] != share->row_begin) continue;
        rows_done[k] = share->row_end;
        const T* from = share->numbers.data() + (k - share->pair_begin) * pair_size();
        for (Index e = 0; e < pair_size(); ++e) totals[k * pair_size() + e] += from[e];
      }
    }
    for (Index done : rows_done) {
      if (data_.d > 0 && done != data_.n) throw std::logic_error("tasks of one matrix do not have the same rows");
    }
    return totals;
  }

  Index vector_size() const { return order_ < 3 ? 0 : data_.d; }
  Index pair_size() const { return HermiteSums<T>::size(data_.d, order_ - 3, 2); }

private:
  struct Share {
    Index pair_begin, pair_end, row_begin = 0, row_end = 0;
    std::vector<T> numbers;
  };

  ContractionData<T> data_;
  Directions<T> directions_;
  int order_;
  std::mutex lock_;
  std::vector<std::shared_ptr<Share>> shares_;
};

// M = scale * (M - l2 (v g' + g v') + l2 (l2 - 1) s g g' - t I), for rows begin ... end - 1.
template <class T>
struct Completion {
  Index d;
  T scale, l2;
  const T *v, *g;
  T t, s;

  void rows(Index begin, Index end, T* M) const {
    const T along_g = l2 * (l2 - 1) * s;
    for (Index i = begin; i < end; ++i) {
      T* row = M + i * d;
      const T gi = g[i], vi = v[i], diagonal = row[i] - t;
      const auto rank_two = [&](Index j) { return l2 * (vi * g[j] + gi * v[j]) - along_g * gi * g[j]; };
      const T at_diagonal = scale * (diagonal - rank_two(i));
      for (Index j = 0; j < d; ++j) row[j] = scale * (row[j] - rank_two(j));
      row[i] = at_diagonal;
    }
  }
};

// A contraction with all directions: weighted Gram matrices, and then what the sums beside them make of these.
template <class T>
class Contraction {
public:
  Contraction(const ContractionData<T>& data, int order, bool single_lane, T* out)
      : data_(data),
        order_(order),
        out_(out),
        beside_(data, order),
        weights_(beside_.weights()),
        grams_(gram_tasks(data.X, data.n, data.d, data.q * data.m, weights_, single_lane, out)) {}
  Contraction(const Contraction&) = delete;
  Contraction& operator=(const Contraction&) = delete;

  GramTasks<T>& grams() { return *grams_; }

  // Once the tasks of the Gram matrices have ended.
  void add_up() { sums_ = beside_.totals(); }
  // Then the tasks of the last region, of some 8 Ki numbers.
  Index tasks() const { return data_.q * data_.m * parts(); }
  double operations() const { return 8.0 * static_cast<double>(data_.q * data_.m * data_.d * data_.d); }
  void complete(Index task) {
    const Index d = data_.d, vectors = beside_.vector_size();
    const Index k = task / parts(), begin = task % parts() * task_rows();
    const T* sum = sums_.data() + k * beside_.pair_size();
    const std::vector<T> zeros(vectors > 0 ? 0 : d);
    const Completion<T> completion{d,
                                   T(1) / static_cast<T>(data_.n),
                                   static_cast<T>(order_ - 2),
                                   vectors > 0 ? sum : zeros.data(),
                                   data_.G + k % data_.m * d,
                                   sum[vectors],
                                   sum[vectors + 1]};
    completion.rows(begin, std::min(d, begin + task_rows()), out_ + k * d * d);
  }

private:
  Index task_rows() const { return std::max<Index>(1, (Index{1} << 13) / std::max<Index>(data_.d, 1)); }
  Index parts() const { return core::ceil_div(data_.d, task_rows()); }

  ContractionData<T> data_;
  int order_;
  T* out_;
  SumsBesideGrams<T> beside_;
  MakeWeights<T> weights_;
  std::unique_ptr<GramTasks<T>> grams_;
  std::vector<T> sums_;
};

// Sums of all pairs over all rows, see HermiteSums.
template <class T>
core::LaneSums<T> hermite_sums(const Execution& exec, const ContractionData<T>& data, int vector_order,
                               const int* orders, Index n_orders) {
  const Index d = data.d, pairs = data.q * data.m, block = skinny_block<T>(data);
  const Index size = pairs * HermiteSums<T>::size(d, vector_order, n_orders);
  int most = std::max(vector_order, 0);
  for (Index o = 0; o < n_orders; ++o) most = std::max(most, orders[o]);
  const double operations = 4.0 * static_cast<double>(data.n) * static_cast<double>((d + 1) * pairs);
  const Directions<T> directions(data);
  const Index lanes = core::many_row_lanes(core::ceil_div(data.n, block), size, static_cast<Index>(sizeof(T)));
  return core::sum_over_lanes<T>(exec, data.n, block, lanes, size, operations, [&] {
    return [&, sums = std::make_unique<HermiteSums<T>>(data, directions, 0, pairs, most, block)](Index first,
                                                                                                 Index rows, T* into) {
      core::Prefetch ahead(data.X + (first + rows) * d, rows * d, vector_order >= 0 ? 2 : 1);
      sums->load(first, rows, nullptr, ahead);
      sums->add(vector_order, orders, n_orders, into, nullptr, ahead);
    };
  });
}

}  // namespace

template <class T>
void contract(const Execution& exec, const ContractionData<T>& data, int order, T* out) {
  if (data.d * data.q * data.m == 0) return;
  Contraction<T> contraction(data, order, false, out);
  GramTasks<T>& grams = contraction.grams();
  exec.for_each(grams.tasks(), grams.operations(), [&](Index task) { grams.run(exec, task); });
  exec.for_each(grams.sum_tasks(), grams.sum_operations(), [&](Index task) { grams.add(task); });
  contraction.add_up();
  exec.for_each(contraction.tasks(), contraction.operations(), [&](Index task) { contraction.complete(task); });
}

template <class T>
void contract_batches(const Execution& exec, const std::vector<ContractionData<T>>& batches, int order, T* out) {
  const auto count = static_cast<Index>(batches.size());
  if (count == 0 || batches[0].d * batches[0].q * batches[0].m == 0) return;
  const Index size = batches[0].q * batches[0].m * batches[0].d * batches[0].d;
  std::vector<std::unique_ptr<Contraction<T>>> all(count);
  constexpr double plans = 1e5;  // operations that it takes to plan a batch
  exec.for_each(count, plans * static_cast<double>(count),
                [&](Index b) { all[b] = std::make_unique<Contraction<T>>(batches[b], order, true, out + b * size); });
  // Tasks of all batches, one batch after the other.
  std::vector<Index> first{0};
  double operations = 0, completing = 0;
  for (Index b = 0; b < count; ++b) {
    if (b > 0) all[b]->grams().share_memory(all[0]->grams());
    first.push_back(first.back() + all[b]->grams().tasks());
    operations += all[b]->grams().operations();
    completing += all[b]->operations();
  }
  exec.for_each(first.back(), operations, [&](Index task) {
    const Index b = std::upper_bound(first.begin(), first.end(), task) - first.begin() - 1;
    all[b]->grams().run(exec, task - first[b]);
  });
  const Index parts = all[0]->tasks();
  exec.for_each(count, completing, [&](Index b) { all[b]->add_up(); });
  exec.for_each(count * parts, completing, [&](Index task) { all[task / parts]->complete(task % parts); });
  // Their memory is given back in tasks as well.
  exec.for_each(count, plans * static_cast<double>(count), [&](Index b) { all[b].reset(); });
}

template <class T>
void contract_to_vector(const Execution& exec, const ContractionData<T>& data, int order, T* out) {
  const Index d = data.d;
  const int orders[] = {order - 2};
  const auto sums = hermite_sums(exec, data, order - 1, orders, 1);
  const T scale = T(1) / static_cast<T>(data.n);
  for (Index k = 0; k < data.q * data.m; ++k) {
    const T *v = sums.totals() + k * HermiteSums<T>::size(d, order - 1, 1), *g = data.G + k % data.m * d;
    const T along_g = static_cast<T>(order - 1) * v[d];
    for (Index i = 0; i < d; ++i) out[k * d + i] = scale * (v[i] - along_g * g[i]);
  }
}

template <class T>
void contract_to_scalar(const Execution& exec, const ContractionData<T>& data, const int* orders, Index n_orders,
                        T* out) {
  const auto sums = hermite_sums(exec, data, -1, orders, n_orders);
  for (Index e = 0; e < data.q * data.m * n_orders; ++e) out[e] = sums.totals()[e] / static_cast<T>(data.n);
}

#define LIMBECK_INSTANTIATE(T)                                                                       \
  template void contract(const Execution&, const ContractionData<T>&, int, T*);                      \
  template void contract_batches(const Execution&, const std::vector<ContractionData<T>>&, int, T*); \
  template void contract_to_vector(const Execution&, const ContractionData<T>&, int, T*);            \
  template void contract_to_scalar(const Execution&, const ContractionData<T>&, const int*, Index, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::moments
