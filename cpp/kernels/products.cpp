#include "kernels/products.hpp"

#include <algorithm>
#include <type_traits>

#include "kernels/tile.hpp"

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

  void pack(const VectorSet<T>& from, Index g, Index first, Index length, T sign) {
    T* to = data_.data() + g * stride_;
    const Index begin = g * width_, vectors = std::min(width_, from.count - begin);
    const auto factor = [&](Index v) { return from.scales ? sign * from.scales[begin + v] : sign; };
    if (from.step == 1) {
      // A few numbers of every vector at a time, so that what is written stays at hand.
      constexpr Index run = 16;
      for (Index l = 0; l < length; l += run) {
        const Index end = std::min(length, l + run);
        for (Index v = 0; v < vectors; ++v) {
          const T* row = from.data + (begin + v) * from.stride + first;
          const T f = factor(v);
          for (Index e = l; e < end; ++e) to[e * width_ + v] = f * row[e];
        }
      }
    } else {
      for (Index l = 0; l < length; ++l) {
        const T* row = from.data + (first + l) * from.step + begin;
        for (Index v = 0; v < vectors; ++v) to[l * width_ + v] = factor(v) * row[v];
      }
    }
  }

private:
  Index width_, groups_, stride_;
  AlignedBuffer<T> data_;
};

struct Range {
  Index begin, end;
};

// The share of a block of the result in the numbers packed. Whole tiles: rows and columns may reach beyond the range.
template <class T>
void add_block(const Packed<T>& a, const Packed<T>& b, Index length, Range rows, Range columns, bool triangle, T* out,
               Index stride) {
  constexpr Index width = Simd<T>::width;
  const Index last_group = std::min(a.groups(), (rows.end + width - 1) / width);
  for (Index l = 0; l < length; l += step_length) {
    const Index steps = std::min(step_length, length - l);
    for (Index c = columns.begin; c < columns.end; c += tile_columns) {
      const T* right = b.group(c / tile_columns) + l * tile_columns;
      Index g = (triangle ? std::max(rows.begin, c) : rows.begin) / width;
      const auto tiles = [&](auto vectors) {
        add_tile<T, vectors>(steps, a.group(g) + l * width, a.stride(), right, tile_columns,
                             out + c * stride + g * width, {width, stride});
        g += vectors;
      };
      while (last_group - g >= 5 || last_group - g == 3) tiles(std::integral_constant<int, 3>());
      while (last_group - g >= 2) tiles(std::integral_constant<int, 2>());
      if (g < last_group) tiles(std::integral_constant<int, 1>());
    }
  }
}

template <class T>
void pack_all(const Execution& exec, const VectorSet<T>& from, Index first, Index length, T sign, Packed<T>* to) {
  constexpr Index groups_per_task = 8;
  const Index tasks = (to->groups() + groups_per_task - 1) / groups_per_task;
  exec.for_each(tasks, 4.0 * from.count * length, [&](Index task) {
    const Index end = std::min((task + 1) * groups_per_task, to->groups());
    for (Index g = task * groups_per_task; g < end; ++g) to->pack(from, g, first, length, sign);
  });
}

// How many numbers of each vector to pack at a time.
template <class T>
Index chunk_length(Index vectors, Index length) {
  const Index fitting = chunk_bytes / static_cast<Index>(sizeof(T)) / std::max<Index>(vectors, 1);
  return std::min(length, std::max(step_length, fitting / step_length * step_length));
}

}  // namespace

template <class T>
void add_inner_products(const Execution& exec, const VectorSet<T>& vectors, T sign, TiledMatrix<T>* sums, Index first,
                        Index columns) {
  constexpr Index width = Simd<T>::width;
  const Index m = vectors.count, last_column = columns < 0 ? m : std::min(columns, m);
  if (m == 0 || vectors.length == 0) return;
  const bool one_packing = width == tile_columns && sign == T(1);
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
  for (Index l = 0; l < vectors.length; l += chunk) {
    const Index length = std::min(chunk, vectors.length - l);
    pack_all(exec, vectors, l, length, T(1), &a);
    if (!one_packing) {
      VectorSet<T> some = vectors;
      some.count = last_column;
      pack_all(exec, some, l, length, sign, &b);
    }
    exec.for_each(static_cast<Index>(tiles.size()), static_cast<double>(m) * last_column * length, [&](Index task) {
      const auto [i, j] = tiles[task];
      const Range rows{i * block, std::min((i + 1) * block, rounded_up(m, width))};
      add_block(a, one_packing ? a : b, length, rows, {j * block, std::min((j + 1) * block, last_column)}, true,
                sums->at(first, first), sums->stride());
    });
  }
}

template <class T>
void add_products(const Execution& exec, const VectorSet<T>& a, const VectorSet<T>& b, T sign, TiledMatrix<T>* sums,
                  Corner corner) {
  constexpr Index width = Simd<T>::width;
  if (a.count == 0 || b.count == 0 || a.length == 0) return;
  const Index chunk = chunk_length<T>(a.count + b.count, a.length);
  Packed<T> left(a.count, chunk, width), right(b.count, chunk, tile_columns);
  const Index row_blocks = (a.count + block - 1) / block, column_blocks = (b.count + block - 1) / block;
  for (Index l = 0; l < a.length; l += chunk) {
    const Index length = std::min(chunk, a.length - l);
    pack_all(exec, a, l, length, T(1), &left);
    pack_all(exec, b, l, length, sign, &right);
    exec.for_each(row_blocks * column_blocks, 2.0 * a.count * b.count * length, [&](Index task) {
      const Index i = task / column_blocks, j = task % column_blocks;
      const Range rows{i * block, std::min((i + 1) * block, rounded_up(a.count, width))};
      add_block(left, right, length, rows, {j * block, std::min((j + 1) * block, b.count)}, false,
                sums->at(corner.row, corner.column), sums->stride());
    });
  }
}

#define LIMBECK_INSTANTIATE(T)                                                                               \
  template void add_inner_products(const Execution&, const VectorSet<T>&, T, TiledMatrix<T>*, Index, Index); \
  template void add_products(const Execution&, const VectorSet<T>&, const VectorSet<T>&, T, TiledMatrix<T>*, Corner);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck
