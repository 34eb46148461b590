// Contracted moments of batches of rows, and the spread between batches.
#pragma once

#include <vector>

#include "kernels/moments/contraction.hpp"

namespace limbeck::moments {

template <class T>
struct MomentSums {
  T *sums, *squares;
};

// Batch b holds rows cuts[b] ... cuts[b + 1] - 1, at least one. The sums (q, m, d, d) after are those before plus the
// sum of the batches' contractions times their rows, and the squares alike; in the order of the
// batches. order >= 2.
template <class T>
void add_batches(const Execution& exec, const ContractionData<T>& data, int order, const std::vector<Index>& cuts,
                 const MomentSums<const double>& before, const MomentSums<double>& after);

}  // namespace limbeck::moments
