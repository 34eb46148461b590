// Gram matrices of groups of rows: one pass over the rows, whatever the number of groups.
//
// The normal equations of a sum of k ReLUs need X' diag(1_i 1_j) X for all pairs of gates: about k^2 / 2 masked Grams.
// Rows with the same pattern of open gates can be summed first: each row then enters one Gram only, and the masked
// Grams are sums of the Grams of patterns.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/core/execution.hpp"
#include "kernels/dense/strip_syrk.hpp"

namespace limbeck::gauss_newton {

class GatePatternGrams {
public:
  using Group = std::uint16_t;
  static constexpr Index chunk_rows = 16384;  // rows sorted by group at a time: the only memory that rows need

  // Grams of [x, 1], (d + 1) x (d + 1), for each of `groups` groups.
  GatePatternGrams(Index d, Index groups) : d_(d), groups_(groups), layout_(d + 1), tiles_(groups * layout_.size()) {}

  // Memory for the Grams of one group, in bytes.
  static Index bytes_per_group(Index d) {
    return dense::TriangleLayout<double>(d + 1).size() * static_cast<Index>(sizeof(double));
  }

  // Add rows of X (rows <= chunk_rows, d), row r to group[r], with weight w[r] (null: one).
  void add(const Execution& exec, const double* X, Index rows, const Group* group, const double* w);

  // out (d + 1, d + 1) = sum of the Grams of all groups whose number has every bit of `bits` set.
  void sum_of(unsigned bits, double* out) const;

private:
  Index d_, groups_;
  dense::TriangleLayout<double> layout_;
  core::AlignedBuffer<double> tiles_;
};

}  // namespace limbeck::gauss_newton
