// The operands of dense products: strided vectors that somebody else owns, and a matrix with room for whole tiles.
#pragma once

#include <algorithm>

#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/simd.hpp"

namespace limbeck::dense {

// `count` vectors of `length` numbers: number l of vector i stands at data[i * stride + l * step]. Either is 1.
template <class T>
struct VectorSet {
  const T* data;
  Index count, length, stride, step;
  double unit = 1;  // by which they are divided: a power of two
};

// A matrix column by column, with room at its edges for whole tiles.
template <class T>
class TiledMatrix {
public:
  TiledMatrix(Index rows, Index columns)
      : rows_(rows), columns_(columns), stride_(padded(rows)), data_(stride_ * (columns + core::tile_columns)) {}
  // Whose columns are not defined before they are cleared or written.
  TiledMatrix(Index rows, Index columns, core::Unwritten unwritten)
      : rows_(rows),
        columns_(columns),
        stride_(padded(rows)),
        data_(stride_ * (columns + core::tile_columns), unwritten) {}

  // Columns [begin, end) become zero; those of the last columns with the room behind them.
  void clear(Index begin, Index end) {
    const Index last = end < columns_ ? end : columns_ + core::tile_columns;
    std::fill(at(0, begin), at(0, last), T(0));
  }

  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  Index stride() const { return stride_; }
  T* at(Index row, Index column) { return data_.data() + column * stride_ + row; }
  const T* at(Index row, Index column) const { return data_.data() + column * stride_ + row; }

  static double bytes(Index rows, Index columns) {
    return static_cast<double>(sizeof(T)) * static_cast<double>(padded(rows)) *
           static_cast<double>(columns + core::tile_columns);
  }
  // Room for a vector beyond the last row of any part; and no stride that maps columns to the same cache sets.
  static Index padded(Index rows) {
    constexpr Index line = 64 / static_cast<Index>(sizeof(T));
    const Index whole = core::round_up(rows + line, line);
    return whole % (8 * line) == 0 ? whole + line : whole;
  }

private:
  Index rows_, columns_, stride_;
  core::AlignedBuffer<T> data_;
};

// Where in a matrix a result goes.
struct Corner {
  Index row, column;
};

}  // namespace limbeck::dense
