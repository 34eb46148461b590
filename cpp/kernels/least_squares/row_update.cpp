#include "kernels/least_squares/row_update.hpp"

#include <cmath>
#include <optional>
#include <vector>

#include "kernels/dense/cholesky.hpp"
#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/dense/randomized_qrcp.hpp"
#include "kernels/dense/syrk_packed.hpp"

namespace limbeck::least_squares {

namespace {

constexpr Index width = core::Simd<double>::width;
constexpr Index chunk = 192;  // rows at a time: whole groups of every width, and whole runs of three
// Sum of squares of a column of U: up to it, the condition number of I + U' U is at most 1e3 times the order.
constexpr double most_leverage = 1e3;

// Writes a row, its numbers `stride` apart.
template <class T>
void write_row(const RowBlock<T>& rows, Index i, Index stride, double* to) {
  const double weight = rows.weights ? std::sqrt(rows.weights[i]) : 1.0;
  const double x_factor = 1 / rows.x_unit, y_factor = 1 / rows.y_unit;
  const T* x = rows.X + i * rows.p;
  const double* y = rows.Y + i * rows.q;
  *to = weight;
  for (Index j = 0; j < rows.p; ++j) to[(1 + j) * stride] = (x_factor * x[j]) * weight;
  for (Index j = 0; j < rows.q; ++j) to[(1 + rows.p + j) * stride] = (y_factor * y[j]) * weight;
}

// Some rows of U, and their inner products.
class Lane {
public:
  Lane(Index columns, const double* R)
      : m_(columns), R_(R), by_rows_(chunk, m_, core::Unwritten()), by_columns_(m_, chunk, core::Unwritten()) {}

  // Rows [begin, begin + count), count at most a chunk.
  template <class T>
  void add(const RowBlock<T>& rows, Index begin, Index count, dense::TiledMatrix<double>* inner) {
    by_rows_.clear();
    for (Index i = 0; i < count; ++i) write_row(rows, begin + i, width, &by_rows_.at(i, 0));
    divide();
    by_columns_.pack_transposed(by_rows_);
    dense::syrk_packed<double>(by_columns_.view(), inner);
  }

private:
  // W becomes W R^-1: tile after tile of columns, each less its projection on the columns before.
  void divide() {
    for (Index c = 0; c < m_; c += core::tile_columns) {
      dense::for_tile_runs(0, by_rows_.groups(), [&](auto vectors, Index g) {
        double* first = by_rows_.group(g);
        dense::add_tile<double, vectors>(c, first, by_rows_.stride(), {R_ + c, m_, 1}, -1.0, first + c * width,
                                         {by_rows_.stride(), width});
      });
      for (Index g = 0; g < by_rows_.groups(); ++g) divide_tile(by_rows_.group(g) + c * width, c);
    }
  }

  void divide_tile(double* u, Index c) const {
    using V = core::Simd<double>::Vector;
    for (Index j = 0; j < core::tile_columns; ++j) {
      const double* column = R_ + c * m_ + c + j;
      V value = core::Simd<double>::load(u + j * width);
      for (Index k = 0; k < j; ++k) value -= core::Simd<double>::load(u + k * width) * column[k * m_];
      core::Simd<double>::store(u + j * width, value / column[j * m_]);
    }
  }

  Index m_;
  const double* R_;
  dense::Packed<double> by_rows_, by_columns_;  // U, its rows as vectors and its columns as vectors
};

// Padded with ones on the diagonal, so that whole tiles can be divided by it. False if it is singular.
bool pad(const double* R, Index m, Index to, core::AlignedBuffer<double>* result) {
  for (Index i = 0; i < to; ++i) {
    for (Index j = i; j < m; ++j) result->data()[i * to + j] = R[i * m + j];
    if (i >= m) result->data()[i * to + i] = 1;
    if (i < m && R[i * m + i] == 0) return false;
  }
  return true;
}

using Inner = std::vector<std::optional<dense::TiledMatrix<double>>>;

// Inner products of the rows of U, those of some chunks of rows in each.
template <class T>
Inner inner_products(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, Index whole,
                     const double* divisor) {
  // Two chunks are long against the adding up of their inner products; all of these stay within 64 MiB.
  constexpr Index least_chunks = 2, most_lanes = 128, budget = Index{8} << 20;
  const Index chunks = core::ceil_div(end - begin, chunk);
  const Index lanes_wanted = std::clamp<Index>(budget / (whole * whole), 1, most_lanes);
  const Index of_a_lane = std::max(least_chunks, core::ceil_div(chunks, lanes_wanted));
  const Index lanes = core::ceil_div(chunks, of_a_lane), m = rows.columns();
  Inner all(lanes);
  exec.for_each(lanes, 2.0 * (end - begin) * m * m, [&](Index k) {
    Lane lane(whole, divisor);
    dense::TiledMatrix<double>& inner = all[k].emplace(whole, whole);
    for (Index c = k * of_a_lane; c < std::min(chunks, (k + 1) * of_a_lane) && !exec.stopped(); ++c) {
      const Index first = begin + c * chunk;
      lane.add(rows, first, std::min(chunk, end - first), &inner);
    }
  });
  return all;
}

// Rows [begin, end) by way of R^-1; false, with R as it was, where leverages are too large for that.
template <class T>
bool update_by_cholesky_qr(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, double* R) {
  const Index m = rows.columns(), whole = dense::PackedView<double>::padded(m);
  core::AlignedBuffer<double> divisor(whole * whole);
  if (!pad(R, m, whole, &divisor)) return false;
  const Inner all = inner_products(exec, rows, begin, end, whole, divisor.data());
  dense::TiledMatrix<double> C(m, m);
  constexpr Index columns_per_task = 2;  // with 128 lanes of 200 columns some ten microseconds
  const double operations = 2.0 * m * m * static_cast<double>(all.size());
  exec.for_each(core::ceil_div(m, columns_per_task), operations, [&](Index task) {
    for (Index j = task * columns_per_task; j < std::min(m, (task + 1) * columns_per_task); ++j) {
      for (const auto& inner : all) {
        for (Index i = j; i < m; ++i) *C.at(i, j) += *inner->at(i, j);
      }
    }
  });
  for (Index j = 0; j < m; ++j) {
    if (!(*C.at(j, j) <= most_leverage)) return false;
    *C.at(j, j) += 1;
  }
  if (!dense::cholesky(exec, &C)) return false;
  for (Index j = 0; j < m; ++j) std::fill_n(C.at(0, j), j, 0.0);
  dense::TiledMatrix<double> product(m, m);
  dense::gemm(exec, dense::VectorSet<double>{C.at(0, 0), m, m, C.stride(), 1}, dense::VectorSet<double>{R, m, m, 1, m},
              1.0, &product);
  for (Index i = 0; i < m; ++i) {
    for (Index j = i; j < m; ++j) R[i * m + j] = *product.at(i, j);
  }
  return true;
}

template <class T>
void update_by_householder(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, double* R) {
  const Index m = rows.columns(), count = end - begin;
  dense::TiledMatrix<double> A(m + count, m);
  for (Index i = 0; i < m; ++i) {
    for (Index j = i; j < m; ++j) *A.at(i, j) = R[i * m + j];
  }
  for (Index i = 0; i < count; ++i) write_row(rows, begin + i, A.stride(), A.at(m + i, 0));
  const dense::RandomizedQrcp qr(exec, std::move(A), m);
  for (Index i = 0; i < m; ++i) {
    for (Index j = i; j < m; ++j) R[i * m + j] = qr.R(i, j);
  }
}

}  // namespace

template <class T>
void update_r(const Execution& exec, const RowBlock<T>& rows, double* R) {
  const Index m = rows.columns();
  // Rows of a block: so many that the work on R, m^3, is a thirty-second of that on the rows, and 64 lanes of two
  // chunks at least; and rows of a step by reflections: so many that leverages are moderate afterwards.
  const Index block = std::max<Index>(24576, 32 * m), step = std::max<Index>(256, 4 * m);
  Index next = step;  // rows to reflect where leverages are too large: more each time, since each trial costs
  for (Index i = 0; i < rows.n;) {
    exec.check();
    const Index end = std::min(rows.n, i + block);
    if (end - i >= std::min(step, m) && update_by_cholesky_qr(exec, rows, i, end, R)) {
      i = end;
      next = step;
      continue;
    }
    for (const Index last = std::min(end, i + next); i < last;) {
      const Index some = std::min(last, i + step);
      update_by_householder(exec, rows, i, some, R);
      i = some;
    }
    next = std::min(block, 2 * next);
  }
}

template void update_r(const Execution&, const RowBlock<float>&, double*);
template void update_r(const Execution&, const RowBlock<double>&, double*);

}  // namespace limbeck::least_squares
