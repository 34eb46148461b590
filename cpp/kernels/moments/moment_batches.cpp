#include "kernels/moments/moment_batches.hpp"

#include <algorithm>

#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/independent_problems.hpp"

namespace limbeck::moments {

template <class T>
void add_batches(const Execution& exec, const ContractionData<T>& data, int order, const std::vector<Index>& cuts,
                 double* sums, double* squares) {
  // Contractions are kept until they can be added in order, as many as fit 32 MiB, whatever the number of threads; with
  // few of them, which are large, all threads work on one at a time. Parts of 256 numbers make tasks of the additions.
  constexpr Index budget_bytes = Index{32} << 20, few = 8, part = 256;
  const Index d = data.d, size = data.q * data.m * d * d, batches = static_cast<Index>(cuts.size()) - 1;
  const Index fitting = budget_bytes / static_cast<Index>(sizeof(T)) / std::max<Index>(size, 1);
  const Index kept = fitting < few ? 1 : fitting;
  core::AlignedBuffer<T> means(std::min(kept, batches) * size);
  for (Index first = 0; first < batches; first += kept) {
    const Index count = std::min(kept, batches - first);
    const double operations =
        static_cast<double>(cuts[first + count] - cuts[first]) / static_cast<double>(count) * static_cast<double>(size);
    core::for_each_problem(exec, count, operations, [&](const Execution& inner, Index b) {
      ContractionData<T> batch = data;
      const Index begin = cuts[first + b];
      batch.X += begin * d;
      batch.y += begin * data.q;
      batch.n = cuts[first + b + 1] - begin;
      contract(inner, batch, order, means.data() + b * size);
    });
    exec.for_each(core::ceil_div(size, part), 4.0 * static_cast<double>(size * count), [&](Index task) {
      for (Index b = 0; b < count; ++b) {
        const double rows = static_cast<double>(cuts[first + b + 1] - cuts[first + b]);
        const T* mean = means.data() + b * size;
        for (Index e = task * part; e < std::min(size, (task + 1) * part); ++e) {
          const double value = static_cast<double>(mean[e]);
          sums[e] += value * rows;
          squares[e] += value * value * rows;
        }
      }
    });
  }
}

template void add_batches(const Execution&, const ContractionData<float>&, int, const std::vector<Index>&, double*,
                          double*);
template void add_batches(const Execution&, const ContractionData<double>&, int, const std::vector<Index>&, double*,
                          double*);

}  // namespace limbeck::moments
