// The operands of dense products: strided vectors that somebody else owns, and a matrix with room for whole tiles.
#pragma once

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

  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  Index stride() const { return stride_; }
  T* at(Index row, Index column) { return data_.data() + column * stride_ + row; }
  const T* at(Index row, Index column) const { return data_.data() + column * stride_ + row; }

private:
  // Room for a vector beyond the last row of any part; and no stride that maps columns to the same cache sets.
  static Index padded(Index rows) {
    constexpr Index line = 64 / static_cast<Index>(sizeof(T));
    const Index whole = core::round_up(rows + line, line);
    return whole % (8 * line) == 0 ? whole + line : whole;
  }
  Index rows_, columns_, stride_;
  core::AlignedBuffer<T> data_;
};

// Where in a matrix a result goes.
struct Corner {
  Index row, column;
};

}  // namespace limbeck::dense
