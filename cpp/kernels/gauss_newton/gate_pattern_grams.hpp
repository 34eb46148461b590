// Gram matrices of groups of rows: one pass over the rows, whatever the number of groups.
//
// The normal equations of a sum of k ReLUs need X' diag(1_i 1_j) X for all pairs of gates: about k^2 / 2 masked Grams.
// Rows with the same pattern of open gates can be summed first: each row then enters one Gram only, and the masked
// Grams are sums of the Grams of patterns.
//
// Rows are sorted by group, a long chunk at a time, and the sorted rows are cut into equal ranges, whatever the sizes
// of the groups. A group belongs to the range in which it begins; a range that begins inside a group keeps that group's
// sums apart, and these are added in the order of the ranges.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/execution.hpp"
#include "kernels/dense/strip_syrk.hpp"

namespace limbeck::gauss_newton {

class GatePatternGrams {
public:
  using Group = std::uint16_t;
  // Writes the groups of `rows` rows from `first` on.
  using FillGroups = std::function<void(Index first, Index rows, Group* groups)>;

  // For Grams of [x, 1], (d + 1) x (d + 1), of groups of n rows. There are no groups before begin().
  GatePatternGrams(Index d, Index n);

  // Zero Grams for `groups` (a power of two) groups. Memory of earlier ones serves again.
  void begin(const Execution& exec, Index groups);

  // Memory for the Grams of one group, in bytes.
  static Index bytes_per_group(Index d) { return Shape(d).size * static_cast<Index>(sizeof(double)); }

  // Adds X (n, d), row r with weight w[r] (null: one). `fill` is called in tasks.
  void add(const Execution& exec, const double* X, Index n, const double* w, const FillGroups& fill);

  // Makes the Gram of each group that of all groups whose number has every bit of its own number set. Nothing can be
  // added any more.
  void sum_supersets(const Execution& exec);

  // Calls put(row, column, value) for the entries of part `part` of the lower triangle of the Gram of `group`.
  template <class Put>
  void for_entries(Index group, Index part, const Put& put) const;
  Index parts() const { return square_parts() + (shape_.ones_apart ? 1 : 0); }

  // Sum of the weights of the rows of a group.
  double weight(Index group) const;

private:
  // The sums of a group: tiles of the Gram of [x, 1]. Where the ones would take tiles of their own, tiles of the Gram
  // of x, and after them the sums of x and the sum of weights.
  struct Shape {
    bool ones_apart;
    dense::TriangleLayout<double> layout;
    Index sums, size;  // where the sums of x begin; all numbers

    explicit Shape(Index d);
  };
  // Rows of a chunk, sorted by group within each of its blocks.
  struct SortedChunk;
  class StripReader;
  struct Strip;

  // Parts of the tiles: squares of this many rows and columns, so that what is written stays together in memory, in
  // rows as in columns. A whole number of tiles of every instruction set.
  static constexpr Index part_columns = 64;
  Index square_parts() const {
    const Index squares = core::ceil_div(shape_.layout.d, part_columns);
    return squares * (squares + 1) / 2;
  }

  void sort_chunk(const Execution& exec, Index first, const FillGroups& fill, SortedChunk* chunk) const;
  void add_range(const double* X, const double* w, const SortedChunk& chunk, Index range, Index share);
  void add_strip(const double* X, const double* w, const Strip& strip, const Strip& next, Index share,
                 dense::Packed<double>* packed, dense::ScaledColumns<double>* scaled, double* to) const;
  void add_ones(const dense::Packed<double>& packed, Index rows, const double* w, double* to) const;
  void add_parts(const Execution& exec, const SortedChunk& chunk);

  Index d_, groups_ = 0, ranges_, shares_;
  Shape shape_;
  std::vector<Index> strip_begin_;                    // of each share of strips
  std::vector<Index> tiles_begin_;                    // of each strip
  std::vector<core::AlignedBuffer<double>> sums_;     // by group
  std::vector<core::AlignedBuffer<double>> part_of_;  // by range: of the group that began in an earlier one
};

template <class Put>
void GatePatternGrams::for_entries(Index group, Index part, const Put& put) const {
  constexpr Index width = core::Simd<double>::width;
  const double* sums = sums_[group].data();
  const auto& layout = shape_.layout;
  if (part == square_parts()) {
    for (Index j = 0; j <= d_; ++j) put(d_, j, j < d_ ? sums[shape_.sums + j] : weight(group));
    return;
  }
  Index square_row = 0, square_column = part;
  while (square_column > square_row) square_column -= ++square_row;
  const Index first_row = square_row * part_columns, end_row = std::min(layout.d, first_row + part_columns);
  const Index first_strip = square_column * part_columns / core::tile_columns,
              end_strip = std::min(layout.strips, first_strip + part_columns / core::tile_columns);
  for (Index q = first_strip; q < end_strip; ++q) {
    const Index first_tile = layout.first_panel(q), column = q * core::tile_columns;
    for (Index row = std::max(first_row, first_tile * width); row < end_row; ++row) {
      const Index tile = row / width - first_tile;
      const double* numbers = sums + tiles_begin_[q] + tile * core::tile_columns * width + row % width;
      for (Index c = 0; c < core::tile_columns && column + c <= row; ++c) put(row, column + c, numbers[c * width]);
    }
  }
}

}  // namespace limbeck::gauss_newton
