// A P = Q R by blocked Householder reflections, whose columns are picked on a random sketch of the rest of the matrix.
//
// Sources: Martinsson, Quintana-Ortí, Heavner and van de Geijn, Householder QR factorization with randomization for
// column pivoting, SIAM J. Sci. Comput. 39, 2017; Schreiber and Van Loan, A storage-efficient WY representation for
// products of Householder transformations, SIAM J. Sci. Stat. Comput. 10, 1989.
#pragma once

#include <vector>

#include "kernels/core/execution.hpp"
#include "kernels/dense/matrix.hpp"

namespace limbeck::dense {

class RandomizedQrcp {
public:
  // A (rows, columns), at least as many rows as columns, and beside it `spare_columns`. Pivoting ends where the rest of
  // the matrix, in the Frobenius norm, is at most `negligible` times the largest singular value of A (to within a
  // factor of the square root of its columns). Without spare columns nothing is pivoted, and all columns are factored.
  RandomizedQrcp(const Execution& exec, TiledMatrix<double> A, Index columns, double negligible = 0);
  static Index spare_columns(Index columns) { return block_size(columns) + oversampling; }

  Index rows() const { return rows_; }
  Index columns() const { return columns_; }
  // How many rows of R there are.
  Index factored() const { return factored_; }
  double R(Index i, Index j) const { return *A_.at(i, j); }
  // Where in A the columns of A P stand.
  const std::vector<Index>& order() const { return order_; }
  // The smallest number of rows of R whose rest is negligible.
  Index rank() const { return rank_; }

  // B (rows, any) becomes Q B or Q' B.
  void apply(TiledMatrix<double>* B) const;
  void apply_transposed(TiledMatrix<double>* B) const;

private:
  void factor(Index begin, Index end, double* T, Index T_stride);
  void apply_block(Index begin, Index end, const double* T, Index T_stride, bool transposed, TiledMatrix<double>* B,
                   Index first, Index last) const;
  void multiply_T(Index size, const double* T, Index stride, bool transposed, double* w) const;
  double* block_T(Index begin) { return T_.data() + begin * block_; }
  const double* block_T(Index begin) const { return T_.data() + begin * block_; }
  void pick(TiledMatrix<double>* sketch, Index begin, Index end);
  void count_rank(double level, double rest);

  static constexpr Index oversampling = 8;  // rows of the sketch beyond the columns of a block, as in the source
  // Columns between two updates of the rest: more make products of a better shape and panels that take longer.
  static Index block_size(Index columns) { return columns < 256 ? 32 : 64; }

  const Execution& exec_;
  Index rows_, columns_, block_, factored_ = 0, rank_ = 0;
  TiledMatrix<double> A_;          // R, and beside it the sketching vectors times Q
  TiledMatrix<double> V_;          // the reflections, column by column
  core::AlignedBuffer<double> T_;  // their triangular factors, block by block
  std::vector<Index> order_;
};

}  // namespace limbeck::dense
