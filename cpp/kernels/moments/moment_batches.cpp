#include "kernels/moments/moment_batches.hpp"

#include <algorithm>
#include <vector>

#include "kernels/core/aligned_buffer.hpp"

namespace limbeck::moments {

template <class T>
void add_batches(const Execution& exec, const ContractionData<T>& data, int order, const std::vector<Index>& cuts,
                 const MomentSums<const double>& before, const MomentSums<double>& after) {
  // Contractions are kept until they can be added in order: as many as fit 32 MiB, or 4 MiB for each thread. With few
  // batches, which are large, all threads work on one at a time. Parts of 256 numbers make tasks of the additions.
  constexpr Index budget_bytes = Index{32} << 20, bytes_of_thread = Index{4} << 20, few = 8, part = 256;
  const Index d = data.d, size = data.q * data.m * d * d, batches = static_cast<Index>(cuts.size()) - 1;
  const Index bytes = std::max(budget_bytes, exec.n_threads() * bytes_of_thread);
  const Index fitting = std::max<Index>(bytes / static_cast<Index>(sizeof(T)) / std::max<Index>(size, 1), 1);
  const bool together = batches > few;  // which decides about the order of sums: not the number of threads
  const Index kept = std::min(together ? fitting : 1, batches);
  core::AlignedBuffer<T> means(kept * size, core::Unwritten());
  for (Index first = 0; first < batches; first += kept) {
    const Index count = std::min(kept, batches - first);
    std::vector<ContractionData<T>> some(count, data);
    for (Index b = 0; b < count; ++b) {
      const Index begin = cuts[first + b];
      some[b].X += begin * d;
      some[b].y += begin * data.q;
      some[b].n = cuts[first + b + 1] - begin;
    }
    if (together) {
      contract_batches(exec, some, order, means.data());
    } else {
      contract(exec, some[0], order, means.data());
    }
    double *sums = after.sums, *squares = after.squares;
    exec.for_each(core::ceil_div(size, part), 4.0 * static_cast<double>(size * count), [&](Index task) {
      const Index begin = task * part, end = std::min(size, begin + part);
      if (first == 0) {
        std::fill(sums + begin, sums + end, 0.0);
        std::fill(squares + begin, squares + end, 0.0);
      }
      for (Index b = 0; b < count; ++b) {
        const double rows = static_cast<double>(cuts[first + b + 1] - cuts[first + b]);
        const T* mean = means.data() + b * size;
        for (Index e = begin; e < end; ++e) {
          const double value = static_cast<double>(mean[e]);
          sums[e] += value * rows;
          squares[e] += value * value * rows;
        }
      }
      for (Index e = begin; first + count == batches && e < end; ++e) {
        if (before.sums) sums[e] = before.sums[e] + sums[e];
        if (before.squares) squares[e] = before.squares[e] + squares[e];
      }
    });
  }
}

template void add_batches(const Execution&, const ContractionData<float>&, int, const std::vector<Index>&,
                          const MomentSums<const double>&, const MomentSums<double>&);
template void add_batches(const Execution&, const ContractionData<double>&, int, const std::vector<Index>&,
                          const MomentSums<const double>&, const MomentSums<double>&);

}  // namespace limbeck::moments
