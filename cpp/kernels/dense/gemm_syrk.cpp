#include "kernels/dense/gemm_syrk.hpp"

#include <algorithm>
#include <optional>
#include <type_traits>

#include "kernels/dense/micro_kernel.hpp"

namespace limbeck {

namespace {

constexpr Index chunk_bytes = Index{16} << 20;  // of packed vectors at a time
constexpr Index step_length = 256;              // numbers of each vector between two visits to a tile of the result
constexpr Index block = 192;                    // vectors on either side of a task's tile: a multiple of all widths

Index rounded_up(Index n, Index multiple) { return (n + multiple - 1) / multiple * multiple; }

// A chunk of the vectors in groups of `width`, interleaved: the numbers l of a group's vectors stand side by side.
template <class T>
class Packed {
public:
  Packed(Index count, Index length, Index width)
      : width_(width), groups_((count + width - 1) / width), stride_((length + 1) * width), data_(groups_ * stride_) {}

  Index groups() const { return groups_; }
  Index stride() const { return stride_; }
  const T* group(Index g) const { return data_.data() + g * stride_; }
  TileColumns<T> columns(Index first, Index l) const {
    return {group(first / width_) + l * width_ + first % width_, width_, 1};
  }

  // Groups [begin, end) from numbers `first` on. A few numbers of each at a time, so that what is touched stays at
  // hand.
  template <class From>
  void pack(const VectorSet<From>& from, Index begin, Index end, Index first, Index length) {
    constexpr Index run = 16;
    for (Index l = 0; l < length; l += run) {
      for (Index g = begin; g < end; ++g) pack_run(from, g, first, l, std::min(length, l + run));
    }
  }

private:
  template <class From>
  void pack_run(const VectorSet<From>& from, Index g, Index first, Index begin, Index end) {
    T* to = data_.data() + g * stride_;
    const Index vectors = std::min(width_, from.count - g * width_);
    const From factor = static_cast<From>(1 / from.unit);
    const From* data = from.data + g * width_ * from.stride + first * from.step;
    if (from.step == 1) {
      for (Index v = 0; v < vectors; ++v) {
        for (Index l = begin; l < end; ++l) to[l * width_ + v] = static_cast<T>(factor * data[v * from.stride + l]);
      }
    } else {
      for (Index l = begin; l < end; ++l) {
        for (Index v = 0; v < vectors; ++v) to[l * width_ + v] = static_cast<T>(factor * data[l * from.step + v]);
      }
    }
  }

  Index width_, groups_, stride_;
  AlignedBuffer<T> data_;
};

struct Range {
  Index begin, end;
};

// Where a block of the result goes, and with which sign.
template <class T>
struct Target {
  T* out;
  Index stride;
  T sign;
};

// One group of columns against the rows of a block, for `length` numbers from l on. Whole tiles: rows may reach beyond.
template <class T>
void add_column_group(const Packed<T>& a, TileColumns<T> right, Index l, Index length, Range groups,
                      const Target<T>& to, Index c) {
  constexpr Index width = Simd<T>::width;
  Index g = groups.begin;
  const auto tiles = [&](auto vectors) {
    T* tile = to.out + c * to.stride + g * width;
    const T* left = a.group(g) + l * width;
    if (right.column_stride == 1) {
      add_tile<T, vectors>(length, left, a.stride(), {right.data, right.step, 1}, to.sign, tile, {width, to.stride});
    } else {
      add_tile<T, vectors>(length, left, a.stride(), {right.data, 1, right.column_stride}, to.sign, tile,
                           {width, to.stride});
    }
    g += vectors;
  };
  while (groups.end - g >= 5 || groups.end - g == 3) tiles(std::integral_constant<int, 3>());
  while (groups.end - g >= 2) tiles(std::integral_constant<int, 2>());
  if (g < groups.end) tiles(std::integral_constant<int, 1>());
}

// The share of a block of the result in `length` numbers from l on: columns_at(c) says where those of the right operand
// are.
template <class T, class ColumnsAt>
void add_step(const Packed<T>& a, const ColumnsAt& columns_at, Index l, Index length, Range rows, Range columns,
              bool triangle, const Target<T>& to) {
  constexpr Index width = Simd<T>::width;
  const Index last_group = std::min(a.groups(), (rows.end + width - 1) / width);
  for (Index c = columns.begin; c < columns.end; c += tile_columns) {
    const Index first_group = (triangle ? std::max(rows.begin, c) : rows.begin) / width;
    add_column_group(a, columns_at(c), l, length, {first_group, last_group}, to, c);
  }
}

template <class From, class T>
void pack_all(const Execution& exec, const VectorSet<From>& from, Index first, Index length, Packed<T>* to) {
  constexpr Index groups_per_task = 8;
  const Index tasks = (to->groups() + groups_per_task - 1) / groups_per_task;
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
  constexpr Index least = 4096, most = 64, few = 2 * block, budget_bytes = Index{16} << 20, whole = 4;
  if (vectors > few || length < 2 * least) return 1;
  const Index fitting = budget_bytes / (vectors * vectors * static_cast<Index>(sizeof(T)));
  const Index stretches = std::min({length / least, most, fitting});
  return stretches < whole ? stretches : stretches / whole * whole;  // so that two or four threads end together
}

// Inner products of all pairs over numbers [begin, end) of the vectors, packed a few numbers at a time.
template <class From, class T>
void add_stretch(const Execution& exec, const VectorSet<From>& vectors, Range stretch, Index columns,
                 const Target<T>& to) {
  constexpr Index width = Simd<T>::width, packed_bytes = 256 << 10, least_steps = 64;
  constexpr bool one_packing = width % tile_columns == 0;
  const Index m = vectors.count, groups = (m + width - 1) / width;
  const Index fitting = packed_bytes / (m * static_cast<Index>(sizeof(T))) / least_steps * least_steps;
  const Index steps = std::clamp(fitting, least_steps, step_length);
  VectorSet<From> some = vectors;
  some.count = columns;
  Packed<T> a(m, steps, width), b(one_packing ? 0 : columns, steps, tile_columns);
  for (Index l = stretch.begin; l < stretch.end && !exec.stopped(); l += steps) {
    const Index length = std::min(steps, stretch.end - l);
    a.pack(vectors, 0, a.groups(), l, length);
    if (!one_packing) b.pack(some, 0, b.groups(), l, length);
    // What comes next, if it stands together: a row of many vectors' numbers after the other.
    Prefetch ahead;
    const Index next = std::min(steps, stretch.end - l - length);
    if (vectors.stride == 1) ahead = Prefetch(vectors.data + (l + length) * vectors.step, next * vectors.step, 1);
    const Index lines = next * vectors.step * static_cast<Index>(sizeof(From)) / Prefetch::line_bytes + 1;
    for (Index c = 0; c < columns; c += tile_columns) {
      ahead.lines(lines * tile_columns / columns + 1);
      add_column_group(a, one_packing ? a.columns(c, 0) : b.columns(c, 0), 0, length, {c / width, groups}, to, c);
    }
  }
}

template <class From, class T>
void add_long_inner_products(const Execution& exec, const VectorSet<From>& vectors, Index stretches, Index columns,
                             const Target<T>& to) {
  const Index m = vectors.count, length = vectors.length;
  std::vector<std::optional<TiledMatrix<T>>> parts(stretches);
  exec.for_each(stretches, static_cast<double>(m) * columns * length, [&](Index k) {
    TiledMatrix<T>& part = parts[k].emplace(m, columns);
    const Range stretch{k * length / stretches, (k + 1) * length / stretches};
    add_stretch(exec, vectors, stretch, columns, Target<T>{part.at(0, 0), part.stride(), T(1)});
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
void add_inner_products(const Execution& exec, const VectorSet<From>& vectors, T sign, TiledMatrix<T>* sums,
                        Index first, Index columns) {
  constexpr Index width = Simd<T>::width;
  // One packing serves both sides where groups hold whole tiles of columns.
  constexpr bool one_packing = width % tile_columns == 0;
  const Index m = vectors.count, last_column = columns < 0 ? m : std::min(columns, m);
  if (m == 0 || vectors.length == 0) return;
  const Target<T> to{sums->at(first, first), sums->stride(), sign};
  const Index stretches = long_stretches<T>(m, vectors.length);
  if (stretches > 1) {
    return add_long_inner_products(exec, vectors, stretches, last_column, to);
  }
  VectorSet<From> some = vectors;
  some.count = last_column;
  const Index chunk = chunk_length<T>(one_packing ? m : 2 * m, vectors.length);
  Packed<T> a(m, chunk, width), b(one_packing ? 0 : last_column, chunk, tile_columns);
  const Index row_blocks = (m + block - 1) / block, column_blocks = (last_column + block - 1) / block;
  struct Tile {
    Index i, j;
  };
  std::vector<Tile> tiles;  // the costly ones, off the diagonal, first
  for (Index i = row_blocks; i-- > 0;) {
    for (Index j = 0; j < std::min(i + 1, column_blocks); ++j) tiles.push_back({i, j});
  }
  const Packed<T>& right = one_packing ? a : b;
  for (Index l = 0; l < vectors.length; l += chunk) {
    const Index length = std::min(chunk, vectors.length - l);
    pack_all(exec, vectors, l, length, &a);
    if (!one_packing) pack_all(exec, some, l, length, &b);
    exec.for_each(static_cast<Index>(tiles.size()), static_cast<double>(m) * last_column * length, [&](Index task) {
      const auto [i, j] = tiles[task];
      const Range rows{i * block, std::min((i + 1) * block, rounded_up(m, width))};
      const Range columns{j * block, std::min((j + 1) * block, last_column)};
      for (Index k = 0; k < length; k += step_length) {
        const auto columns_at = [&, k](Index c) { return right.columns(c, k); };
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
  explicit Converted(Index count) : data_(rounded_up(count, tile_columns) * stride) {}

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
  AlignedBuffer<T> data_;
};

// Products of packed vectors with a block of columns, for `length` numbers from `begin` on.
template <class T, class From>
void add_block(const Packed<T>& left, const VectorSet<From>& b, Index begin, Index length, Range rows, Range columns,
               const Target<T>& to) {
  // Contiguous vectors are read where they stand, in whole groups. Others are packed, and used while they are at hand.
  constexpr bool same = std::is_same_v<T, From>;
  const bool converts = !same && b.step == 1;
  const Index in_place = same && b.step == 1 && b.unit == 1 ? b.count / tile_columns * tile_columns : 0;
  const Index packed = std::max(columns.begin, std::min(in_place, columns.end));
  VectorSet<From> rest = b;
  rest.data += packed * b.stride;
  rest.count = columns.end - packed;
  Packed<T> right(converts ? 0 : rest.count, std::min(step_length, length), tile_columns);
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
  constexpr Index least = 1024, most_parts = 8;
  const Index parts = std::clamp<Index>(a.length / least, 1, most_parts);
  std::vector<TiledMatrix<T>> partial;
  for (Index k = 0; k < parts; ++k) partial.emplace_back(a.count, b.count);
  exec.for_each(parts, 2.0 * a.count * b.count * a.length, [&](Index k) {
    const Index begin = k * a.length / parts, length = (k + 1) * a.length / parts - begin;
    Packed<T> left(a.count, length, Simd<T>::width);
    left.pack(a, 0, left.groups(), begin, length);
    add_block(left, b, begin, length, {0, rounded_up(a.count, Simd<T>::width)}, {0, b.count},
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
void add_products(const Execution& exec, const VectorSet<T>& a, const VectorSet<From>& b, T sign, TiledMatrix<T>* sums,
                  Corner corner) {
  constexpr Index width = Simd<T>::width, long_length = 2048;
  if (a.count == 0 || b.count == 0 || a.length == 0) return;
  const Index row_blocks = (a.count + block - 1) / block, column_blocks = (b.count + block - 1) / block;
  if (row_blocks * column_blocks == 1 && a.length >= long_length) {
    return add_long_products(exec, a, b, sign, sums, corner);
  }
  const Index chunk = chunk_length<T>(a.count, a.length);
  Packed<T> left(a.count, chunk, width);
  const Target<T> to{sums->at(corner.row, corner.column), sums->stride(), sign};
  for (Index begin = 0; begin < a.length; begin += chunk) {
    const Index length = std::min(chunk, a.length - begin);
    pack_all(exec, a, begin, length, &left);
    exec.for_each(row_blocks * column_blocks, 2.0 * a.count * b.count * length, [&](Index task) {
      const Index i = task / column_blocks, j = task % column_blocks;
      const Range rows{i * block, std::min((i + 1) * block, rounded_up(a.count, width))};
      add_block(left, b, begin, length, rows, {j * block, std::min((j + 1) * block, b.count)}, to);
    });
  }
}

template void add_inner_products(const Execution&, const VectorSet<float>&, float, TiledMatrix<float>*, Index, Index);
template void add_inner_products(const Execution&, const VectorSet<double>&, float, TiledMatrix<float>*, Index, Index);
template void add_inner_products(const Execution&, const VectorSet<double>&, double, TiledMatrix<double>*, Index,
                                 Index);
template void add_inner_products(const Execution&, const VectorSet<float>&, double, TiledMatrix<double>*, Index, Index);
template void add_products(const Execution&, const VectorSet<float>&, const VectorSet<float>&, float,
                           TiledMatrix<float>*, Corner);
template void add_products(const Execution&, const VectorSet<double>&, const VectorSet<double>&, double,
                           TiledMatrix<double>*, Corner);
template void add_products(const Execution&, const VectorSet<double>&, const VectorSet<float>&, double,
                           TiledMatrix<double>*, Corner);

}  // namespace limbeck
