#include "kernels/dense/syrk_packed.hpp"

#include <algorithm>

namespace limbeck::dense {

namespace {

constexpr Index step_length = 256;  // so that a group of columns and some of rows stay in the first-level cache

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
        // Zeros are passed over.
        const Index skipped = triangular ? std::clamp<Index>(g * width - l, 0, steps) : 0;
        add_tile<T, number>(steps - skipped, vectors.data + g * stride + (l + skipped) * width, stride,
                            {right.data + skipped * right.step, right.step, 1}, T(1),
                            sums + c * sums_stride + g * width, {width, sums_stride});
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

template void syrk_packed(const PackedView<float>&, TiledMatrix<float>*, bool);
template void syrk_packed(const PackedView<double>&, TiledMatrix<double>*, bool);
template void syrk_packed(const PackedView<float>&, TiledMatrix<float>*, bool, Index, Index);
template void syrk_packed(const PackedView<double>&, TiledMatrix<double>*, bool, Index, Index);
template void syrk_packed(const PackedView<double>&, double*, Index);

}  // namespace limbeck::dense
