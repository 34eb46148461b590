#include "kernels/least_squares/row_update.hpp"

#include <cmath>
#include <limits>

#include "kernels/dense/cholesky.hpp"
#include "kernels/dense/micro_kernel.hpp"
#include "kernels/dense/randomized_qrcp.hpp"
#include "kernels/dense/syrk_packed.hpp"

namespace limbeck {

namespace {

constexpr Index width = PackedVectors<double>::width;
constexpr Index chunk = 192;           // rows at a time: whole groups of every width
constexpr double most_leverage = 1e3;  // sum of squares of a column of U

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
      : m_(columns), R_(R), by_rows_(chunk * m_), by_columns_(chunk * m_), inner_(m_, m_) {}

  const TiledMatrix<double>& inner() const { return inner_; }

  // Rows [begin, begin + count), count at most a chunk.
  template <class T>
  void add(const RowBlock<T>& rows, Index begin, Index count) {
    load(rows, begin, count);
    divide();
    turn();
    multiply();
  }

private:
  // Groups of `width` rows, interleaved.
  double* group(Index g) { return by_rows_.data() + g * m_ * width; }

  template <class T>
  void load(const RowBlock<T>& rows, Index begin, Index count) {
    std::fill_n(by_rows_.data(), chunk * m_, 0.0);
    for (Index i = 0; i < count; ++i) write_row(rows, begin + i, width, group(i / width) + i % width);
  }

  // W becomes W R^-1: tile after tile of columns, each less what those before explain.
  void divide() {
    constexpr Index groups = chunk / width;
    for (Index c = 0; c < m_; c += tile_columns) {
      Index g = 0;
      const auto tiles = [&](auto vectors) {
        double* first = group(g);
        add_tile<double, vectors>(c, first, m_ * width, {R_ + c, m_, 1}, -1.0, first + c * width, {m_ * width, width});
        g += vectors;
      };
      while (groups - g >= 3) tiles(std::integral_constant<int, 3>());
      while (g < groups) tiles(std::integral_constant<int, 1>());
      for (g = 0; g < groups; ++g) divide_tile(group(g) + c * width, c);
    }
  }

  void divide_tile(double* u, Index c) const {
    using V = Simd<double>::Vector;
    for (Index j = 0; j < tile_columns; ++j) {
      const double* column = R_ + c * m_ + c + j;
      V value = Simd<double>::load(u + j * width);
      for (Index k = 0; k < j; ++k) value -= Simd<double>::load(u + k * width) * column[k * m_];
      Simd<double>::store(u + j * width, value / column[j * m_]);
    }
  }

  // Groups of `width` columns, interleaved.
  void turn() {
    for (Index r = 0; r < chunk / width; ++r) {
      for (Index c = 0; c < m_ / width; ++c) {
        const double* from = group(r) + c * width * width;
        double* to = by_columns_.data() + c * chunk * width + r * width * width;
        for (Index i = 0; i < width; ++i) {
          for (Index j = 0; j < width; ++j) to[i * width + j] = from[j * width + i];
        }
      }
    }
  }

  void multiply() { add_packed_gram<double>({by_columns_.data(), m_, chunk, chunk * width}, &inner_); }

  Index m_;
  const double* R_;
  AlignedBuffer<double> by_rows_, by_columns_;
  TiledMatrix<double> inner_;
};

// Padded with ones on the diagonal, so that whole tiles can be divided by it. False if it is singular.
bool pad(const double* R, Index m, Index to, AlignedBuffer<double>* result) {
  for (Index i = 0; i < to; ++i) {
    for (Index j = i; j < m; ++j) result->data()[i * to + j] = R[i * m + j];
    if (i >= m) result->data()[i * to + i] = 1;
    if (i < m && R[i * m + i] == 0) return false;
  }
  return true;
}

// Rows [begin, end) by way of R^-1; false, with R as it was, where leverages are too large for that.
template <class T>
bool merge_by_leverage(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, double* R) {
  constexpr Index most_lanes = 8, budget = Index{8} << 20;  // numbers in the lanes' inner products
  const Index m = rows.columns(), whole = PackedVectors<double>::padded(m);
  AlignedBuffer<double> divisor(whole * whole);
  if (!pad(R, m, whole, &divisor)) return false;
  const Index chunks = (end - begin + chunk - 1) / chunk;
  const Index lanes = std::clamp<Index>(budget / (whole * whole), 1, std::min(chunks, most_lanes));
  std::vector<std::unique_ptr<Lane>> all(lanes);
  exec.for_each(lanes, 2.0 * (end - begin) * m * m, [&](Index lane) {
    all[lane] = std::make_unique<Lane>(whole, divisor.data());
    for (Index k = lane * chunks / lanes; k < (lane + 1) * chunks / lanes && !exec.stopped(); ++k) {
      const Index first = begin + k * chunk;
      all[lane]->add(rows, first, std::min(chunk, end - first));
    }
  });
  TiledMatrix<double> C(m, m);
  for (Index j = 0; j < m; ++j) {
    for (const auto& lane : all) {
      for (Index i = j; i < m; ++i) *C.at(i, j) += *lane->inner().at(i, j);
    }
    if (!(*C.at(j, j) <= most_leverage)) return false;
    *C.at(j, j) += 1;
  }
  if (!cholesky(exec, &C)) return false;
  for (Index j = 0; j < m; ++j) std::fill_n(C.at(0, j), j, 0.0);
  TiledMatrix<double> product(m, m);
  add_products(exec, VectorSet<double>{C.at(0, 0), m, m, C.stride(), 1}, VectorSet<double>{R, m, m, 1, m}, 1.0,
               &product);
  for (Index i = 0; i < m; ++i) {
    for (Index j = i; j < m; ++j) R[i * m + j] = *product.at(i, j);
  }
  return true;
}

template <class T>
void merge_by_reflections(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, double* R) {
  const Index m = rows.columns(), count = end - begin;
  TiledMatrix<double> A(m + count, m);
  for (Index i = 0; i < m; ++i) {
    for (Index j = i; j < m; ++j) *A.at(i, j) = R[i * m + j];
  }
  for (Index i = 0; i < count; ++i) write_row(rows, begin + i, A.stride(), A.at(m + i, 0));
  const PivotedQR qr(exec, std::move(A), m);
  for (Index i = 0; i < m; ++i) {
    for (Index j = i; j < m; ++j) R[i * m + j] = qr.R(i, j);
  }
}

}  // namespace

template <class T>
void merge_rows(const Execution& exec, const RowBlock<T>& rows, double* R) {
  const Index m = rows.columns();
  // Enough rows that the work on R does not count, and at the beginning enough that leverages are moderate.
  const Index usual = std::max<Index>(8192, 32 * m), few = std::max<Index>(256, 4 * m);
  Index next = few;  // rows to reflect where leverages are too large: more each time, as that is no use to try again
  for (Index i = 0; i < rows.n;) {
    exec.check();
    const Index end = std::min(rows.n, i + usual);
    if (end - i >= std::min(few, m) && merge_by_leverage(exec, rows, i, end, R)) {
      i = end;
      next = few;
      continue;
    }
    for (const Index last = std::min(end, i + next); i < last;) {
      const Index some = std::min(last, i + few);
      merge_by_reflections(exec, rows, i, some, R);
      i = some;
    }
    next = std::min(usual, 2 * next);
  }
}

template void merge_rows(const Execution&, const RowBlock<float>&, double*);
template void merge_rows(const Execution&, const RowBlock<double>&, double*);

}  // namespace limbeck
