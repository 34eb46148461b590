// The innermost loop of products of packed matrices: one tile of the result, kept in registers.
#pragma once

#include <type_traits>

#include "kernels/core/simd.hpp"

namespace limbeck::dense {

// Where the MV vectors of a tile's tile_columns columns stand.
struct TilePlace {
  Index vector_stride, column_stride;
};

// Numbers l of the columns of the right operand: data[l * step + column * column_stride].
template <class T>
struct TileColumns {
  const T* data;
  Index step, column_stride;
};

// Calls tiles(number, g) for groups begin ... end - 1 in runs of three, two and one, `number` being the length of the
// run as a compile-time constant and g its first group. Four groups are left as two and two rather than three and one,
// because a tile of one vector waits for its own sums.
template <class Tiles>
inline __attribute__((always_inline)) void for_tile_runs(Index begin, Index end, const Tiles& tiles) {
  Index g = begin;
  for (; end - g >= 5 || end - g == 3; g += 3) tiles(std::integral_constant<int, 3>(), g);
  for (; end - g >= 2; g += 2) tiles(std::integral_constant<int, 2>(), g);
  if (g < end) tiles(std::integral_constant<int, 1>(), g);
}

// Adds to a tile `sign` times the sum over `length` of MV vectors of a, interleaved in groups a_stride apart, times the
// numbers of tile_columns columns.
template <class T, int MV>
inline __attribute__((always_inline)) void add_tile(Index length, const T* a, Index a_stride, TileColumns<T> b, T sign,
                                                    T* tile, TilePlace place) {
  using V = typename core::Simd<T>::Vector;
  constexpr Index width = core::Simd<T>::width;
  const auto at = [&](int m, Index c) { return tile + m * place.vector_stride + c * place.column_stride; };
  // The tile is needed only at the end, and may be as far away as main memory.
  for (int m = 0; m < MV; ++m) {
    for (Index c = 0; c < core::tile_columns; ++c) __builtin_prefetch(at(m, c), 1);
  }
  // Loops over the accumulators are unrolled by pragma, because the compiler would otherwise keep them in memory.
  V acc[MV][core::tile_columns];
#pragma GCC unroll 16
  for (int m = 0; m < MV; ++m) {
#pragma GCC unroll 16
    for (Index c = 0; c < core::tile_columns; ++c) acc[m][c] = V{};
  }
  for (Index l = 0; l < length; ++l) {
    V av[MV];
    for (int m = 0; m < MV; ++m) av[m] = core::Simd<T>::load(a + m * a_stride + l * width);
    for (Index c = 0; c < core::tile_columns; ++c) {
      const T bc = b.data[l * b.step + c * b.column_stride];
      for (int m = 0; m < MV; ++m) acc[m][c] += av[m] * bc;
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < MV; ++m) {
#pragma GCC unroll 16
    for (Index c = 0; c < core::tile_columns; ++c)
      core::Simd<T>::store(at(m, c), core::Simd<T>::load(at(m, c)) + acc[m][c] * sign);
  }
}

}  // namespace limbeck::dense
