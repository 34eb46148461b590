// Contracted moments of batches of rows, and the spread between batches.
#pragma once

#include <vector>

#include "kernels/moments/contraction.hpp"

namespace limbeck::moments {

// Batch b holds rows cuts[b] ... cuts[b + 1] - 1, at least one. sums (q, m, d, d) becomes the sum of the
// batches' contractions times their rows, and squares that of their squares times their rows; in the order of the
// batches. order >= 2.
template <class T>
void add_batches(const Execution& exec, const ContractionData<T>& data, int order, const std::vector<Index>& cuts,
                 double* sums, double* squares);

}  // namespace limbeck::moments
