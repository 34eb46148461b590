// The Cholesky factor of a matrix that fits into a second-level cache, and solves with one right-hand side.
#pragma once

#include "kernels/core/execution.hpp"
#include "kernels/dense/matrix.hpp"

namespace limbeck::simulation {

// Works on blocks of as many columns as a register holds numbers; sizes are multiples of that. What is above the
// diagonal is not defined.
class BlockCholesky {
public:
  explicit BlockCholesky(Index size);

  // A = L L' in place, in the lower triangle; false, with A spoilt, where A is not positive definite to rounding. Large
  // matrices, which want another order of memory and tasks, are left to dense::cholesky.
  bool factor(const Execution& exec, dense::TiledMatrix<float>* A);
  // x becomes (L L')^-1 x, for the factor that was made last. Number by number each unknown would wait for a division
  // and for the one before it; here a block is a product with the inverse of the block on the diagonal.
  void solve(const dense::TiledMatrix<float>& L, float* x) const;

private:
  void invert_blocks(const dense::TiledMatrix<float>& L);
  void forward(const dense::TiledMatrix<float>& L, float* x) const;
  void backward(const dense::TiledMatrix<float>& L, float* x) const;

  core::AlignedBuffer<float> inverses_;  // of the blocks on the diagonal: (width, width) each, C order
};

}  // namespace limbeck::simulation
