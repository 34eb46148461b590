// Weighted Gram matrices of few columns, X' diag(w) X: registers hold one column of several rows.
//
// A sum then fills a register with the partial sums over every width-th row, so that neither the number of columns nor
// the diagonal leaves part of a register idle. The price is a register a sum instead of a number, which many columns
// could not keep in a cache.
#pragma once

#include <algorithm>

#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/prefetch.hpp"
#include "kernels/core/simd.hpp"

namespace limbeck::dense {

// Numbers r of columns 0 ... columns - 1 of row-major rows `step` apart go to to[c * stride + r]. `readable` numbers
// from `from` on may be read, and whole registers of `to` are written up to the next multiple of the width of rows;
// what is written there beyond the last row is zero.
template <class T>
void columns_of_rows(const T* from, Index step, Index rows, Index columns, Index readable, T* to, Index stride);

// The lower triangle of a d x d matrix of sums in blocks of as many columns as a tile of registers has, all of nearly
// equal width. Strip b keeps the rows of block b within its own triangle, row by row, and then the products of its
// columns with all later ones, tile by tile.
template <class T>
struct NarrowLayout {
  // A square tile of sums, a row and a column of factors stay in 32 or in 16 registers.
  static constexpr Index most = core::tile_columns == 8 ? 5 : 3;
  Index d, strips;

  explicit NarrowLayout(Index d_) : d(d_), strips(core::ceil_div(d_, most)) {}
  Index begin(Index block) const { return d * block / strips; }
  Index columns(Index block) const { return begin(block + 1) - begin(block); }
  Index strip_size(Index b) const {
    const Index own = columns(b);
    return own * (own + 1) / 2 + own * (d - begin(b + 1));
  }
  // Tiles of registers that a strip is computed in.
  Index strip_passes(Index b) const { return strips - b; }
  Index size() const { return d * (d + 1) / 2; }
};

// A block of rows, column by column.
template <class T>
class NarrowRows {
public:
  static constexpr Index width = core::Simd<T>::width;
  // Sums are loaded and stored once a block; 64 columns of 2 KiB each then fit a second-level cache of 256 KiB.
  static constexpr Index most_rows = 2048 / static_cast<Index>(sizeof(T));
  // Columns are a register more than the rows apart: at a power of two all would map to the same cache sets.
  static constexpr Index stride = most_rows + width;

  explicit NarrowRows(Index d)
      : layout_(d),
        columns_(d * stride, core::Unwritten{}),
        scaled_(NarrowLayout<T>::most * stride, core::Unwritten{}) {}

  // Take in rows <= most_rows of X (d numbers each); `readable` numbers of X may be read.
  void pack(const T* X, Index rows, Index readable);
  // Add the rows' share of strip b of X' diag(w) X to `sums`, strip_size(b) registers, or begin them with it. The
  // weights of rows beyond the last, up to a multiple of the width, are zero.
  // Beside each tile of registers a pass of `ahead` fetches its share.
  void accumulate(const T* w, Index b, bool begin, T* sums, core::Prefetch& ahead);
  // products[k * stride + r] = <x_r, vector k>, of `count` vectors of d numbers; zero for rows that fill a register.
  void project(const T* vectors, Index count, T* products) const;
  // sums[k * sums_stride + c] += sum_r V[k * stride + r] x_rc for k < count. V is zero for rows that fill a register.
  void add_outer(const T* V, Index count, T* sums, Index sums_stride) const;

private:
  NarrowLayout<T> layout_;
  Index rows_ = 0;
  core::AlignedBuffer<T> columns_, scaled_;
};

// totals[e] = the sum of the numbers of register e of `sums`.
template <class T>
void sum_registers(const T* sums, Index count, T* totals);

// Write strip b, given by its sums, into both triangles of out (d, d).
template <class T>
void scatter_strip(const NarrowLayout<T>& layout, Index b, const T* sums, T* out);

}  // namespace limbeck::dense
