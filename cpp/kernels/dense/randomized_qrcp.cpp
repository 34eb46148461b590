#include "kernels/dense/randomized_qrcp.hpp"

#include <cmath>
#include <cstdint>
#include <numeric>

#include "kernels/core/reduce.hpp"
#include "kernels/core/splitmix.hpp"
#include "kernels/dense/gemm_syrk.hpp"

namespace limbeck::dense {

namespace {

// 1 or -1, without a pattern: a hash of the place.
double random_sign(Index at) {
  const std::uint64_t hash = core::splitmix_at((static_cast<std::uint64_t>(at) + 1) * core::splitmix_step);
  return (hash >> 63) != 0 ? 1.0 : -1.0;
}

// x becomes v, of first number 1, with (1 - tau v v') x = beta e1.
struct Reflection {
  double tau, beta;
};
Reflection reflection_of(double* x, Index n) {
  const double alpha = x[0], rest = n > 1 ? std::sqrt(core::squared_norm(x + 1, n - 1)) : 0.0;
  if (rest == 0) {
    x[0] = 1;
    return {0.0, alpha};
  }
  const double beta = -std::copysign(std::hypot(alpha, rest), alpha);
  for (Index i = 1; i < n; ++i) x[i] /= alpha - beta;
  x[0] = 1;
  return {(beta - alpha) / beta, beta};
}

double squares_below(const TiledMatrix<double>& A, Index row, Index rows, Index column, Index last) {
  double sum = 0;
  for (Index j = column; j < last; ++j) sum += core::squared_norm(A.at(row, j), rows - row);
  return sum;
}

void swap_columns(TiledMatrix<double>* A, Index i, Index j, Index rows) {
  if (i != j) std::swap_ranges(A->at(0, i), A->at(0, i) + rows, A->at(0, j));
}

}  // namespace

RandomizedQrcp::RandomizedQrcp(const Execution& exec, TiledMatrix<double> A, Index columns, double negligible)
    : exec_(exec),
      rows_(A.rows()),
      columns_(columns),
      block_(block_size(columns)),
      A_(std::move(A)),
      V_(rows_, columns_),
      T_((columns_ + block_) * block_),
      order_(columns_) {
  std::iota(order_.begin(), order_.end(), Index{0});
  const bool pivoting = A_.columns() > columns_;
  const Index width = A_.columns() - columns_;
  TiledMatrix<double> sketch(width, pivoting ? columns_ : 0);
  double level = 0, rest = 0;
  if (pivoting) {
    for (Index j = 0; j < width; ++j) {
      for (Index i = 0; i < rows_; ++i) *A_.at(i, columns_ + j) = random_sign(j * rows_ + i);
    }
    const VectorSet<double> signs{A_.at(0, columns_), width, rows_, A_.stride(), 1};
    gemm(exec, signs, {A_.at(0, 0), columns_, rows_, A_.stride(), 1}, 1.0, &sketch);
    const double size = std::sqrt(squares_below(A_, 0, rows_, 0, columns_));
    level = negligible * size / std::sqrt(static_cast<double>(columns_));
  }
  for (Index k = 0; k < columns_; k += block_) {
    exec.check();
    const Index end = std::min(k + block_, columns_);
    if (pivoting) {
      // The sketch overstates the rest by its number of rows, and is wrong by some rounding.
      constexpr double doubt = 4;  // a sketch of forty rows or more is hardly ever wrong by as much
      const double seen = std::sqrt(squares_below(sketch, 0, width, k, columns_) / width);
      if (seen <= doubt * level) {
        rest = std::sqrt(squares_below(A_, k, rows_, k, columns_));
        if (rest <= level) break;
      }
      rest = 0;
      pick(&sketch, k, end);
    }
    factor(k, end, block_T(k), block_);
    factored_ = end;
    if (k == 0 && pivoting) level = std::max(level, negligible * std::abs(R(0, 0)));
    if (end < A_.columns()) apply_block(k, end, block_T(k), block_, true, &A_, end, A_.columns());
    if (pivoting && end < columns_) {
      const VectorSet<double> signs{A_.at(k, columns_), width, end - k, A_.stride(), 1};
      gemm(exec, signs, {A_.at(k, end), columns_ - end, end - k, A_.stride(), 1}, -1.0, &sketch, {0, end});
    }
  }
  count_rank(level, rest);
}

void RandomizedQrcp::count_rank(double level, double rest) {
  double square = rest * rest;
  rank_ = factored_;
  while (rank_ > 0) {
    for (Index j = rank_ - 1; j < columns_; ++j) square += R(rank_ - 1, j) * R(rank_ - 1, j);
    if (!(std::sqrt(square) <= level)) break;
    --rank_;
  }
}

// Brings the columns that pivoted reflections of the sketch pick to the places [begin, end).
void RandomizedQrcp::pick(TiledMatrix<double>* sketch, Index begin, Index end) {
  const Index height = sketch->rows(), stride = sketch->stride();
  core::AlignedBuffer<double> S((columns_ - begin) * stride);
  std::copy_n(sketch->at(0, begin), (columns_ - begin) * stride, S.data());
  const auto column = [&](Index j) { return S.data() + (j - begin) * stride; };
  std::vector<double> left(columns_ - begin);
  for (Index j = begin; j < columns_; ++j) left[j - begin] = core::squared_norm(column(j), height);
  for (Index k = begin; k < end; ++k) {
    const Index row = k - begin;
    const Index best = std::max_element(left.begin() + row, left.end()) - left.begin() + begin;
    swap_columns(sketch, k, best, height);
    swap_columns(&A_, k, best, rows_);
    std::swap_ranges(column(k), column(k) + height, column(best));
    std::swap(left[k - begin], left[best - begin]);
    std::swap(order_[k], order_[best]);
    if (row >= height) continue;
    const Index length = height - row;
    const double tau = reflection_of(column(k) + row, length).tau;
    const double* v = column(k) + row;
    constexpr Index columns_per_task = 128;  // of some forty to seventy numbers: 64 KiB
    const Index rest = columns_ - k - 1;
    exec_.for_each(core::ceil_div(rest, columns_per_task), 6.0 * length * rest, [&](Index task) {
      const Index first = k + 1 + task * columns_per_task, last = std::min(columns_, first + columns_per_task);
      for (Index j = first; j < last; ++j) {
        double* x = column(j) + row;
        core::add_scaled(-tau * core::dot(v, x, length), v, x, length);
        left[j - begin] = core::squared_norm(x + 1, length - 1);
      }
    });
  }
}

// Columns [begin, end): by halves, so that most of the work is done by products.
void RandomizedQrcp::factor(Index begin, Index end, double* T, Index stride) {
  constexpr Index few = 4;  // columns that are reflected one by one: products of fewer would not fill a tile
  if (end - begin <= few) {
    for (Index j = begin; j < end; ++j) {
      double* v = V_.at(j, j);
      std::copy(A_.at(j, j), A_.at(rows_, j), v);
      const Reflection found = reflection_of(v, rows_ - j);
      *A_.at(j, j) = found.beta;
      for (Index c = j + 1; c < end; ++c) {
        double* x = A_.at(j, c);
        core::add_scaled(-found.tau * core::dot(v, x, rows_ - j), v, x, rows_ - j);
      }
      // Column of T: -tau T V' v.
      double* column = T + (j - begin) * stride;
      for (Index c = begin; c < j; ++c) column[c - begin] = -found.tau * core::dot(V_.at(j, c), v, rows_ - j);
      for (Index i = begin; i < j; ++i) {
        double sum = 0;
        for (Index c = i; c < j; ++c) sum += T[(c - begin) * stride + i - begin] * column[c - begin];
        column[i - begin] = sum;
      }
      column[j - begin] = found.tau;
    }
    return;
  }
  const Index middle = begin + (end - begin) / 2, left = middle - begin, right = end - middle;
  factor(begin, middle, T, stride);
  apply_block(begin, middle, T, stride, true, &A_, middle, end);
  double* corner = T + left * stride + left;
  factor(middle, end, corner, stride);
  // T of both: the block above the right one is -T1 (V1' V2) T2.
  TiledMatrix<double> products(left, right);
  gemm(exec_, VectorSet<double>{V_.at(middle, begin), left, rows_ - middle, V_.stride(), 1},
       VectorSet<double>{V_.at(middle, middle), right, rows_ - middle, V_.stride(), 1}, -1.0, &products);
  for (Index c = 0; c < right; ++c) {
    double* above = T + (left + c) * stride;
    std::fill_n(above, left, 0.0);
    for (Index r = 0; r <= c; ++r) core::add_scaled(corner[c * stride + r], products.at(0, r), above, left);
    multiply_T(left, T, stride, false, above);
  }
}

// w becomes T w or T' w.
void RandomizedQrcp::multiply_T(Index size, const double* T, Index stride, bool transposed, double* w) const {
  if (transposed) {
    for (Index i = size; i-- > 0;) w[i] = core::dot(T + i * stride, w, i + 1);
    return;
  }
  for (Index i = 0; i < size; ++i) {
    double sum = 0;
    for (Index c = i; c < size; ++c) sum += T[c * stride + i] * w[c];
    w[i] = sum;
  }
}

// Columns [first, last) of B: times 1 - V T V', or its transpose.
void RandomizedQrcp::apply_block(Index begin, Index end, const double* T, Index stride, bool transposed,
                                 TiledMatrix<double>* B, Index first, Index last) const {
  constexpr Index few_columns = 4, columns_per_task = 64;
  const Index size = end - begin, length = rows_ - begin, columns = last - first;
  TiledMatrix<double> W(size, columns);
  if (columns <= few_columns) {
    // One by one, without packing the reflections.
    for (Index j = 0; j < columns; ++j) {
      double* w = W.at(0, j);
      double* b = B->at(begin, first + j);
      for (Index i = 0; i < size; ++i) w[i] = core::dot(V_.at(begin, begin + i), b, length);
      multiply_T(size, T, stride, transposed, w);
      for (Index i = 0; i < size; ++i) core::add_scaled(-w[i], V_.at(begin, begin + i), b, length);
    }
    return;
  }
  gemm(exec_, VectorSet<double>{V_.at(begin, begin), size, length, V_.stride(), 1},
       VectorSet<double>{B->at(begin, first), columns, length, B->stride(), 1}, 1.0, &W);
  exec_.for_each(core::ceil_div(columns, columns_per_task), static_cast<double>(size) * size * columns,
                 [&](Index task) {
                   const Index last_column = std::min(columns, (task + 1) * columns_per_task);
                   for (Index j = task * columns_per_task; j < last_column; ++j) {
                     multiply_T(size, T, stride, transposed, W.at(0, j));
                   }
                 });
  gemm(exec_, VectorSet<double>{V_.at(begin, begin), length, size, 1, V_.stride()},
       VectorSet<double>{W.at(0, 0), columns, size, W.stride(), 1}, -1.0, B, {begin, first});
}

void RandomizedQrcp::apply(TiledMatrix<double>* B) const {
  for (Index k = (factored_ - 1) / block_ * block_; k >= 0 && factored_ > 0; k -= block_) {
    apply_block(k, std::min(k + block_, factored_), block_T(k), block_, false, B, 0, B->columns());
  }
}

void RandomizedQrcp::apply_transposed(TiledMatrix<double>* B) const {
  for (Index k = 0; k < factored_; k += block_) {
    apply_block(k, std::min(k + block_, factored_), block_T(k), block_, true, B, 0, B->columns());
  }
}

}  // namespace limbeck::dense
