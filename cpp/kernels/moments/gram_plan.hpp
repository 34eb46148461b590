// How the work on J triangles of sums over n rows is cut into tasks.
#pragma once

#include <vector>

#include "kernels/core/ints.hpp"

namespace limbeck::moments {

// Tasks in two dimensions: lanes, each with its share of the rows, times groups of neighbouring strips of the
// triangles. Every lane has sums of its own for all strips; lanes cost memory, and groups cost another reading of X.
struct GramPlan {
  Index lanes;
  std::vector<Index> offsets;  // where the sums of each strip begin, and the number of all sums at the end
  std::vector<Index> groups;   // the first strip of each group, and the number of strips at the end

  Index total() const { return offsets.back(); }
  Index n_groups() const { return static_cast<Index>(groups.size()) - 1; }
  Index tasks() const { return lanes * n_groups(); }
};

// What tasks cost beyond the products, in multiply-adds, and how many sums one may have.
struct GramCosts {
  double lane;        // for each sum of another lane: begun, kept, and added to the other lanes' sums
  double group;       // for each number of a row of X in another group: packed once more
  Index most_sums;    // of a task, beyond which they would leave its processor's cache, unless they are one strip's
  Index most_strips;  // of a task, whose weights it holds
};

// A plan for the strips of the given sizes, whose sums have `bytes`; `d` numbers of X are read a row. `single_lane`
// where there are tasks enough without: those of other matrices.
GramPlan plan_grams(Index n, Index d, const std::vector<Index>& strip_sizes, Index bytes, const GramCosts& costs,
                    bool single_lane = false);

// Cuts strips with such offsets into at most `parts` runs of nearly equal size: the first strip of each, and the end.
std::vector<Index> cut_strips(const std::vector<Index>& offsets, Index parts);

}  // namespace limbeck::moments
