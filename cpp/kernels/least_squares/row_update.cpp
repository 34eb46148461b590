#include "kernels/least_squares/row_update.hpp"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/core/reduce.hpp"
#include "kernels/core/row_sums.hpp"
#include "kernels/dense/cholesky.hpp"
#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/dense/randomized_qrcp.hpp"
#include "kernels/dense/syrk_packed.hpp"
#include "kernels/dense/zero_matrix.hpp"

namespace limbeck::least_squares {

namespace {

using Matrix = dense::TiledMatrix<double>;

constexpr Index width = core::Simd<double>::width;
constexpr Index chunk = 192;  // rows at a time: whole groups of every width, and whole runs of three
// Sum of squares of a column of U: up to it, the condition number of I + U' U is at most 1e3 times the order.
constexpr double most_leverage = 1e3;
constexpr Index few_columns = 256;
constexpr Index columns_of_task = 16;  // columns, or rows of R, of a task that copies or adds: whole lines

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

// Some rows of U = W R^-1, or of W where there is no R.
class Lane {
public:
  // For at most `most` rows at a time.
  Lane(Index columns, const double* R, Index most) : m_(columns), R_(R), rows_(most, m_, core::Unwritten()) {}

  // Rows [begin, begin + count).
  template <class T>
  void load(const RowBlock<T>& rows, Index begin, Index count) {
    used_ = core::ceil_div(count, width);
    rows_.clear();
    for (Index i = 0; i < count; ++i) write_row(rows, begin + i, width, &rows_.at(i, 0));
    if (R_) divide();
  }

  // Adds the inner products of the columns. `transposed` is memory for them.
  void add_to(double* sums, Index stride, dense::Packed<double>* transposed) const {
    transposed->pack_transposed(rows_);
    dense::PackedView<double> columns = transposed->view();
    columns.length = used_ * width;
    dense::syrk_packed(columns, sums, stride);
  }

  // The first `columns` numbers of the loaded rows, `count` of them, become rows of a part of a matrix.
  void store(Index count, Index columns, double* to, Index stride) const {
    for (Index g = 0; g < used_; ++g) {
      const double* from = rows_.group(g);
      const Index here = std::min(width, count - g * width);
      for (Index c = 0; c < columns; ++c) std::copy_n(from + c * width, here, to + c * stride + g * width);
    }
  }

private:
  // W becomes W R^-1: tile after tile of columns, each less its projection on the columns before.
  void divide() {
    for (Index c = 0; c < m_; c += core::tile_columns) {
      dense::for_tile_runs(0, used_, [&](auto vectors, Index g) {
        double* first = rows_.group(g);
        dense::add_tile<double, vectors>(c, first, rows_.stride(), {R_ + c, m_, 1}, -1.0, first + c * width,
                                         {rows_.stride(), width});
      });
      for (Index g = 0; g < used_; ++g) divide_tile(rows_.group(g) + c * width, c);
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

  Index m_, used_ = 0;  // groups of rows
  const double* R_;
  dense::Packed<double> rows_;
};

// R, padded with ones on the diagonal so that whole tiles can be divided by it; none if it is singular.
using Divisor = std::optional<core::AlignedBuffer<double>>;
Divisor padded(const Execution& exec, const double* R, Index m, Index to) {
  for (Index i = 0; i < m; ++i) {
    if (R[i * m + i] == 0) return std::nullopt;
  }
  Divisor result(std::in_place, to * to, core::Unwritten());
  exec.for_each(core::ceil_div(to, columns_of_task), static_cast<double>(to) * to, [&](Index task) {
    for (Index i = task * columns_of_task; i < std::min(to, (task + 1) * columns_of_task); ++i) {
      double* row = result->data() + i * to;
      std::fill_n(row, to, 0.0);
      if (i < m) std::copy(R + i * m + i, R + (i + 1) * m, row + i);
      if (i >= m) row[i] = 1;
    }
  });
  return result;
}

// ---- U' U of all rows: the lower triangle ----

constexpr Index all_threads = 64, lane_numbers = Index{8} << 20;  // 64 MiB of sums

// Memory that one block of rows leaves to the next: new memory costs more than a tenth of the sums.
struct Workspace {
  std::optional<core::LaneSums<double>> lanes;
  std::optional<Matrix> U;
};

// Few columns: lanes of rows, each with sums of its own, which are added up in order.
template <class T>
void add_by_lanes(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, Index whole,
                  const double* divisor, Workspace* workspace, Matrix* sums) {
  // A lane for each of 64 threads: twice as many end together no better, and their memory costs a tenth of the sums.
  // Two chunks are long against the adding up of their inner products; where these are too few for 64 threads, half a
  // chunk, and of the first rows, which are fewer still, a quarter.
  constexpr Index columns_per_task = 2;  // with 64 lanes of 200 columns some five microseconds
  const Index m = rows.columns(), count = end - begin;
  const Index least = count < all_threads * chunk / 4 ? chunk / 4 : chunk / 2;
  const Index wanted = std::max(count / (2 * chunk), std::min(all_threads, count / least));
  const Index lanes = std::clamp<Index>(wanted, 1, std::min(all_threads, lane_numbers / (whole * whole)));
  const Index stride = Matrix::padded(whole);
  if (!workspace->lanes || workspace->lanes->lanes < lanes) workspace->lanes.emplace(lanes, stride * whole);
  core::LaneSums<double>& all = *workspace->lanes;
  exec.for_each(lanes, 2.0 * count * m * m, [&](Index k) {
    double* inner = all.lane(k);
    std::fill_n(inner, all.size, 0.0);
    const core::RowRange range = core::row_range(count, chunk / 4, lanes, k);
    const Index chunks = core::ceil_div(range.end - range.begin, chunk);
    Lane lane(whole, divisor, chunk);
    dense::Packed<double> columns(whole, chunk, core::Unwritten());
    for (Index c = 0; c < chunks && !exec.stopped(); ++c) {
      const core::RowRange part = core::row_range(range.end - range.begin, width, chunks, c);
      lane.load(rows, begin + range.begin + part.begin, part.end - part.begin);
      lane.add_to(inner, stride, &columns);
    }
  });
  // An addition takes as long as some operations, because its numbers come from another thread's cache.
  exec.for_each(core::ceil_div(m, columns_per_task), 8.0 * m * m * lanes, [&](Index task) {
    for (Index j = task * columns_per_task; j < std::min(m, (task + 1) * columns_per_task); ++j) {
      for (Index k = 0; k < lanes; ++k) {
        const double* inner = all.lane(k) + j * stride;
        for (Index i = j; i < m; ++i) *sums->at(i, j) += inner[i];
      }
    }
  });
}

// Many columns, whose sums are so many that few lanes' would fit: rows of U are kept, as many as take 32 MiB, and then
// multiplied by blocks of the result.
template <class T>
void add_by_blocks(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, Index whole,
                   const double* divisor, Workspace* workspace, Matrix* sums) {
  constexpr Index budget = lane_numbers / 2, least = chunk / 4, of_all_threads = all_threads * least;
  const Index m = rows.columns(), fitting = budget / m;
  const Index most = fitting >= of_all_threads ? fitting / of_all_threads * of_all_threads
                                               : std::max(fitting / least, Index{1}) * least;
  const Index parts = core::ceil_div(end - begin, most);
  const Index rows_of_U = std::min(most, core::round_up(rows.n, least));
  if (!workspace->U) workspace->U = dense::unwritten_matrix<double>(exec, rows_of_U, m);
  Matrix& U = *workspace->U;
  for (Index k = 0; k < parts; ++k) {
    const core::RowRange part = core::row_range(end - begin, least, parts, k);
    const Index count = part.end - part.begin;
    // The more rows a task has, the less often R is read.
    const Index step = std::clamp(core::round_up(core::ceil_div(count, all_threads), least), least, chunk);
    exec.for_each(core::ceil_div(count, step), static_cast<double>(count) * m * m, [&](Index task) {
      const Index first = task * step, here = std::min(step, count - first);
      Lane lane(whole, divisor, step);
      lane.load(rows, begin + part.begin + first, here);
      lane.store(here, m, U.at(first, 0), U.stride());
    });
    dense::syrk_lower(exec, dense::VectorSet<double>{U.at(0, 0), m, count, U.stride(), 1}, 1.0, sums);
  }
}

template <class T>
Matrix inner_products(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, const double* divisor,
                      Workspace* workspace) {
  const Index m = rows.columns(), whole = dense::PackedView<double>::padded(m);
  Matrix sums = dense::zero_matrix<double>(exec, m, m);
  if (lane_numbers / (whole * whole) >= all_threads) {
    add_by_lanes(exec, rows, begin, end, whole, divisor, workspace, &sums);
  } else {
    add_by_blocks(exec, rows, begin, end, whole, divisor, workspace, &sums);
  }
  return sums;
}

// ---- Steps by Cholesky's factorisation ----

// R = C' R for a lower triangular C: blocks of the product, without those of zeros.
void multiply_triangles(const Execution& exec, const Matrix& C, Index m, double* R) {
  constexpr Index small = 48, large = 96, many = 384;  // multiples of the widths of all tiles; packing counts for small
  const Index block = m > many ? large : small, blocks = core::ceil_div(m, block);
  Matrix product(m, m, core::Unwritten());
  std::vector<std::pair<Index, Index>> places;  // the longest first
  for (Index apart = blocks; apart-- > 0;) {
    for (Index i = 0; i + apart < blocks; ++i) places.emplace_back(i * block, (i + apart) * block);
  }
  exec.for_each(static_cast<Index>(places.size()), static_cast<double>(m) * m * m / 3, [&](Index task) {
    const auto [i, j] = places[task];
    const Index rows = std::min(block, m - i), columns = std::min(block, m - j), length = j + columns - i;
    // Above the diagonal of C is what it was made from.
    Matrix left(length, rows);
    for (Index c = 0; c < rows; ++c) std::copy_n(C.at(i + c, i + c), length - c, left.at(c, c));
    for (Index c = 0; c < columns; ++c) std::fill_n(product.at(i, j + c), rows, 0.0);
    dense::gemm(Execution(1, nullptr), dense::VectorSet<double>{left.at(0, 0), rows, length, left.stride(), 1},
                dense::VectorSet<double>{R + i * m + j, columns, length, 1, m}, 1.0, &product, {i, j});
  });
  exec.for_each(core::ceil_div(m, columns_of_task), static_cast<double>(m) * m, [&](Index task) {
    const Index first = task * columns_of_task;
    for (Index j = first; j < m; ++j) {
      for (Index i = first; i < std::min(first + columns_of_task, j + 1); ++i) R[i * m + j] = *product.at(i, j);
    }
  });
}

// Rows [begin, end) by way of R^-1; false, with R as it was, where leverages are too large for that.
template <class T>
bool update_by_cholesky_qr(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, double* R,
                           Workspace* workspace) {
  const Index m = rows.columns();
  const Divisor divisor = padded(exec, R, m, dense::PackedView<double>::padded(m));
  if (!divisor) return false;
  Matrix C = inner_products(exec, rows, begin, end, divisor->data(), workspace);
  for (Index j = 0; j < m; ++j) {
    if (!(*C.at(j, j) <= most_leverage)) return false;
    *C.at(j, j) += 1;
  }
  if (!dense::cholesky(exec, &C)) return false;
  multiply_triangles(exec, C, m, R);
  return true;
}

// Whether U has nearly orthonormal columns: singular values between 0.7 and 1.3.
bool is_nearly_identity(const Execution& exec, const Matrix& inner) {
  constexpr double most = 0.25;  // of the squares of all differences
  const Index m = inner.columns();
  std::vector<double> squares(m);
  exec.for_each(core::ceil_div(m, columns_of_task), static_cast<double>(m) * m, [&](Index task) {
    for (Index j = task * columns_of_task; j < std::min(m, (task + 1) * columns_of_task); ++j) {
      const double diagonal = *inner.at(j, j) - 1;
      squares[j] = diagonal * diagonal + 2 * core::squared_norm(inner.at(j + 1, j), m - j - 1);
    }
  });
  double sum = 0;
  for (const double square : squares) sum += square;
  return sum < most;
}

// R = C'.
void transpose(const Execution& exec, const Matrix& C, Index m, double* R) {
  exec.for_each(core::ceil_div(m, columns_of_task), static_cast<double>(m) * m, [&](Index task) {
    for (Index i = task * columns_of_task; i < std::min(m, (task + 1) * columns_of_task); ++i) {
      std::copy_n(C.at(i, i), m - i, R + i * m + i);
    }
  });
}

// The first rows: R of their inner products, and then that of the rows times its inverse, which sets right what the
// inner products have lost (Yamamoto, Nakatsukasa, Yanagisawa and Fukaya, Roundoff error analysis of the CholeskyQR2
// algorithm, ETNA 2015). False, with R zero as before, where that was too much.
template <class T>
bool begin_by_cholesky_qr(const Execution& exec, const RowBlock<T>& rows, Index begin, Index end, double* R,
                          Workspace* workspace) {
  const Index m = rows.columns();
  const auto give_up = [&] {
    std::fill_n(R, m * m, 0.0);
    return false;
  };
  Matrix C = inner_products(exec, rows, begin, end, nullptr, workspace);
  if (!dense::cholesky(exec, &C)) return false;
  transpose(exec, C, m, R);
  const Divisor divisor = padded(exec, R, m, dense::PackedView<double>::padded(m));
  if (!divisor) return give_up();
  C = inner_products(exec, rows, begin, end, divisor->data(), workspace);
  if (!is_nearly_identity(exec, C) || !dense::cholesky(exec, &C)) return give_up();
  multiply_triangles(exec, C, m, R);
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
  // chunks at least; of few columns, where the work on R is that of one thread, 64 lanes of 2048 rows. And rows of a
  // step by reflections: so many that leverages are moderate afterwards. A last block may be half as long again.
  const Index block = std::max<Index>(m < few_columns ? 131072 : 24576, 32 * m), step = std::max<Index>(256, 4 * m);
  Workspace workspace;
  Index next = step;  // rows to reflect where leverages are too large: more each time, since each trial costs
  for (Index i = 0; i < rows.n;) {
    exec.check();
    Index end = (i / block + 1) * block;
    if (rows.n - end < block / 2) end = rows.n;
    if (R[0] == 0 && end - i >= 2 * m) {  // no rows so far: the first column is that of ones
      // Each of these costs half as much again as later ones: of many columns, which take long, there are fewer. Of
      // few, so many that the leverages of the first block, 128 times its share of them, are far from the most.
      const Index fewest = m < few_columns ? std::max(step, block / 128) : 2 * m;
      const Index first = end - i - fewest < m ? end : i + fewest;
      if (begin_by_cholesky_qr(exec, rows, i, first, R, &workspace)) {
        i = first;
        continue;
      }
    }
    if (end - i >= std::min(step, m) && update_by_cholesky_qr(exec, rows, i, end, R, &workspace)) {
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
