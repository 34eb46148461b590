#include "kernels/moments/weighted_grams.hpp"

#include <algorithm>
#include <vector>

#include "kernels/core/prefetch.hpp"
#include "kernels/core/row_sums.hpp"
#include "kernels/dense/strip_syrk.hpp"

namespace limbeck::moments {

namespace {

// How the work on all strips of all J matrices is split: lanes over rows, slabs over (matrix, strip) units so that the
// lanes' accumulators stay within a fixed budget whatever d and J are.
struct Unit {
  Index j, strip, offset;  // offset of its tiles within a lane's accumulator
};

template <class T>
struct Plan {
  // Sums of all lanes stay within 24 MiB, with lanes for eight threads however large the matrices are: larger ones are
  // cut into slabs, each of which reads X again. A lane has at least eight blocks, so that its start does not count.
  static constexpr Index budget_bytes = Index{24} << 20, most_lanes = 64, least_lanes = 8, blocks_per_lane = 8;
  std::vector<std::vector<Unit>> slabs;
  std::vector<Index> slab_sizes;
  Index lanes;

  Plan(const dense::TriangleLayout<T>& layout, Index n, Index J) {
    const Index blocks = core::ceil_div(n, dense::strip_rows);
    const Index budget = budget_bytes / static_cast<Index>(sizeof(T));
    const Index total = std::max<Index>(1, J * layout.size());
    lanes = std::clamp(budget / total, least_lanes, most_lanes);
    lanes = std::clamp(blocks / blocks_per_lane, Index{1}, lanes);
    Index size = 0;
    slabs.emplace_back();
    for (Index j = 0; j < J; ++j) {
      for (Index q = 0; q < layout.strips; ++q) {
        if (size > 0 && (size + layout.strip_size(q)) * lanes > budget) {
          slab_sizes.push_back(size);
          slabs.emplace_back();
          size = 0;
        }
        slabs.back().push_back({j, q, size});
        size += layout.strip_size(q);
      }
    }
    slab_sizes.push_back(size);
  }
};

}  // namespace

template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, Index J, const MakeWeights<T>& weights,
                    T* out) {
  const dense::TriangleLayout<T> layout(d);
  const Plan<T> plan(layout, n, J);
  const double operations = static_cast<double>(n) * d * d * J;
  for (std::size_t s = 0; s < plan.slabs.size(); ++s) {
    const auto& units = plan.slabs[s];
    const Index size = plan.slab_sizes[s];
    core::AlignedBuffer<T> sums(plan.lanes * size);
    const Index j_begin = units.empty() ? 0 : units.front().j, j_end = units.empty() ? 0 : units.back().j + 1;
    Index from = layout.panels;
    for (const Unit& u : units) from = std::min(from, layout.first_panel(u.strip));
    exec.for_each(plan.lanes, operations / plan.slabs.size(), [&](Index lane) {
      dense::Packed<T> packed = dense::packed_rows<T>(d);
      dense::ScaledColumns<T> scaled(d);
      const FillWeights<T> fill = weights(j_begin, j_end);
      std::vector<T> w((j_end - j_begin) * dense::strip_rows);
      const core::RowRange range = core::row_range(n, dense::strip_rows, plan.lanes, lane);
      for (Index i = range.begin; i < range.end && !exec.stopped(); i += dense::strip_rows) {
        const Index rows = std::min(dense::strip_rows, range.end - i);
        for (Index r = 0; r < rows; ++r) packed.pack_across(X + (i + r) * d, d, r, from);
        fill(i, rows, w.data(), dense::strip_rows);
        scaled.reset();
        core::Prefetch ahead(X + (i + rows) * d, rows * d, static_cast<Index>(units.size()));
        const Index share = ahead.share(rows * d * static_cast<Index>(sizeof(T)) / core::Prefetch::line_bytes + 1);
        for (const Unit& u : units) {
          ahead.lines(share);
          dense::accumulate_strip(layout, packed, scaled, rows, w.data() + (u.j - j_begin) * dense::strip_rows, u.strip,
                                  sums.data() + lane * size + u.offset);
        }
      }
    });
    const auto n_units = static_cast<Index>(units.size());
    exec.for_each(n_units, static_cast<double>(size) * plan.lanes, [&](Index k) {
      const Unit& u = units[k];
      T* total = sums.data() + u.offset;
      for (Index lane = 1; lane < plan.lanes; ++lane) {
        const T* part = sums.data() + lane * size + u.offset;
        for (Index e = 0; e < layout.strip_size(u.strip); ++e) total[e] += part[e];
      }
      dense::scatter_strip(layout, u.strip, total, out + u.j * d * d);
    });
  }
}

template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, const T* W, Index J, T* out) {
  const MakeWeights<T> weights = [=](Index begin, Index end) -> FillWeights<T> {
    return [=](Index first, Index rows, T* w, Index stride) {
      for (Index r = 0; r < rows; ++r) {
        for (Index j = begin; j < end; ++j) w[(j - begin) * stride + r] = W[(first + r) * J + j];
      }
    };
  };
  weighted_grams(exec, X, n, d, J, weights, out);
}

#define LIMBECK_INSTANTIATE(T)                                                                              \
  template void weighted_grams(const Execution&, const T*, Index, Index, Index, const MakeWeights<T>&, T*); \
  template void weighted_grams(const Execution&, const T*, Index, Index, const T*, Index, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::moments
