// Blocks of products of packed vectors: what the tasks of SYRK, GEMM and Cholesky have in common.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/core/execution.hpp"
#include "kernels/dense/packing.hpp"

namespace limbeck::dense {

// Packed vectors at a time: a bound on memory, however long the vectors are, and so few that those packed are still in
// the last-level cache when they are used.
constexpr Index chunk_bytes = Index{8} << 20;
// Numbers of each vector between two visits to a tile of the result: loads and stores of the tile do not count, and the
// operands of a block, 2 * 192 * 256 doubles, still fit a second-level cache of 1 MiB.
constexpr Index step_length = 256;
// Vectors on either side of the largest block of a task: a multiple of the widths of all tiles, so that blocks do not
// overlap; and so are its half and its quarter.
constexpr Index largest_block = 192, smallest_block = 48;
// Tasks for which blocks are made smaller and vectors are cut: one for each of 64 threads. For twice as many, blocks
// would be so small that one thread takes a twentieth longer.
constexpr Index enough_tasks = 64;
// Multiplications of a task: some 25 microseconds in single precision, long against the start of a task.
constexpr double least_products = 1.5e6;

struct Range {
  Index begin, end;
};

// Where a block of the result goes, and with which sign.
template <class T>
struct Destination {
  T* out;
  Index stride;
  T sign;
};

// One group of columns against the rows of a block, for `length` numbers from l on. Whole tiles: rows may reach beyond.
template <class T>
void add_column_group(const Packed<T>& a, TileColumns<T> right, Index l, Index length, Range groups,
                      const Destination<T>& to, Index c) {
  constexpr Index width = core::Simd<T>::width;
  for_tile_runs(groups.begin, groups.end, [&](auto vectors, Index g) {
    T* tile = to.out + c * to.stride + g * width;
    const T* left = a.group(g) + l * width;
    if (right.column_stride == 1) {
      add_tile<T, vectors>(length, left, a.stride(), {right.data, right.step, 1}, to.sign, tile, {width, to.stride});
    } else {
      add_tile<T, vectors>(length, left, a.stride(), {right.data, 1, right.column_stride}, to.sign, tile,
                           {width, to.stride});
    }
  });
}

// The share of a block of the result in `length` numbers from l on: columns_at(c) gives the place of those of the right
// operand.
template <class T, class ColumnsAt>
void add_step(const Packed<T>& a, const ColumnsAt& columns_at, Index l, Index length, Range rows, Range columns,
              bool triangle, const Destination<T>& to) {
  constexpr Index width = core::Simd<T>::width;
  const Index last_group = std::min(a.groups(), core::ceil_div(rows.end, width));
  for (Index c = columns.begin; c < columns.end; c += core::tile_columns) {
    const Index first_group = (triangle ? std::max(rows.begin, c) : rows.begin) / width;
    add_column_group(a, columns_at(c), l, length, {first_group, last_group}, to, c);
  }
}

struct Block {
  Index i, j;  // of rows and of columns
};

// Those of the lower triangle: the costly ones, off the diagonal, first.
inline std::vector<Block> blocks_of(Index rows, Index columns, Index block) {
  const Index row_blocks = core::ceil_div(rows, block), column_blocks = core::ceil_div(columns, block);
  std::vector<Block> blocks;
  for (Index i = row_blocks; i-- > 0;) {
    for (Index j = 0; j < std::min(i, column_blocks); ++j) blocks.push_back({i, j});
  }
  for (Index i = 0; i < std::min(row_blocks, column_blocks); ++i) blocks.push_back({i, i});
  return blocks;
}

// The largest block that makes tasks enough, or the smallest with work for a task.
inline Index block_size(Index rows, Index columns, Index length) {
  Index block = largest_block;
  for (const Index smaller : {largest_block / 2, largest_block / 3, smallest_block}) {
    const bool enough = static_cast<Index>(blocks_of(rows, columns, block).size()) >= enough_tasks;
    if (enough || static_cast<double>(smaller) * smaller * length < least_products) break;
    block = smaller;
  }
  return block;
}

template <class From, class To>
void pack_all(const Execution& exec, const VectorSet<From>& from, Index first, Index length, To* to) {
  // Numbers of a task; where those of many vectors stand side by side, a task reads them in one go.
  constexpr Index numbers = 1 << 14, run = 16, most_vectors = 1024, few_vectors = 128;
  const Index width = to->group_width, wanted = (from.stride == 1 ? most_vectors : few_vectors) / width;
  const Index groups = std::min(to->groups(), wanted), column_tasks = core::ceil_div(to->groups(), groups);
  const Index steps = core::round_up(std::max<Index>(numbers / (groups * width), 1), run);
  exec.for_each(column_tasks * core::ceil_div(length, steps), 4.0 * from.count * length, [&](Index task) {
    const Index g = task % column_tasks * groups, l = task / column_tasks * steps;
    to->pack(from, g, std::min(g + groups, to->groups()), first, std::min(steps, length - l), l);
  });
}

// How many numbers of each vector to pack at a time: equal parts.
template <class T>
Index chunk_length(Index vectors, Index length) {
  const Index fitting = chunk_bytes / static_cast<Index>(sizeof(T)) / std::max<Index>(vectors, 1);
  const Index most = std::max(step_length, fitting / step_length * step_length);
  const Index chunks = core::ceil_div(length, most);
  return std::min(length, core::round_up(core::ceil_div(length, std::max<Index>(chunks, 1)), step_length));
}

// Sums over parts of the vectors, to be added up in order.
template <class T>
class PartialSums {
public:
  static constexpr Index budget_bytes = Index{64} << 20;
  static Index most(Index rows, Index columns) {
    return std::max<Index>(1, budget_bytes / static_cast<Index>(sizeof(T)) / std::max<Index>(1, rows * columns));
  }

  static double bytes(Index parts, Index rows, Index columns) {
    return parts > 1 ? static_cast<double>(parts) * TiledMatrix<T>::bytes(rows, columns) : 0;
  }

  // None, unless there are several parts.
  PartialSums(Index parts, Index rows, Index columns)
      : parts_(parts),
        rows_(rows),
        columns_(columns),
        stride_(TiledMatrix<T>::padded(rows)),
        size_(stride_ * (columns + core::tile_columns)),
        sums_(parts > 1 ? parts * size_ : 0, core::Unwritten()) {}

  // Part k, zero.
  Destination<T> make(Index k) {
    std::fill_n(sums_.data() + k * size_, size_, T(0));
    return at(k);
  }
  Destination<T> at(Index k) { return {sums_.data() + k * size_, stride_, T(1)}; }

  // Adds all to the result, or to its lower triangle, columns in tasks; the long ones first.
  void add_to(const Execution& exec, bool triangle, const Destination<T>& to) {
    const Index at_once = std::max<Index>(1, columns_ / 256);
    exec.for_each(core::ceil_div(columns_, at_once), 2.0 * rows_ * columns_ * parts_, [&](Index task) {
      for (Index c = task * at_once; c < std::min(columns_, (task + 1) * at_once); ++c) {
        const Index first = triangle ? c : 0;
        T* total = sums_.data() + c * stride_;
        for (Index k = 1; k < parts_; ++k) {
          const T* part = total + k * size_;
          for (Index i = first; i < rows_; ++i) total[i] += part[i];
        }
        for (Index i = first; i < rows_; ++i) to.out[c * to.stride + i] += to.sign * total[i];
      }
    });
  }

private:
  Index parts_, rows_, columns_, stride_, size_;
  core::AlignedBuffer<T> sums_;
};

}  // namespace limbeck::dense
