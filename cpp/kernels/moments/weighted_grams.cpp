#include "kernels/moments/weighted_grams.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/core/prefetch.hpp"
#include "kernels/core/row_sums.hpp"
#include "kernels/dense/narrow_syrk.hpp"
#include "kernels/dense/strip_syrk.hpp"
#include "kernels/moments/gram_plan.hpp"

namespace limbeck::moments {

namespace {

// 1 MiB, half of a second-level cache: the sums of a task, beside the packed rows, or half of them for wide matrices.
template <class T>
constexpr Index most_numbers = (Index{1} << 20) / static_cast<Index>(sizeof(T));

// Matrices of a task where these are small: their weights for a block of rows then take 4 MiB.
constexpr Index most_matrices = 2048;

// A block of rows for triangles of few columns: a sum is a register.
template <class T>
struct NarrowBlock {
  using Layout = dense::NarrowLayout<T>;
  static constexpr Index most_rows = dense::NarrowRows<T>::most_rows, numbers_per_sum = core::Simd<T>::width;
  dense::NarrowRows<T> rows;

  // Measured. A register is added up in the time of some ten.
  static GramCosts costs(const Layout& layout) {
    return {12.0 * numbers_per_sum, 12, most_numbers<T> / numbers_per_sum, most_matrices * layout.strips};
  }
  explicit NarrowBlock(const Layout& layout) : rows(layout.d) {}
  const dense::NarrowRows<T>* columns() const { return &rows; }
  void start_at(Index) {}
  void pack(const T* X, Index count, Index readable) { rows.pack(X, count, readable); }
  void accumulate(const T* w, Index strip, bool begin, T* sums, core::Prefetch& ahead) {
    rows.accumulate(w, strip, begin, sums, ahead);
  }
};

// A block of rows for triangles of many columns: a sum is a number. Only strips from `first` on are needed.
template <class T>
struct WideBlock {
  using Layout = dense::TriangleLayout<T>;
  static constexpr Index most_rows = dense::strip_rows, numbers_per_sum = 1;
  const Layout& layout;
  Index first_panel = 0, rows = 0;
  dense::Packed<T> packed;
  dense::ScaledColumns<T> scaled;

  // Measured. Rows come from main memory, or from a cache that is shared, and so do the other lanes' sums.
  static GramCosts costs(const Layout& layout) { return {28, 40, 2 * most_numbers<T>, most_matrices * layout.strips}; }
  explicit WideBlock(const Layout& of) : layout(of), packed(dense::packed_rows<T>(of.d)), scaled(of.d) {}
  const dense::NarrowRows<T>* columns() const { return nullptr; }
  void start_at(Index strip) { first_panel = layout.first_panel(strip); }
  void pack(const T* X, Index count, Index) {
    rows = count;
    for (Index r = 0; r < rows; ++r) packed.pack_across(X + r * layout.d, layout.d, r, first_panel);
    scaled.reset();
  }
  void accumulate(const T* w, Index strip, bool begin, T* sums, core::Prefetch& ahead) {
    if (begin) std::fill_n(sums, layout.strip_size(strip), T(0));
    dense::accumulate_strip(layout, packed, scaled, rows, w, strip, sums, &ahead);
  }
};

template <class T, template <class> class Block>
class Grams : public GramTasks<T> {
public:
  using Layout = typename Block<T>::Layout;

  Grams(const T* X, Index n, Index d, Index J, const MakeWeights<T>& weights, bool single_lane, T* out)
      : X_(X),
        n_(n),
        weights_(weights),
        layout_(d),
        plan_(plan(n, layout_, J, single_lane)),
        lane_sums_(plan_.lanes > 1 ? plan_.lanes * plan_.total() : 0, core::Unwritten{}),
        sum_cuts_(sum_cuts(plan_)),
        out_(out) {}

  Index tasks() const override { return plan_.tasks(); }
  double operations() const override { return 2.0 * static_cast<double>(n_) * static_cast<double>(plan_.total()); }
  void run(const Execution& exec, Index task) override { sum_rows(exec, task); }
  Index sum_tasks() const override { return static_cast<Index>(sum_cuts_.size()) - 1; }
  // An addition takes as long as some operations, because its numbers come from another thread's cache.
  double sum_operations() const override { return 4.0 * static_cast<double>(plan_.total() * plan_.lanes); }
  void add(Index task) override { add_lanes(sum_cuts_[task], sum_cuts_[task + 1]); }
  void share_memory(GramTasks<T>& with) override { memory_ = dynamic_cast<Grams&>(with).memory_; }

private:
  static GramPlan plan(Index n, const Layout& layout, Index J, bool single_lane) {
    std::vector<Index> sizes;
    sizes.reserve(J * layout.strips);
    for (Index j = 0; j < J; ++j) {
      for (Index q = 0; q < layout.strips; ++q) sizes.push_back(layout.strip_size(q));
    }
    return plan_grams(n, layout.d, sizes, static_cast<Index>(sizeof(T)), Block<T>::costs(layout), single_lane);
  }

  // Parts of some 64 Ki sums of all lanes, which take as many microseconds.
  static std::vector<Index> sum_cuts(const GramPlan& plan) {
    if (plan.lanes == 1) return {0};
    constexpr double part = Index{1} << 16;
    const double sums = static_cast<double>(plan.total() * plan.lanes);
    return cut_strips(plan.offsets, static_cast<Index>(std::clamp(sums / part, 1.0, 256.0)));
  }

  // What a task works in.
  struct Workspace {
    Block<T> block;
    Index matrices, n_sums;
    core::AlignedBuffer<T> weights, sums;

    Workspace(const Layout& layout, Index matrices_, Index n_sums_)
        : block(layout),
          matrices(matrices_),
          n_sums(n_sums_),
          weights(matrices * Block<T>::most_rows, core::Unwritten{}),
          sums(n_sums, core::Unwritten{}) {}
  };
  struct Memory {
    Layout layout;
    std::mutex lock;
    std::vector<std::unique_ptr<Workspace>> free;

    explicit Memory(const Layout& of) : layout(of) {}
  };

  // Tasks use the memory of tasks that have ended, which is cheaper than new memory from the system.
  std::unique_ptr<Workspace> take_workspace() {
    Index matrices = 0, sums = 0;
    for (Index g = 0; g < plan_.n_groups(); ++g) {
      const Index begin = plan_.groups[g], end = plan_.groups[g + 1];
      matrices = std::max(matrices, (end - 1) / layout_.strips + 1 - begin / layout_.strips);
      sums = std::max(sums, plan_.offsets[end] - plan_.offsets[begin]);
    }
    sums = in_place() ? 0 : sums * Block<T>::numbers_per_sum;
    {
      const std::lock_guard<std::mutex> hold(memory_->lock);
      if (!memory_->free.empty()) {
        std::unique_ptr<Workspace> workspace = std::move(memory_->free.back());
        memory_->free.pop_back();
        if (workspace->matrices >= matrices && workspace->n_sums >= sums) return workspace;
      }
    }
    return std::make_unique<Workspace>(memory_->layout, matrices, sums);
  }

  void return_workspace(std::unique_ptr<Workspace> workspace) {
    const std::lock_guard<std::mutex> hold(memory_->lock);
    memory_->free.push_back(std::move(workspace));
  }

  // Whether tasks add to their lane's sums themselves.
  bool in_place() const { return plan_.lanes > 1 && Block<T>::numbers_per_sum == 1; }

  // The sums of a lane's rows for a group of strips.
  void sum_rows(const Execution& exec, Index task) {
    const Index lane = task % plan_.lanes, group = task / plan_.lanes;
    const Index begin = plan_.groups[group], end = plan_.groups[group + 1];
    const Index first = plan_.offsets[begin], count = plan_.offsets[end] - first;
    std::unique_ptr<Workspace> workspace = take_workspace();
    T* totals = plan_.lanes > 1 ? lane_sums_.data() + lane * plan_.total() + first : workspace->sums.data();
    T* sums = in_place() ? totals : workspace->sums.data();
    if (n_ == 0) std::fill_n(sums, count * Block<T>::numbers_per_sum, T(0));
    add_blocks(exec, *workspace, lane, begin, end, sums);
    if constexpr (Block<T>::numbers_per_sum > 1) dense::sum_registers(sums, count, totals);
    if (plan_.lanes == 1) scatter(begin, end, totals);
    return_workspace(std::move(workspace));
  }

  void add_blocks(const Execution& exec, Workspace& workspace, Index lane, Index begin, Index end, T* sums) {
    constexpr Index stride = Block<T>::most_rows, width = core::Simd<T>::width;
    const Index d = layout_.d, strips = layout_.strips, j_begin = begin / strips, j_end = (end - 1) / strips + 1;
    workspace.block.start_at(j_end - j_begin == 1 ? begin % strips : 0);
    const FillWeights<T> fill = weights_(j_begin, j_end);
    T* w = workspace.weights.data();
    Index passes = 0;
    for (Index u = begin; u < end; ++u) passes += layout_.strip_passes(u % strips);
    const Index late = Block<T>::numbers_per_sum > 1 ? passes : core::ceil_div(passes, 4);
    // Lanes are equal but for some rows, and so are the blocks of a lane.
    const core::RowRange range = core::row_range(n_, width, plan_.lanes, lane);
    const Index blocks = core::ceil_div(range.end - range.begin, Block<T>::most_rows);
    for (Index b = 0; b < blocks && !exec.stopped(); ++b) {
      const core::RowRange part = core::row_range(range.end - range.begin, width, blocks, b);
      const Index i = range.begin + part.begin, rows = part.end - part.begin;
      workspace.block.pack(X_ + i * d, rows, (n_ - i) * d);
      fill(i, rows, workspace.block.columns(), w, stride);
      for (Index j = 0; j < j_end - j_begin; ++j) {
        std::fill(w + j * stride + rows, w + j * stride + core::round_up(rows, width), T(0));
      }
      // The next rows, beside the last passes over these.
      core::Prefetch ahead(X_ + (i + rows) * d, rows * d, late);
      ahead.after(passes - late);
      for (Index u = begin; u < end; ++u) {
        workspace.block.accumulate(w + (u / strips - j_begin) * stride, u % strips, b == 0,
                                   sums + (plan_.offsets[u] - plan_.offsets[begin]) * Block<T>::numbers_per_sum, ahead);
      }
    }
  }

  // Adds up the lanes' sums of some strips: each with its neighbour, then those sums in the same way.
  void add_lanes(Index begin, Index end) {
    constexpr Index run = 512;  // sums at a time: those of all lanes then fit a second-level cache
    const Index first = plan_.offsets[begin], last = plan_.offsets[end], lanes = plan_.lanes;
    for (Index e = first; e < last; e += run) {
      core::add_lanes(lane_sums_.data(), lanes, plan_.total(), e, std::min(last, e + run));
    }
    scatter(begin, end, lane_sums_.data() + first);
  }

  void scatter(Index begin, Index end, const T* sums) {
    for (Index u = begin; u < end; ++u) {
      const Index j = u / layout_.strips, strip = u % layout_.strips;
      dense::scatter_strip(layout_, strip, sums + (plan_.offsets[u] - plan_.offsets[begin]),
                           out_ + j * layout_.d * layout_.d);
    }
  }

  const T* X_;
  Index n_;
  const MakeWeights<T>& weights_;
  Layout layout_;
  GramPlan plan_;
  core::AlignedBuffer<T> lane_sums_;  // of one lane after the other
  std::vector<Index> sum_cuts_;
  T* out_;
  std::shared_ptr<Memory> memory_ = std::make_shared<Memory>(layout_);
};

}  // namespace

// Whether registers of several rows are faster: where tiles of several columns would compute too many numbers that
// nobody wants. The more columns there are, and the more numbers a register has, the farther away are the sums that
// fill a register each; the bound fits measurements with AVX-512 from 8 to 129 columns.
template <class T>
bool is_narrow(Index d) {
  const double wanted = static_cast<double>(dense::NarrowLayout<T>(d).size());
  const double computed = static_cast<double>(dense::TriangleLayout<T>(d).size());
  return computed > wanted * (1 + static_cast<double>(d + 4 * core::Simd<T>::width) / 512);
}

template <class T>
std::unique_ptr<GramTasks<T>> gram_tasks(const T* X, Index n, Index d, Index J, const MakeWeights<T>& weights,
                                         bool single_lane, T* out) {
  if (is_narrow<T>(d)) return std::make_unique<Grams<T, NarrowBlock>>(X, n, d, J, weights, single_lane, out);
  return std::make_unique<Grams<T, WideBlock>>(X, n, d, J, weights, single_lane, out);
}

template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, Index J, const MakeWeights<T>& weights,
                    T* out) {
  if (d == 0 || J == 0) return;
  const auto grams = gram_tasks(X, n, d, J, weights, false, out);
  exec.for_each(grams->tasks(), grams->operations(), [&](Index task) { grams->run(exec, task); });
  exec.for_each(grams->sum_tasks(), grams->sum_operations(), [&](Index task) { grams->add(task); });
}

template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, const T* W, Index J, T* out) {
  const MakeWeights<T> weights = [=](Index begin, Index end) -> FillWeights<T> {
    return [=](Index first, Index rows, const dense::NarrowRows<T>*, T* w, Index stride) {
      const T* from = W + first * J + begin;
      dense::columns_of_rows(from, J, rows, end - begin, W + n * J - from, w, stride);
    };
  };
  weighted_grams(exec, X, n, d, J, weights, out);
}

#define LIMBECK_INSTANTIATE(T)                                                                                       \
  template bool is_narrow<T>(Index);                                                                                 \
  template std::unique_ptr<GramTasks<T>> gram_tasks(const T*, Index, Index, Index, const MakeWeights<T>&, bool, T*); \
  template void weighted_grams(const Execution&, const T*, Index, Index, Index, const MakeWeights<T>&, T*);          \
  template void weighted_grams(const Execution&, const T*, Index, Index, const T*, Index, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::moments
