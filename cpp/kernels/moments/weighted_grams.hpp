// Batches of weighted Gram matrices, X' diag(w_j) X.
#pragma once

#include <functional>
#include <vector>

#include "kernels/core/execution.hpp"
#include "kernels/core/simd.hpp"

namespace limbeck {

// Fills w[j * stride + r] with the weight that matrix begin + j of some gives to row (first + r), for r < rows.
template <class T>
using FillWeights = std::function<void(Index first, Index rows, T* w, Index stride)>;

// Makes the function that fills in the weights of matrices begin ... end - 1, with scratch memory of its own. Called
// once by every task, for the matrices that it works on.
template <class T>
using MakeWeights = std::function<FillWeights<T>(Index begin, Index end)>;

// out (J, d, d) = X' diag(w_j) X, symmetric, both triangles. X is (n, d), C order. Weights come block by block.
template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, Index J, const MakeWeights<T>& weights,
                    T* out);

// The same with stored weights W (n, J).
template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, const T* W, Index J, T* out);

// ---- Building blocks, shared with grouped_gram ----

// Rows that are packed at a time: three panels and the scaled columns then fit a 48 KiB first-level cache, and the
// accumulators of a tile are loaded and stored once in 128 steps. (Measured: 64 and 256 are up to a tenth slower.)
constexpr Index gram_block_rows = 128;

// The lower triangle of a d x d matrix as tiles of Simd<T>::width rows and tile_columns columns. Column strip q keeps
// the tiles from the one that holds its diagonal downwards, each tile column by column.
template <class T>
struct TriangleLayout {
  static constexpr Index width = Simd<T>::width;
  Index d, panels, strips;

  explicit TriangleLayout(Index d_)
      : d(d_), panels((d_ + width - 1) / width), strips((d_ + tile_columns - 1) / tile_columns) {}
  Index first_panel(Index strip) const { return strip * tile_columns / width; }
  Index strip_tiles(Index strip) const { return panels - first_panel(strip); }
  Index strip_size(Index strip) const { return strip_tiles(strip) * width * tile_columns; }
  Index size() const {
    Index total = 0;
    for (Index q = 0; q < strips; ++q) total += strip_size(q);
    return total;
  }
};

// A block of rows, column panel by column panel, zero-padded to whole vectors.
template <class T>
class PackedRows {
public:
  static constexpr Index width = Simd<T>::width;
  // One vector more than the block between panels: a power-of-two stride would map every panel to the same cache sets.
  static constexpr Index panel_stride = (gram_block_rows + 1) * width;

  explicit PackedRows(Index d) : d_(d), panels_((d + width - 1) / width), data_(panels_ * panel_stride) {}

  // Rows first ... first + rows of X, from column panel `from` on.
  void pack(const T* X, Index rows, Index from);
  // The rows of X (n, d - 1) that `index` names, each with a 1 at its end.
  void gather_augmented(const T* X, const Index* index, Index rows);
  const T* panel(Index p) const { return data_.data() + p * panel_stride; }

private:
  void copy_row(const T* row, Index length, Index r, Index from);
  Index d_, panels_;
  AlignedBuffer<T> data_;
};

// Columns of a packed block times row weights, the right-hand factor of the tiles. Scaling goes by whole vectors, which
// may serve several strips; what was scaled last is kept.
template <class T>
class ScaledColumns {
public:
  // Columns scaled at a time; element (r, c) of a strip stands at [r * columns + c].
  static constexpr Index columns = std::max(Simd<T>::width, tile_columns);

  explicit ScaledColumns(Index d) : d_(d), data_(gram_block_rows * columns) {}
  // Forget what was scaled: rows or weights have changed.
  void reset() { group_ = -1; }
  // Strip q of diag(w) X; w null stands for ones.
  const T* strip(const PackedRows<T>& packed, Index rows, const T* w, Index q);

private:
  Index d_, group_ = -1;
  const T* weights_ = nullptr;
  AlignedBuffer<T> data_;
};

// Add rows' share of strip q of X' diag(w) X to `tiles` (strip_size(q) numbers). w may be null: all ones.
template <class T>
void accumulate_strip(const TriangleLayout<T>& layout, const PackedRows<T>& packed, ScaledColumns<T>& scaled,
                      Index rows, const T* w, Index q, T* tiles);

// Write strip q, given by its tiles, into both triangles of out (d, d).
template <class T>
void scatter_strip(const TriangleLayout<T>& layout, Index q, const T* tiles, T* out);

}  // namespace limbeck
