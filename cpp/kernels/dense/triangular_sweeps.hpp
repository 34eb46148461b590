// Solves with a Cholesky factor for one or two right-hand sides: in one region, by chains that are as short as can be.
#pragma once

#include <vector>

#include "kernels/core/dependencies.hpp"
#include "kernels/core/execution.hpp"
#include "kernels/dense/matrix.hpp"

namespace limbeck::dense {

// With the inverses of the blocks of L's diagonal, the unknowns of a block are a product, whose sums do not wait for
// each other as those of a substitution do.
template <class T>
class TriangularSweeps {
public:
  static constexpr Index most_columns = 2;

  // L is lower triangular, with zeros in the room below its last row, and stays where it is.
  TriangularSweeps(const Execution& exec, const TiledMatrix<T>& L);

  const std::vector<T>& diagonal() const { return diagonal_; }

  // The columns of B, `most_columns` at most, become (L L')^-1 times them.
  void solve(const Execution& exec, TiledMatrix<T>* B) const;

private:
  template <int columns>
  void run(Index task, TiledMatrix<T>* B, TiledMatrix<T>* between) const;

  // Half of block `to` of the right-hand sides, less what the unknowns of block `from` explain; or, where the blocks
  // are the same, from right-hand sides to unknowns. First all steps of the sweep with L, then all of that with L'.
  struct Step {
    Index to, from, half;
    bool transposed;
  };
  Index stride(bool of_inverses) const { return of_inverses ? inverses_.stride() : L_.stride(); }

  const TiledMatrix<T>& L_;
  TiledMatrix<T> inverses_;  // of the blocks of the diagonal, with the other sign, side by side
  std::vector<T> diagonal_;
  std::vector<Step> steps_;
  core::Dependencies awaited_;
};

}  // namespace limbeck::dense
