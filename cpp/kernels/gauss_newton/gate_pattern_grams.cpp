#include "kernels/gauss_newton/gate_pattern_grams.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "kernels/core/prefetch.hpp"

namespace limbeck::gauss_newton {

namespace {

constexpr Index most_tasks = 256;  // of a chunk: some for each thread of a large machine

// Work of one row, in multiplications: those of its Gram, and what takes as long as 512 whatever the columns.
Index work_of_row(Index d) { return (d + 1) * (d + 1) + 512; }

// Tasks of a chunk of rows: each takes some 50 microseconds at least.
Index tasks_of(Index rows, Index d) {
  constexpr Index least_work = Index{1} << 22;
  return std::clamp<Index>(rows * work_of_row(d) / least_work, 1, most_tasks);
}

// Rows that are sorted at a time: enough for all tasks, and never so many that their numbers take more than 2 MiB.
Index chunk_rows(Index d) {
  constexpr Index work = Index{1} << 32, fewest = Index{1} << 16, most = Index{1} << 20;
  return std::clamp<Index>(work / work_of_row(d), fewest, most);
}

// Asks for the lines of a row that is read soon.
void fetch(const double* row, Index d) {
  constexpr Index line = core::Prefetch::line_bytes / static_cast<Index>(sizeof(double));
  for (Index j = 0; j < d; j += line) __builtin_prefetch(row + j, 0, 2);
}

}  // namespace

GatePatternGrams::Shape::Shape(Index d)
    : ones_apart(d > 0 && dense::TriangleLayout<double>(d).panels < dense::TriangleLayout<double>(d + 1).panels),
      layout(ones_apart ? d : d + 1),
      sums(layout.size()),
      size(sums + (ones_apart ? (layout.panels + 1) * core::Simd<double>::width : 0)) {}

struct GatePatternGrams::SortedChunk {
  Index groups, first, rows, block_rows, blocks;
  std::unique_ptr<std::uint16_t[]> row_in_block;  // (rows), sorted by group within a block
  std::unique_ptr<std::uint32_t[]> start;         // (blocks, groups + 1): where a block's groups begin
  std::vector<Index> group_start;                 // (groups + 1), among all sorted rows

  SortedChunk(Index groups_, Index most_rows)
      : groups(groups_),
        row_in_block(new std::uint16_t[most_rows]),
        start(new std::uint32_t[most_tasks * (groups_ + 1)]),
        group_start(groups_ + 1) {}
  std::uint32_t* starts(Index block) { return start.get() + block * (groups + 1); }
  const std::uint32_t* starts(Index block) const { return start.get() + block * (groups + 1); }
  Index range_begin(Index range, Index ranges) const { return rows * range / ranges; }
  // The group of sorted row `row`.
  Index group_of(Index row) const {
    return std::upper_bound(group_start.begin(), group_start.end(), row) - group_start.begin() - 1;
  }
};

// Up to strip_rows rows of one group.
struct GatePatternGrams::Strip {
  Index group = 0, count = 0;
  Index rows[dense::strip_rows];
};

// Sorted rows [begin, end) of a chunk, strip by strip.
class GatePatternGrams::StripReader {
public:
  StripReader(const SortedChunk& chunk, Index begin, Index end) : chunk_(chunk), left_(end - begin) {
    if (left_ == 0) return;
    group_ = chunk.group_of(begin);
    Index skipped = begin - chunk.group_start[group_];
    for (; skipped >= in_run(); ++block_) skipped -= in_run();
    at_ = skipped;
  }

  // Strips without rows follow the last one.
  void read(Strip* strip) {
    strip->count = 0;
    while (left_ > 0 && strip->count < dense::strip_rows) {
      const Index rows = std::min({in_run() - at_, left_, dense::strip_rows - strip->count});
      const std::uint16_t* row = chunk_.row_in_block.get() + block_ * chunk_.block_rows + run_begin() + at_;
      const Index first = chunk_.first + block_ * chunk_.block_rows;
      for (Index r = 0; r < rows; ++r) strip->rows[strip->count + r] = first + row[r];
      strip->count += rows;
      strip->group = group_;
      at_ += rows;
      left_ -= rows;
      if (at_ < in_run() || left_ == 0) continue;
      at_ = 0;
      if (++block_ < chunk_.blocks) continue;
      block_ = 0;
      do ++group_;
      while (chunk_.group_start[group_ + 1] == chunk_.group_start[group_]);
      if (strip->count > 0) return;
    }
  }

private:
  Index run_begin() const { return chunk_.starts(block_)[group_]; }
  Index in_run() const { return chunk_.starts(block_)[group_ + 1] - run_begin(); }

  const SortedChunk& chunk_;
  Index left_, group_ = 0, block_ = 0, at_ = 0;
};

GatePatternGrams::GatePatternGrams(Index d, Index n) : d_(d), shape_(d) {
  constexpr Index budget_bytes = Index{24} << 20;  // for what ranges keep apart
  const auto& layout = shape_.layout;
  const Index tasks = tasks_of(std::min(n, chunk_rows(d)), d);
  ranges_ = std::clamp<Index>(budget_bytes / bytes_per_group(d), 1, tasks);
  shares_ = std::min(layout.strips, core::ceil_div(tasks, ranges_));
  ranges_ = std::max<Index>(1, tasks / shares_);  // no more tasks than were wanted: a power of two is dealt out evenly
  Index tiles = 0;
  for (Index q = 0; q < layout.strips; ++q) {
    tiles_begin_.push_back(tiles);
    // Strips shrink towards the end: shares are equal in tiles.
    while (static_cast<Index>(strip_begin_.size()) * shape_.sums <= tiles * shares_) strip_begin_.push_back(q);
    tiles += layout.strip_size(q);
  }
  strip_begin_.resize(shares_ + 1, layout.strips);
  strip_begin_.back() = layout.strips;
}

void GatePatternGrams::begin(const Execution& exec, Index groups) {
  groups_ = groups;
  const auto old_sums = static_cast<Index>(sums_.size()), old_parts = static_cast<Index>(part_of_.size());
  for (Index g = old_sums; g < groups; ++g) sums_.emplace_back(0);
  for (Index r = old_parts; r < ranges_; ++r) part_of_.emplace_back(0);
  // Memory is touched first by the tasks that make it zero. What ranges keep apart is zero between uses.
  const Index buffers = groups + (ranges_ - old_parts);
  exec.for_each(buffers, static_cast<double>(4 * buffers * shape_.size), [&](Index b) {
    if (b < std::min(groups, old_sums)) {
      std::fill_n(sums_[b].data(), shape_.size, 0.0);
    } else {
      (b < groups ? sums_[b] : part_of_[old_parts + b - groups]) = core::AlignedBuffer<double>(shape_.size);
    }
  });
}

void GatePatternGrams::add(const Execution& exec, const double* X, Index n, const double* w, const FillGroups& fill) {
  const Index most = std::min(n, chunk_rows(d_));
  SortedChunk chunk(groups_, most);
  for (Index first = 0; first < n; first += most) {
    chunk.rows = std::min(most, n - first);
    sort_chunk(exec, first, fill, &chunk);
    exec.for_each(ranges_ * shares_, static_cast<double>(chunk.rows * work_of_row(d_)),
                  [&](Index task) { add_range(X, w, chunk, task / shares_, task % shares_); });
    add_parts(exec, chunk);
  }
}

void GatePatternGrams::sort_chunk(const Execution& exec, Index first, const FillGroups& fill,
                                  SortedChunk* chunk) const {
  // Runs of a block's rows of one group should not be much shorter than a few rows; 16 bits number a block's rows.
  constexpr Index fewest = 256, most = 4096, rows_per_group = 4;
  chunk->first = first;
  chunk->block_rows =
      std::clamp(core::ceil_div(chunk->rows, most_tasks), std::clamp(rows_per_group * groups_, fewest, most), most);
  chunk->blocks = core::ceil_div(chunk->rows, chunk->block_rows);
  exec.for_each(chunk->blocks, static_cast<double>(chunk->rows * (4 * d_ + 64)), [&](Index block) {
    const Index begin = block * chunk->block_rows, rows = std::min(chunk->block_rows, chunk->rows - begin);
    std::vector<Group> group(rows);
    fill(first + begin, rows, group.data());
    std::uint32_t* start = chunk->starts(block);
    std::fill_n(start, groups_ + 1, 0u);
    for (Index r = 0; r < rows; ++r) ++start[group[r] + 1];
    for (Index g = 0; g < groups_; ++g) start[g + 1] += start[g];
    std::vector<std::uint32_t> next(start, start + groups_);
    for (Index r = 0; r < rows; ++r) {
      chunk->row_in_block[begin + next[group[r]]++] = static_cast<std::uint16_t>(r);
    }
  });
  std::fill(chunk->group_start.begin(), chunk->group_start.end(), 0);
  for (Index b = 0; b < chunk->blocks; ++b) {
    const std::uint32_t* start = chunk->starts(b);
    for (Index g = 0; g <= groups_; ++g) chunk->group_start[g] += start[g];
  }
}

void GatePatternGrams::add_range(const double* X, const double* w, const SortedChunk& chunk, Index range, Index share) {
  const Index begin = chunk.range_begin(range, ranges_), end = chunk.range_begin(range + 1, ranges_);
  StripReader reader(chunk, begin, end);
  Strip strips[2];
  dense::Packed<double> packed = dense::packed_rows<double>(shape_.layout.d);
  dense::ScaledColumns<double> scaled(shape_.layout.d);
  reader.read(&strips[0]);
  for (int now = 0; strips[now].count > 0; now = 1 - now) {
    reader.read(&strips[1 - now]);
    const Index g = strips[now].group;
    double* to = (chunk.group_start[g] < begin ? part_of_[range] : sums_[g]).data();
    add_strip(X, w, strips[now], strips[1 - now], share, &packed, &scaled, to);
  }
}

void GatePatternGrams::add_strip(const double* X, const double* w, const Strip& strip, const Strip& next, Index share,
                                 dense::Packed<double>* packed, dense::ScaledColumns<double>* scaled,
                                 double* to) const {
  const auto& layout = shape_.layout;
  const Index first = strip_begin_[share], end = strip_begin_[share + 1], count = strip.count;
  if (first == end) return;
  for (Index r = 0; r < count; ++r) {
    packed->pack_across(X + strip.rows[r] * d_, d_, r, layout.first_panel(first));
    if (!shape_.ones_apart) packed->at(d_, r) = 1;
  }
  double weights[dense::strip_rows];
  for (Index r = 0; w && r < count; ++r) weights[r] = w[strip.rows[r]];
  scaled->reset();
  // The next rows are fetched beside the arithmetic, some with each strip.
  Index fetched = 0;
  const Index at_once = core::ceil_div(next.count, end - first);
  for (Index q = first; q < end; ++q) {
    for (Index last = std::min(next.count, fetched + at_once); fetched < last; ++fetched) {
      fetch(X + next.rows[fetched] * d_, d_);
    }
    dense::accumulate_strip(layout, *packed, *scaled, count, w ? weights : nullptr, q, to + tiles_begin_[q]);
  }
  if (shape_.ones_apart && share == 0) add_ones(*packed, count, w ? weights : nullptr, to + shape_.sums);
}

void GatePatternGrams::add_ones(const dense::Packed<double>& packed, Index rows, const double* w, double* to) const {
  using S = core::Simd<double>;
  constexpr Index chains = 4;  // so that no addition waits for the one before
  for (Index p = 0; p < shape_.layout.panels; ++p) {
    const double* from = packed.group(p);
    S::Vector sums[chains] = {};
    const auto term = [&](Index r) { return w ? S::load(from + r * S::width) * w[r] : S::load(from + r * S::width); };
    Index r = 0;
    for (; r + chains <= rows; r += chains) {
#pragma GCC unroll 4
      for (Index c = 0; c < chains; ++c) sums[c] += term(r + c);
    }
    for (; r < rows; ++r) sums[0] += term(r);
    double* at = to + p * S::width;
    S::store(at, S::load(at) + ((sums[0] + sums[1]) + (sums[2] + sums[3])));
  }
  to[shape_.layout.panels * S::width] += w ? std::accumulate(w, w + rows, 0.0) : static_cast<double>(rows);
}

void GatePatternGrams::add_parts(const Execution& exec, const SortedChunk& chunk) {
  constexpr Index at_once = 64;
  exec.for_each(core::ceil_div(shape_.size, at_once), static_cast<double>(8 * ranges_ * shape_.size), [&](Index part) {
    const Index begin = part * at_once, end = std::min(shape_.size, begin + at_once);
    for (Index range = 1; range < ranges_; ++range) {
      const Index row = chunk.range_begin(range, ranges_);
      if (row == chunk.range_begin(range + 1, ranges_)) continue;
      const Index g = chunk.group_of(row);
      if (chunk.group_start[g] == row) continue;
      double *to = sums_[g].data(), *from = part_of_[range].data();
      for (Index e = begin; e < end; ++e) to[e] += std::exchange(from[e], 0.0);
    }
  });
}

void GatePatternGrams::sum_supersets(const Execution& exec) {
  constexpr Index fewest = 64, numbers = 16384;  // of all groups together: they stay in the second-level cache
  const Index at_once = std::max(fewest, numbers / groups_);
  exec.for_each(core::ceil_div(shape_.size, at_once), static_cast<double>(8 * groups_ * shape_.size), [&](Index part) {
    const Index begin = part * at_once, end = std::min(shape_.size, begin + at_once);
    for (Index bit = 1; bit < groups_; bit *= 2) {
      for (Index g = 0; g < groups_; ++g) {
        if (g & bit) continue;
        double* to = sums_[g].data();
        const double* from = sums_[g | bit].data();
        for (Index e = begin; e < end; ++e) to[e] += from[e];
      }
    }
  });
}

double GatePatternGrams::weight(Index group) const {
  constexpr Index width = core::Simd<double>::width;
  const auto& layout = shape_.layout;
  const double* sums = sums_[group].data();
  if (shape_.ones_apart) return sums[shape_.sums + layout.panels * width];
  // The last entry of the diagonal.
  const Index q = d_ / core::tile_columns, c = d_ % core::tile_columns, t = d_ / width - layout.first_panel(q);
  return sums[tiles_begin_[q] + (t * core::tile_columns + c) * width + d_ % width];
}

}  // namespace limbeck::gauss_newton
