// Inputs of the dense kernels, and their results by definition.
#pragma once

#include <limits>

#include "check.hpp"
#include "kernels/dense/matrix.hpp"

namespace limbeck::tests {

// Vectors of whole numbers times `unit`, whose numbers stand side by side (step 1), or else one number of all vectors
// (stride 1). Gaps between them are NaN, and memory ends with the last: reading too far shows.
template <class T>
struct Vectors {
  static constexpr Index gap = 3;

  Vectors(Random* random, Index count, Index length, bool numbers_together, double unit = 1)
      : numbers(random->wholes<float>(count * length, 4)),
        step(numbers_together ? 1 : count + gap),
        stride(numbers_together ? length + gap : 1),
        data(count * length > 0 ? (count - 1) * stride + (length - 1) * step + 1 : 0,
             std::numeric_limits<T>::quiet_NaN()),
        set{data.data(), count, length, stride, step, unit} {
    for (Index i = 0; i < count; ++i) {
      for (Index l = 0; l < length; ++l) data[i * stride + l * step] = static_cast<T>(numbers[i * length + l] * unit);
    }
  }

  // <v_i, w_j>; exact.
  double product(Index i, const Vectors& other, Index j) const { return inner(i, other.numbers, j); }
  double inner(Index i, const std::vector<float>& others, Index j) const {
    const float *a = numbers.data() + i * set.length, *b = others.data() + j * set.length;
    // Exact, as sums of whole numbers below 2^24 are; four at a time, none of which waits for the one before.
    float sums[4] = {};
    Index l = 0;
    for (; l + 4 <= set.length; l += 4) {
      for (Index c = 0; c < 4; ++c) sums[c] += a[l + c] * b[l + c];
    }
    for (; l < set.length; ++l) sums[0] += a[l] * b[l];
    return static_cast<double>(sums[0]) + sums[1] + sums[2] + sums[3];
  }

  std::vector<float> numbers;  // vector after vector, without the unit
  Index step, stride;
  std::vector<T> data;
  dense::VectorSet<T> set;
};

// Whether to compare number (i, j) of a product with its definition: all of small products, of large ones every seventh
// on each side of any diagonal, so that a block, row or column that is wrong has many of them.
inline bool is_compared(Index i, Index j, double operations) {
  constexpr double large = 1e7;
  return operations < large || (i + 3 * j) % 7 == 0;
}

template <class T>
dense::TiledMatrix<T> whole_matrix(Random* random, Index rows, Index columns) {
  dense::TiledMatrix<T> A(rows, columns);
  for (Index j = 0; j < columns; ++j) {
    for (Index i = 0; i < rows; ++i) *A.at(i, j) = static_cast<T>(random->whole(9));
  }
  return A;
}

template <class T>
dense::TiledMatrix<T> copy_of(const dense::TiledMatrix<T>& A) {
  dense::TiledMatrix<T> copy(A.rows(), A.columns());
  for (Index j = 0; j < A.columns(); ++j) std::copy_n(A.at(0, j), A.rows(), copy.at(0, j));
  return copy;
}

// Column after column; the lower triangle alone, with zeros above, on request.
template <class T>
std::vector<T> numbers_of(const dense::TiledMatrix<T>& A, bool lower = false) {
  std::vector<T> numbers;
  for (Index j = 0; j < A.columns(); ++j) {
    for (Index i = 0; i < A.rows(); ++i) numbers.push_back(lower && i < j ? T(0) : *A.at(i, j));
  }
  return numbers;
}

}  // namespace limbeck::tests
