#include "kernels/simulation/block_cholesky.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/cholesky.hpp"
#include "kernels/dense/micro_kernel.hpp"

namespace limbeck::simulation {

namespace {

constexpr Index width = core::Simd<float>::width;
using Numbers = core::Simd<float>;
using Matrix = dense::TiledMatrix<float>;

// Columns that are updated at a time; their sums, in three vectors of rows, are in registers.
constexpr Index tile = std::min(core::tile_columns, width);
static_assert(width % tile == 0);
// Above it the factor, 256 KiB, may leave the second-level cache, and several threads are worth their cost.
constexpr Index largest = 256;

// Left-looking update of `tile` columns at `column`, in MV vectors of rows from `row` on, by the columns before `end`.
template <int MV>
void subtract_products(Matrix* A, Index row, Index column, Index end) {
  Numbers::Vector sums[MV][tile];
#pragma GCC unroll 16
  for (int m = 0; m < MV; ++m) {
#pragma GCC unroll 16
    for (Index c = 0; c < tile; ++c) sums[m][c] = Numbers::load(A->at(row + m * width, column + c));
  }
  const float *left = A->at(row, 0), *right = A->at(column, 0);
  const Index stride = A->stride();
  for (Index l = 0; l < end; ++l, left += stride, right += stride) {
    Numbers::Vector numbers[MV];
    for (int m = 0; m < MV; ++m) numbers[m] = Numbers::load(left + m * width);
    for (Index c = 0; c < tile; ++c) {
      const float factor = right[c];
      for (int m = 0; m < MV; ++m) sums[m][c] -= numbers[m] * factor;
    }
  }
#pragma GCC unroll 16
  for (int m = 0; m < MV; ++m) {
#pragma GCC unroll 16
    for (Index c = 0; c < tile; ++c) Numbers::store(A->at(row + m * width, column + c), sums[m][c]);
  }
}

// The block on the diagonal at `first`, and the inverses of its factor's diagonal.
bool factor_diagonal(Matrix* A, Index first, float* inverses) {
  Numbers::Vector columns[width];
#pragma GCC unroll 16
  for (Index j = 0; j < width; ++j) columns[j] = Numbers::load(A->at(first, first + j));
  bool positive = true;
#pragma GCC unroll 16
  for (Index j = 0; j < width; ++j) {
    float* column = A->at(first, first + j);
    const float pivot = columns[j][j];
    positive = positive && pivot > 0 && std::isfinite(pivot);
    inverses[j] = 1 / std::sqrt(pivot);
    columns[j] *= inverses[j];
    Numbers::store(column, columns[j]);
#pragma GCC unroll 16
    for (Index k = j + 1; k < width; ++k) columns[k] -= columns[j] * column[k];
  }
  return positive;
}

// Rows below the block at `first` times the inverse of its transposed factor.
void solve_rows(Matrix* A, Index first, Index row, const float* inverses) {
  Numbers::Vector x[width];
#pragma GCC unroll 16
  for (Index j = 0; j < width; ++j) x[j] = Numbers::load(A->at(row, first + j));
#pragma GCC unroll 16
  for (Index j = 0; j < width; ++j) {
    const float* column = A->at(first, first + j);
    x[j] *= inverses[j];
#pragma GCC unroll 16
    for (Index k = j + 1; k < width; ++k) x[k] -= x[j] * column[k];
    Numbers::store(A->at(row, first + j), x[j]);
  }
}

bool factor_small(Matrix* A) {
  const Index groups = A->rows() / width;
  for (Index g = 0; g < groups; ++g) {
    const Index first = g * width;
    for (Index c = first; c < first + width; c += tile) {
      dense::for_tile_runs(g, groups, [&](auto number, Index i) { subtract_products<number>(A, i * width, c, first); });
    }
    float inverses[width];
    if (!factor_diagonal(A, first, inverses)) return false;
    for (Index i = g + 1; i < groups; ++i) solve_rows(A, first, i * width, inverses);
  }
  return true;
}

float total(Numbers::Vector v) {
  float parts[width];
  Numbers::store(parts, v);
  return core::sum_in_pairs<width>(parts);
}

// totals[k] = the sum of the numbers of v[k].
void store_totals(const Numbers::Vector (&v)[width], float* totals) {
#pragma GCC unroll 16
  for (Index k = 0; k < width; ++k) totals[k] = total(v[k]);
}

}  // namespace

BlockCholesky::BlockCholesky(Index size) : inverses_(size * width) {}

bool BlockCholesky::factor(const Execution& exec, Matrix* A) {
  if (!(A->rows() <= largest ? factor_small(A) : dense::cholesky(exec, A))) return false;
  invert_blocks(*A);
  return true;
}

void BlockCholesky::invert_blocks(const Matrix& L) {
  for (Index first = 0; first < L.rows(); first += width) {
    // L_jj M_j = e_j - sum over i < j of L_ji M_i for its rows M_j.
    float* M = inverses_.data() + first * width;
    Numbers::Vector rows[width] = {};
#pragma GCC unroll 16
    for (Index j = 0; j < width; ++j) rows[j][j] = 1;
#pragma GCC unroll 16
    for (Index j = 0; j < width; ++j) {
      const float* column = L.at(first, first + j);
      rows[j] *= 1 / column[j];
#pragma GCC unroll 16
      for (Index k = j + 1; k < width; ++k) rows[k] -= rows[j] * column[k];
      Numbers::store(M + j * width, rows[j]);
    }
  }
}

void BlockCholesky::solve(const Matrix& L, float* x) const {
  forward(L, x);
  backward(L, x);
}

void BlockCholesky::forward(const Matrix& L, float* x) const {
  for (Index first = 0; first < L.rows(); first += width) {
    const float* M = inverses_.data() + first * width;
    const Numbers::Vector right = Numbers::load(x + first);
    Numbers::Vector products[width];
#pragma GCC unroll 16
    for (Index i = 0; i < width; ++i) products[i] = Numbers::load(M + i * width) * right;
    store_totals(products, x + first);
    for (Index below = first + width; below < L.rows(); below += width) {
      Numbers::Vector left = Numbers::load(x + below);
#pragma GCC unroll 16
      for (Index j = 0; j < width; ++j) left -= Numbers::load(L.at(below, first + j)) * x[first + j];
      Numbers::store(x + below, left);
    }
  }
}

void BlockCholesky::backward(const Matrix& L, float* x) const {
  for (Index first = L.rows() - width; first >= 0; first -= width) {
    const float* M = inverses_.data() + first * width;
    Numbers::Vector found[width] = {};
    for (Index below = first + width; below < L.rows(); below += width) {
      const Numbers::Vector known = Numbers::load(x + below);
#pragma GCC unroll 16
      for (Index j = 0; j < width; ++j) found[j] += Numbers::load(L.at(below, first + j)) * known;
    }
    float sums[width];
    store_totals(found, sums);
    Numbers::Vector left{};
#pragma GCC unroll 16
    for (Index i = 0; i < width; ++i) left += Numbers::load(M + i * width) * (x[first + i] - sums[i]);
    Numbers::store(x + first, left);
  }
}

}  // namespace limbeck::simulation
