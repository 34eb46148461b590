#include "kernels/dense/strip_syrk.hpp"

namespace limbeck::dense {

namespace {

// tile += A' diag(1) B over rows: MV vectors of the packed panels against tile_columns scaled columns.
template <class T, int MV>
void tile_kernel(Index rows, const T* a, const T* b, T* tile) {
  constexpr Index width = core::Simd<T>::width;
  add_tile<T, MV>(rows, a, Packed<T>::stride_for(strip_rows), {b, ScaledColumns<T>::columns, 1}, T(1), tile,
                  {core::tile_columns * width, width});
}

}  // namespace

template <class T>
const T* ScaledColumns<T>::strip(const Packed<T>& packed, Index rows, const T* w, Index q) {
  constexpr Index width = core::Simd<T>::width;
  using S = core::Simd<T>;
  // Without weights the packed panel itself will do where it has the strips' layout.
  if (!w && columns == width) return packed.group(q * core::tile_columns / width) + q * core::tile_columns % width;
  const Index group = q * core::tile_columns / columns;
  if (group != group_ || w != weights_) {
    group_ = group;
    weights_ = w;
    for (Index c = 0; c < columns; c += width) {
      const Index panel = (group * columns + c) / width;
      T* to = data_.data() + c;
      if (panel * width >= d_) {  // a strip that reaches beyond the last panel
        for (Index r = 0; r < rows; ++r) S::store(to + r * columns, typename S::Vector{});
        continue;
      }
      const T* from = packed.group(panel);
      if (w) {
#pragma GCC unroll 4
        for (Index r = 0; r < rows; ++r) S::store(to + r * columns, S::load(from + r * width) * w[r]);
      } else {
        for (Index r = 0; r < rows; ++r) S::store(to + r * columns, S::load(from + r * width));
      }
    }
  }
  return data_.data() + q * core::tile_columns % columns;
}

template <class T>
void accumulate_strip(const TriangleLayout<T>& layout, const Packed<T>& packed, ScaledColumns<T>& scaled, Index rows,
                      const T* w, Index q, T* tiles, core::Prefetch* ahead) {
  constexpr Index width = core::Simd<T>::width;
  const T* b = scaled.strip(packed, rows, w, q);
  const Index first = layout.first_panel(q);
  for_tile_runs(first, layout.panels, [&](auto vectors, Index p) {
    if (ahead) ahead->pass();
    tile_kernel<T, vectors>(rows, packed.group(p), b, tiles + (p - first) * width * core::tile_columns);
  });
}

template <class T>
void scatter_strip(const TriangleLayout<T>& layout, Index q, const T* tiles, T* out) {
  constexpr Index width = core::Simd<T>::width;
  const Index d = layout.d, first = layout.first_panel(q);
  for (Index t = 0; t < layout.strip_tiles(q); ++t) {
    for (Index c = 0; c < core::tile_columns; ++c) {
      const Index column = q * core::tile_columns + c;
      for (Index v = 0; v < width; ++v) {
        const Index row = (first + t) * width + v;
        if (row >= d || column > row) continue;
        const T value = tiles[(t * core::tile_columns + c) * width + v];
        out[row * d + column] = value;
        out[column * d + row] = value;
      }
    }
  }
}

#define LIMBECK_INSTANTIATE(T)                                                                                   \
  template class ScaledColumns<T>;                                                                               \
  template void accumulate_strip(const TriangleLayout<T>&, const Packed<T>&, ScaledColumns<T>&, Index, const T*, \
                                 Index, T*, core::Prefetch*);                                                    \
  template void scatter_strip(const TriangleLayout<T>&, Index, const T*, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::dense
