#include "kernels/dense/gemm_syrk.hpp"

#include <algorithm>
#include <optional>
#include <type_traits>
#include <vector>

#include "kernels/core/prefetch.hpp"
#include "kernels/dense/packing.hpp"

namespace limbeck::dense {

namespace {

// Packed vectors at a time: a bound on memory, however long the vectors are.
constexpr Index chunk_bytes = Index{16} << 20;
// Numbers of each vector between two visits to a tile of the result: loads and stores of the tile do not count, and the
// operands of a task's tile, 2 * 192 * 256 doubles, still fit a second-level cache of 1 MiB.
constexpr Index step_length = 256;
// Vectors on either side of a task's tile: a multiple of the widths of all tiles, so that tiles do not overlap.
constexpr Index block = 192;

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

template <class From, class To>
void pack_all(const Execution& exec, const VectorSet<From>& from, Index first, Index length, To* to) {
  constexpr Index groups_per_task = 8;  // 64 vectors of doubles: long against the start of a task
  const Index tasks = core::ceil_div(to->groups(), groups_per_task);
  exec.for_each(tasks, 4.0 * from.count * length, [&](Index task) {
    to->pack(from, task * groups_per_task, std::min((task + 1) * groups_per_task, to->groups()), first, length);
  });
}

// How many numbers of each vector to pack at a time.
template <class T>
Index chunk_length(Index vectors, Index length) {
  const Index fitting = chunk_bytes / static_cast<Index>(sizeof(T)) / std::max<Index>(vectors, 1);
  return std::min(length, std::max(step_length, fitting / step_length * step_length));
}

// How many stretches to cut the vectors into, 1 where tiles of the result make tasks enough. A stretch is long against
// the adding up of its sums, and all sums together take little memory.
template <class T>
Index long_stretches(Index vectors, Index length) {
  // Few: whole tiles of the result would make at most three tasks.
  constexpr Index least = 4096, most = 64, few = 2 * block, budget_bytes = Index{16} << 20, whole = 4;
  if (vectors > few || length < 2 * least) return 1;
  const Index fitting = budget_bytes / (vectors * vectors * static_cast<Index>(sizeof(T)));
  const Index stretches = std::min({length / least, most, fitting});
  return stretches < whole ? stretches : stretches / whole * whole;  // so that two or four threads end together
}

// Inner products of all pairs over numbers [begin, end) of the vectors, packed a few numbers at a time.
template <class From, class T>
void add_stretch(const Execution& exec, const VectorSet<From>& vectors, Range stretch, Index columns,
                 const Destination<T>& to) {
  // Packed steps stay in the second-level cache, beside the tiles of the result.
  constexpr Index width = core::Simd<T>::width, packed_bytes = 256 << 10, least_steps = 64;
  constexpr bool one_packing = width % core::tile_columns == 0;
  const Index m = vectors.count, groups = core::ceil_div(m, width);
  const Index fitting = packed_bytes / (m * static_cast<Index>(sizeof(T))) / least_steps * least_steps;
  const Index steps = std::clamp(fitting, least_steps, step_length);
  VectorSet<From> some = vectors;
  some.count = columns;
  Packed<T> a(m, steps);
  Packed<T, core::tile_columns> b(one_packing ? 0 : columns, steps);
  for (Index l = stretch.begin; l < stretch.end && !exec.stopped(); l += steps) {
    const Index length = std::min(steps, stretch.end - l);
    a.pack(vectors, 0, a.groups(), l, length);
    if (!one_packing) b.pack(some, 0, b.groups(), l, length);
    // What comes next, if it stands together: a row of many vectors' numbers after the other.
    core::Prefetch ahead;
    const Index next = std::min(steps, stretch.end - l - length);
    if (vectors.stride == 1) ahead = core::Prefetch(vectors.data + (l + length) * vectors.step, next * vectors.step, 1);
    const Index lines = next * vectors.step * static_cast<Index>(sizeof(From)) / core::Prefetch::line_bytes + 1;
    for (Index c = 0; c < columns; c += core::tile_columns) {
      ahead.lines(lines * core::tile_columns / columns + 1);
      add_column_group(a, one_packing ? a.columns(c, 0) : b.columns(c, 0), 0, length, {c / width, groups}, to, c);
    }
  }
}

template <class From, class T>
void add_long_inner_products(const Execution& exec, const VectorSet<From>& vectors, Index stretches, Index columns,
                             const Destination<T>& to) {
  const Index m = vectors.count, length = vectors.length;
  std::vector<std::optional<TiledMatrix<T>>> parts(stretches);
  exec.for_each(stretches, static_cast<double>(m) * columns * length, [&](Index k) {
    TiledMatrix<T>& part = parts[k].emplace(m, columns);
    const Range stretch{k * length / stretches, (k + 1) * length / stretches};
    add_stretch(exec, vectors, stretch, columns, Destination<T>{part.at(0, 0), part.stride(), T(1)});
  });
  exec.for_each(columns, static_cast<double>(m) * columns * stretches, [&](Index c) {
    T* total = parts[0]->at(0, c);
    for (Index k = 1; k < stretches; ++k) {
      const T* part = parts[k]->at(0, c);
      for (Index i = c; i < m; ++i) total[i] += part[i];
    }
    for (Index i = c; i < m; ++i) to.out[c * to.stride + i] += to.sign * total[i];
  });
}

}  // namespace

template <class From, class T>
void syrk_lower(const Execution& exec, const VectorSet<From>& vectors, T sign, TiledMatrix<T>* sums, Index first,
                Index columns) {
  constexpr Index width = core::Simd<T>::width;
  // One packing serves both sides where groups hold whole tiles of columns.
  constexpr bool one_packing = width % core::tile_columns == 0;
  const Index m = vectors.count, last_column = columns < 0 ? m : std::min(columns, m);
  if (m == 0 || vectors.length == 0) return;
  const Destination<T> to{sums->at(first, first), sums->stride(), sign};
  const Index stretches = long_stretches<T>(m, vectors.length);
  if (stretches > 1) {
    return add_long_inner_products(exec, vectors, stretches, last_column, to);
  }
  VectorSet<From> some = vectors;
  some.count = last_column;
  const Index chunk = chunk_length<T>(one_packing ? m : 2 * m, vectors.length);
  Packed<T> a(m, chunk);
  Packed<T, core::tile_columns> b(one_packing ? 0 : last_column, chunk);
  const Index row_blocks = core::ceil_div(m, block), column_blocks = core::ceil_div(last_column, block);
  struct Tile {
    Index i, j;
  };
  std::vector<Tile> tiles;  // the costly ones, off the diagonal, first
  for (Index i = row_blocks; i-- > 0;) {
    for (Index j = 0; j < std::min(i + 1, column_blocks); ++j) tiles.push_back({i, j});
  }
  for (Index l = 0; l < vectors.length; l += chunk) {
    const Index length = std::min(chunk, vectors.length - l);
    pack_all(exec, vectors, l, length, &a);
    if (!one_packing) pack_all(exec, some, l, length, &b);
    exec.for_each(static_cast<Index>(tiles.size()), static_cast<double>(m) * last_column * length, [&](Index task) {
      const auto [i, j] = tiles[task];
      const Range rows{i * block, std::min((i + 1) * block, core::round_up(m, width))};
      const Range columns{j * block, std::min((j + 1) * block, last_column)};
      for (Index k = 0; k < length; k += step_length) {
        const auto columns_at = [&, k](Index c) { return one_packing ? a.columns(c, k) : b.columns(c, k); };
        add_step(a, columns_at, k, std::min(step_length, length - k), rows, columns, true, to);
      }
    });
  }
}

namespace {

// A few numbers of contiguous vectors in another precision, vector by vector: cheaper than to interleave them.
template <class T>
class Converted {
public:
  explicit Converted(Index count) : data_(core::round_up(count, core::tile_columns) * stride) {}

  TileColumns<T> columns(Index first) const { return {data_.data() + first * stride, 1, stride}; }

  template <class From>
  void take(const VectorSet<From>& from, Index first, Index length) {
    const From factor = static_cast<From>(1 / from.unit);
    for (Index v = 0; v < from.count; ++v) {
      const From* vector = from.data + v * from.stride + first;
      T* to = data_.data() + v * stride;
      for (Index l = 0; l < length; ++l) to[l] = static_cast<T>(factor * vector[l]);
    }
  }

private:
  static constexpr Index stride = step_length + 64 / static_cast<Index>(sizeof(T));  // no power of two
  core::AlignedBuffer<T> data_;
};

// Products of packed vectors with a block of columns, for `length` numbers from `begin` on.
template <class T, class From>
void add_block(const Packed<T>& left, const VectorSet<From>& b, Index begin, Index length, Range rows, Range columns,
               const Destination<T>& to) {
  // Contiguous vectors are read where they stand, in whole groups. Others are packed, and used while they are at hand.
  constexpr bool same = std::is_same_v<T, From>;
  const bool converts = !same && b.step == 1;
  const Index in_place = same && b.step == 1 && b.unit == 1 ? b.count / core::tile_columns * core::tile_columns : 0;
  const Index packed = std::max(columns.begin, std::min(in_place, columns.end));
  VectorSet<From> rest = b;
  rest.data += packed * b.stride;
  rest.count = columns.end - packed;
  Packed<T, core::tile_columns> right(converts ? 0 : rest.count, std::min(step_length, length));
  Converted<T> converted(converts ? rest.count : 0);
  for (Index l = 0; l < length; l += step_length) {
    const Index steps = std::min(step_length, length - l);
    if (converts) {
      converted.take(rest, begin + l, steps);
    } else {
      right.pack(rest, 0, right.groups(), begin + l, steps);
    }
    const auto columns_at = [&](Index c) -> TileColumns<T> {
      if constexpr (same) {
        if (c < packed) return {b.data + c * b.stride + begin + l, 1, b.stride};
      }
      return converts ? converted.columns(c - packed) : right.columns(c - packed, 0);
    };
    add_step(left, columns_at, l, steps, rows, columns, false, to);
  }
}

// Few long vectors: stretches of them in tasks, whose sums are added in order.
template <class T, class From>
void add_long_products(const Execution& exec, const VectorSet<T>& a, const VectorSet<From>& b, T sign,
                       TiledMatrix<T>* sums, Corner corner) {
  constexpr Index least = 1024, most_parts = 8;  // numbers of a part, long against adding up its sums
  const Index parts = std::clamp<Index>(a.length / least, 1, most_parts);
  std::vector<TiledMatrix<T>> partial;
  for (Index k = 0; k < parts; ++k) partial.emplace_back(a.count, b.count);
  exec.for_each(parts, 2.0 * a.count * b.count * a.length, [&](Index k) {
    const Index begin = k * a.length / parts, length = (k + 1) * a.length / parts - begin;
    Packed<T> left(a.count, length);
    left.pack(a, 0, left.groups(), begin, length);
    add_block(left, b, begin, length, {0, core::round_up(a.count, core::Simd<T>::width)}, {0, b.count},
              {partial[k].at(0, 0), partial[k].stride(), T(1)});
  });
  for (const TiledMatrix<T>& part : partial) {
    for (Index c = 0; c < b.count; ++c) {
      T* to = sums->at(corner.row, corner.column + c);
      const T* from = part.at(0, c);
      for (Index i = 0; i < a.count; ++i) to[i] += sign * from[i];
    }
  }
}

}  // namespace

template <class T, class From>
void gemm(const Execution& exec, const VectorSet<T>& a, const VectorSet<From>& b, T sign, TiledMatrix<T>* sums,
          Corner corner) {
  constexpr Index width = core::Simd<T>::width, long_length = 2048;  // two parts at least

  if (a.count == 0 || b.count == 0 || a.length == 0) return;
  const Index row_blocks = core::ceil_div(a.count, block), column_blocks = core::ceil_div(b.count, block);
  if (row_blocks * column_blocks == 1 && a.length >= long_length) {
    return add_long_products(exec, a, b, sign, sums, corner);
  }
  const Index chunk = chunk_length<T>(a.count, a.length);
  Packed<T> left(a.count, chunk);
  const Destination<T> to{sums->at(corner.row, corner.column), sums->stride(), sign};
  for (Index begin = 0; begin < a.length; begin += chunk) {
    const Index length = std::min(chunk, a.length - begin);
    pack_all(exec, a, begin, length, &left);
    exec.for_each(row_blocks * column_blocks, 2.0 * a.count * b.count * length, [&](Index task) {
      const Index i = task / column_blocks, j = task % column_blocks;
      const Range rows{i * block, std::min((i + 1) * block, core::round_up(a.count, width))};
      add_block(left, b, begin, length, rows, {j * block, std::min((j + 1) * block, b.count)}, to);
    });
  }
}

template void syrk_lower(const Execution&, const VectorSet<float>&, float, TiledMatrix<float>*, Index, Index);
template void syrk_lower(const Execution&, const VectorSet<double>&, float, TiledMatrix<float>*, Index, Index);
template void syrk_lower(const Execution&, const VectorSet<double>&, double, TiledMatrix<double>*, Index, Index);
template void syrk_lower(const Execution&, const VectorSet<float>&, double, TiledMatrix<double>*, Index, Index);
template void gemm(const Execution&, const VectorSet<float>&, const VectorSet<float>&, float, TiledMatrix<float>*,
                   Corner);
template void gemm(const Execution&, const VectorSet<double>&, const VectorSet<double>&, double, TiledMatrix<double>*,
                   Corner);
template void gemm(const Execution&, const VectorSet<double>&, const VectorSet<float>&, double, TiledMatrix<double>*,
                   Corner);

}  // namespace limbeck::dense
