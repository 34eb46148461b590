#include "kernels/gauss_newton/gate_pattern_grams.hpp"

#include <algorithm>

namespace limbeck::gauss_newton {

namespace {

// Row numbers sorted by group, with the start of each group.
struct Sorted {
  std::vector<Index> rows, start;

  Sorted(const GatePatternGrams::Group* group, Index n, Index groups) : rows(n), start(groups + 1, 0) {
    for (Index r = 0; r < n; ++r) ++start[group[r] + 1];
    for (Index g = 0; g < groups; ++g) start[g + 1] += start[g];
    std::vector<Index> next(start.begin(), start.end() - 1);
    for (Index r = 0; r < n; ++r) rows[next[group[r]]++] = r;
  }
};

}  // namespace

void GatePatternGrams::add(const Execution& exec, const double* X, Index rows, const Group* group, const double* w) {
  // With few groups the strips of a group are shared out as well, so that there are tasks for every thread. The number
  // of tasks must not depend on the number of threads: sixteen keep two, four or eight threads equally busy, and each
  // packs the rows of its group again.
  constexpr Index wanted_tasks = 16;
  const Sorted sorted(group, rows, groups_);
  const Index shares = std::min(layout_.strips, core::ceil_div(wanted_tasks, groups_));
  const double operations = static_cast<double>(rows) * (d_ + 1) * (d_ + 1);
  exec.for_each(groups_ * shares, operations, [&](Index task) {
    const Index g = task / shares, share = task % shares;
    if (sorted.start[g] == sorted.start[g + 1]) return;
    dense::Packed<double> packed = dense::packed_rows<double>(d_ + 1);
    dense::ScaledColumns<double> scaled(d_ + 1);
    std::vector<double> weights(dense::strip_rows);
    for (Index i = sorted.start[g]; i < sorted.start[g + 1]; i += dense::strip_rows) {
      const Index count = std::min(dense::strip_rows, sorted.start[g + 1] - i);
      const Index* index = sorted.rows.data() + i;
      for (Index r = 0; r < count; ++r) {
        packed.pack_across(X + index[r] * d_, d_, r);
        packed.at(d_, r) = 1;
      }
      for (Index r = 0; w && r < count; ++r) weights[r] = w[index[r]];
      scaled.reset();
      double* tiles = tiles_.data() + g * layout_.size();
      for (Index q = 0; q < layout_.strips; ++q) {
        // Strips shrink towards the end; dealing them out in turn balances the shares.
        if (q % shares == share) {
          dense::accumulate_strip(layout_, packed, scaled, count, w ? weights.data() : nullptr, q, tiles);
        }
        tiles += layout_.strip_size(q);
      }
    }
  });
}

void GatePatternGrams::sum_of(unsigned bits, double* out) const {
  std::vector<double> total(layout_.size(), 0.0);
  for (Index g = 0; g < groups_; ++g) {
    if ((static_cast<unsigned>(g) & bits) != bits) continue;
    const double* tiles = tiles_.data() + g * layout_.size();
    for (Index e = 0; e < layout_.size(); ++e) total[e] += tiles[e];
  }
  const double* tiles = total.data();
  for (Index q = 0; q < layout_.strips; ++q) {
    dense::scatter_strip(layout_, q, tiles, out);
    tiles += layout_.strip_size(q);
  }
}

}  // namespace limbeck::gauss_newton
