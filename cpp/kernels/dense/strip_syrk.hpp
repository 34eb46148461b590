// Weighted Gram matrices of blocks of rows, X' diag(w) X, strip by strip of their lower triangle.
//
// A block of rows is packed once and serves many matrices; sums of a strip stay in a contiguous run of tiles until they
// are written out.
#pragma once

#include "kernels/core/prefetch.hpp"
#include "kernels/dense/packing.hpp"

namespace limbeck::dense {

// Rows that are packed at a time: three panels and the scaled columns then just fit a first-level cache of 32 KiB, and
// the accumulators of a tile are loaded and stored once in 128 steps. (Measured: 64 and 256 are up to a tenth slower.)
constexpr Index strip_rows = 128;

// The lower triangle of a d x d matrix as tiles of Simd<T>::width rows and tile_columns columns. Column strip q keeps
// the tiles from the one that holds its diagonal downwards, each tile column by column.
template <class T>
struct TriangleLayout {
  static constexpr Index width = core::Simd<T>::width;
  Index d, panels, strips;

  explicit TriangleLayout(Index d_)
      : d(d_), panels(core::ceil_div(d_, width)), strips(core::ceil_div(d_, core::tile_columns)) {}
  Index first_panel(Index strip) const { return strip * core::tile_columns / width; }
  Index strip_tiles(Index strip) const { return panels - first_panel(strip); }
  Index strip_size(Index strip) const { return strip_tiles(strip) * width * core::tile_columns; }
  // Tiles of registers that a strip is computed in.
  Index strip_passes(Index strip) const { return core::ceil_div(strip_tiles(strip), core::tile_vectors); }
  Index size() const {
    Index total = 0;
    for (Index q = 0; q < strips; ++q) total += strip_size(q);
    return total;
  }
};

// Packed rows: the columns of X are the vectors, in panels of Simd<T>::width, and the rows their numbers.
template <class T>
Packed<T> packed_rows(Index d) {
  return Packed<T>(d, strip_rows);
}

// Columns of packed rows times row weights, the right-hand factor of the tiles. Whole vectors are scaled at a time,
// which may serve several strips; those that were scaled last are kept.
template <class T>
class ScaledColumns {
public:
  // Columns scaled at a time; element (r, c) of a strip stands at [r * columns + c].
  static constexpr Index columns = std::max(core::Simd<T>::width, core::tile_columns);

  explicit ScaledColumns(Index d) : d_(d), data_(strip_rows * columns) {}
  // Forget what was scaled: rows or weights have changed.
  void reset() { group_ = -1; }
  // Strip q of diag(w) X; w null stands for ones.
  const T* strip(const Packed<T>& packed, Index rows, const T* w, Index q);

private:
  Index d_, group_ = -1;
  const T* weights_ = nullptr;
  core::AlignedBuffer<T> data_;
};

// Add rows' share of strip q of X' diag(w) X to `tiles` (strip_size(q) numbers). w may be null: all ones. Beside each
// tile of registers a pass of `ahead`, if any, fetches its share.
template <class T>
void accumulate_strip(const TriangleLayout<T>& layout, const Packed<T>& packed, ScaledColumns<T>& scaled, Index rows,
                      const T* w, Index q, T* tiles, core::Prefetch* ahead = nullptr);

// Write strip q, given by its tiles, into both triangles of out (d, d).
template <class T>
void scatter_strip(const TriangleLayout<T>& layout, Index q, const T* tiles, T* out);

}  // namespace limbeck::dense
