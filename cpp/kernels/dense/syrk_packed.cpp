#include "kernels/dense/syrk_packed.hpp"

#include <algorithm>
#include <type_traits>

#include "kernels/dense/micro_kernel.hpp"

namespace limbeck {

namespace {

constexpr Index step_length = 256;  // so that a group of columns and some of rows stay in the first-level cache

template <class T>
void add_columns(const PackedVectors<T>& vectors, T* sums, Index sums_stride, bool triangular, Index first, Index end) {
  constexpr Index width = PackedVectors<T>::width;
  constexpr bool gathers = width % tile_columns != 0;
  const Index stride = vectors.group_stride, groups = vectors.count / width;
  T gathered[gathers ? step_length * tile_columns : 1];
  for (Index l = 0; l < vectors.length; l += step_length) {
    const Index steps = std::min(step_length, vectors.length - l);
    for (Index c = first; c < end; c += tile_columns) {
      TileColumns<T> right{vectors.data + c / width * stride + l * width + c % width, width, 1};
      if constexpr (gathers) {
        // A tile's columns lie in several groups.
        for (Index i = 0; i < steps; ++i) {
          for (Index j = c; j < c + tile_columns; ++j) {
            gathered[i * tile_columns + j - c] = vectors.data[j / width * stride + (l + i) * width + j % width];
          }
        }
        right = {gathered, tile_columns, 1};
      }
      Index g = c / width;
      const auto tiles = [&](auto number) {
        // Zeros are passed over.
        const Index skipped = triangular ? std::clamp<Index>(g * width - l, 0, steps) : 0;
        add_tile<T, number>(steps - skipped, vectors.data + g * stride + (l + skipped) * width, stride,
                            {right.data + skipped * right.step, right.step, 1}, T(1),
                            sums + c * sums_stride + g * width, {width, sums_stride});
        g += number;
      };
      while (groups - g >= 5 || groups - g == 3) tiles(std::integral_constant<int, 3>());
      while (groups - g >= 2) tiles(std::integral_constant<int, 2>());
      if (g < groups) tiles(std::integral_constant<int, 1>());
    }
  }
}

}  // namespace

template <class T>
void add_packed_gram(const PackedVectors<T>& vectors, TiledMatrix<T>* sums, bool triangular, Index first, Index end) {
  add_columns(vectors, sums->at(0, 0), sums->stride(), triangular, first, end);
}

template <class T>
void add_packed_gram(const PackedVectors<T>& vectors, TiledMatrix<T>* sums, bool triangular) {
  add_packed_gram(vectors, sums, triangular, 0, vectors.count);
}

template <class T>
void add_packed_gram(const PackedVectors<T>& vectors, T* sums, Index stride) {
  add_columns(vectors, sums, stride, false, 0, vectors.count);
}

template void add_packed_gram(const PackedVectors<float>&, TiledMatrix<float>*, bool);
template void add_packed_gram(const PackedVectors<double>&, TiledMatrix<double>*, bool);
template void add_packed_gram(const PackedVectors<float>&, TiledMatrix<float>*, bool, Index, Index);
template void add_packed_gram(const PackedVectors<double>&, TiledMatrix<double>*, bool, Index, Index);
template void add_packed_gram(const PackedVectors<double>&, double*, Index);

}  // namespace limbeck
