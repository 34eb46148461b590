// Inner products of many vectors, with one another or with those of a second set, in tasks.
//
// The work is dealt out by tiles of the result, each computed whole by one task, or where these are too few by fixed
// stretches of the vectors, whose sums are added in order; so no sum depends on the number of threads.
#pragma once

#include "kernels/core/execution.hpp"
#include "kernels/core/simd.hpp"

namespace limbeck {

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
      : rows_(rows), columns_(columns), stride_(padded(rows)), data_(stride_ * (columns + tile_columns)) {}

  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  Index stride() const { return stride_; }
  T* at(Index row, Index column) { return data_.data() + column * stride_ + row; }
  const T* at(Index row, Index column) const { return data_.data() + column * stride_ + row; }

private:
  // Room for a vector beyond the last row of any part; and no stride that maps columns to the same cache sets.
  static Index padded(Index rows) {
    constexpr Index line = 64 / static_cast<Index>(sizeof(T));
    const Index whole = (rows + 2 * line - 1) / line * line;
    return whole % (8 * line) == 0 ? whole + line : whole;
  }
  Index rows_, columns_, stride_;
  AlignedBuffer<T> data_;
};

// Where in a matrix a result goes.
struct Corner {
  Index row, column;
};

// Adds `sign` times the inner products of all pairs of vectors, to the lower triangle of the square part that begins on
// the diagonal at `first`; columns from `columns` on are left out. What is above the diagonal is not defined. Numbers
// of type From are rounded to T.
template <class From, class T>
void add_inner_products(const Execution& exec, const VectorSet<From>& vectors, T sign, TiledMatrix<T>* sums,
                        Index first = 0, Index columns = -1);

// Adds `sign` times the inner products of vectors a (rows of the result) with vectors b (columns). The fewer are best
// passed as a: b is read where it stands if its vectors are contiguous and of type T.
template <class T, class From = T>
void add_products(const Execution& exec, const VectorSet<T>& a, const VectorSet<From>& b, T sign, TiledMatrix<T>* sums,
                  Corner corner = {0, 0});

}  // namespace limbeck
