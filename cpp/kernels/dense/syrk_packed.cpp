#include "kernels/dense/syrk_packed.hpp"

#include <algorithm>
#include <type_traits>

namespace limbeck::dense {

namespace {

constexpr Index step_length = 256;  // so that a group of columns and some of rows stay in the first-level cache

// Adds to a tile the products of `MV` groups of vectors, of which group m begins with skip[m] zeros, with the numbers
// of tile_columns others. Zeros are passed over, group by group.
template <class T, int MV>
inline __attribute__((always_inline)) void add_staggered_tile(const Index* skip, Index length, const T* a,
                                                              Index a_stride, TileColumns<T> b, T* tile,
                                                              Index tile_stride) {
  using Vectors = core::Simd<T>;
  constexpr Index width = Vectors::width;
  typename Vectors::Vector acc[MV][core::tile_columns];
#pragma GCC unroll 16
  for (int m = 0; m < MV; ++m) {
#pragma GCC unroll 16
    for (Index c = 0; c < core::tile_columns; ++c) acc[m][c] = typename Vectors::Vector{};
  }
  // The first `number` groups.
  const auto add = [&](auto number, Index begin, Index end) __attribute__((always_inline)) {
    constexpr int count = number;
    for (Index l = begin; l < end; ++l) {
      typename Vectors::Vector av[count];
      for (int m = 0; m < count; ++m) av[m] = Vectors::load(a + m * a_stride + l * width);
      for (Index c = 0; c < core::tile_columns; ++c) {
        const T bc = b.data[l * b.step + c * b.column_stride];
        for (int m = 0; m < count; ++m) acc[m][c] += av[m] * bc;
      }
    }
  };
  if constexpr (MV > 1) add(std::integral_constant<int, 1>(), skip[0], skip[1]);
  if constexpr (MV > 2) add(std::integral_constant<int, 2>(), skip[1], skip[2]);
  add(std::integral_constant<int, MV>(), skip[MV - 1], length);
#pragma GCC unroll 16
  for (int m = 0; m < MV; ++m) {
#pragma GCC unroll 16
    for (Index c = 0; c < core::tile_columns; ++c) {
      T* to = tile + c * tile_stride + m * width;
      Vectors::store(to, Vectors::load(to) + acc[m][c]);
    }
  }
}

template <class T>
void add_columns(const PackedView<T>& vectors, T* sums, Index sums_stride, bool triangular, Index first, Index end) {
  constexpr Index width = PackedView<T>::width;
  constexpr bool gathers = width % core::tile_columns != 0;
  const Index stride = vectors.group_stride, groups = vectors.count / width;
  T gathered[gathers ? step_length * core::tile_columns : 1];
  for (Index l = 0; l < vectors.length; l += step_length) {
    const Index steps = std::min(step_length, vectors.length - l);
    for (Index c = first; c < end; c += core::tile_columns) {
      TileColumns<T> right{vectors.data + c / width * stride + l * width + c % width, width, 1};
      if constexpr (gathers) {
        // A tile's columns lie in several groups.
        for (Index i = 0; i < steps; ++i) {
          for (Index j = c; j < c + core::tile_columns; ++j) {
            gathered[i * core::tile_columns + j - c] = vectors.data[j / width * stride + (l + i) * width + j % width];
          }
        }
        right = {gathered, core::tile_columns, 1};
      }
      for_tile_runs(c / width, groups, [&](auto number, Index g) {
        const T* left = vectors.data + g * stride + l * width;
        T* tile = sums + c * sums_stride + g * width;
        if (!triangular || (g + number - 1) * width <= l) {
          return add_tile<T, number>(steps, left, stride, right, T(1), tile, {width, sums_stride});
        }
        Index skip[number];
        for (Index m = 0; m < number; ++m) skip[m] = std::clamp<Index>((g + m) * width - l, 0, steps);
        add_staggered_tile<T, number>(skip, steps, left, stride, right, tile, sums_stride);
      });
    }
  }
}

}  // namespace

template <class T>
void syrk_packed(const PackedView<T>& vectors, TiledMatrix<T>* sums, bool triangular, Index first, Index end) {
  add_columns(vectors, sums->at(0, 0), sums->stride(), triangular, first, end);
}

template <class T>
void syrk_packed(const PackedView<T>& vectors, TiledMatrix<T>* sums, bool triangular) {
  syrk_packed(vectors, sums, triangular, 0, vectors.count);
}

template <class T>
void syrk_packed(const PackedView<T>& vectors, T* sums, Index stride) {
  add_columns(vectors, sums, stride, false, 0, vectors.count);
}

template <class T>
void syrk_packed_last_half(const PackedView<T>& vectors, TiledMatrix<T>* sums) {
  if constexpr (has_half_groups<T>) {
    constexpr Index width = PackedView<T>::width, columns = core::tile_columns;
    const Index first = vectors.count - width, stride = vectors.group_stride;
    core::AlignedBuffer<T> transposed(columns * first, core::Unwritten());
    for (Index j = 0; j < first; ++j) {
      for (Index i = 0; i < columns; ++i) transposed.data()[i * first + j] = *sums->at(first + i, j);
    }
    // Parts and their order are those of whole columns.
    for (Index l = 0; l < vectors.length; l += step_length) {
      const Index end = std::min(l + step_length, vectors.length), begin = std::max(l, first);
      if (begin >= end) continue;
      const TileColumns<T> right{vectors.data + first / width * stride + begin * width, width, 1};
      for_tile_runs(0, first / width, [&](auto number, Index g) {
        add_tile<T, number>(end - begin, vectors.data + g * stride + begin * width, stride, right, T(1),
                            transposed.data() + g * width, {width, first});
      });
    }
    for (Index j = 0; j < first; ++j) {
      for (Index i = 0; i < columns; ++i) *sums->at(first + i, j) = transposed.data()[i * first + j];
    }
    syrk_packed(vectors, sums, true, first, first + columns);
  }
}

template void syrk_packed_last_half(const PackedView<float>&, TiledMatrix<float>*);
template void syrk_packed(const PackedView<float>&, TiledMatrix<float>*, bool);
template void syrk_packed(const PackedView<double>&, TiledMatrix<double>*, bool);
template void syrk_packed(const PackedView<float>&, TiledMatrix<float>*, bool, Index, Index);
template void syrk_packed(const PackedView<double>&, TiledMatrix<double>*, bool, Index, Index);
template void syrk_packed(const PackedView<double>&, double*, Index);

}  // namespace limbeck::dense
