#include "kernels/dense/project.hpp"

#include <algorithm>

#include "kernels/dense/tall_skinny_gemm.hpp"

namespace limbeck::dense {

template <class T>
void project(const Execution& exec, const T* X, Index n, Index d, const T* directions, Index m, T* out) {
  const SkinnyMatrix<T> C = skinny_matrix(directions, m, d);
  const Index block = skinny_block_rows<T>(d), stride = skinny_stride<T>(m);
  constexpr Index blocks_per_task = 8;
  const Index per_task = block * blocks_per_task, tasks = core::ceil_div(n, per_task);
  exec.for_each(tasks, 2.0 * n * m * d, [&](Index task) {
    core::AlignedBuffer<T> z(block * stride);
    const Index end = std::min(n, (task + 1) * per_task);
    for (Index first = task * per_task; first < end && !exec.stopped(); first += block) {
      const Index rows = std::min(block, end - first);
      core::Prefetch ahead(X + (first + rows) * d, rows * d, 1);
      multiply_rows(X + first * d, rows, C, z.data(), ahead);
      for (Index r = 0; r < rows; ++r) std::copy_n(z.data() + r * stride, m, out + (first + r) * m);
    }
  });
}

template void project(const Execution&, const float*, Index, Index, const float*, Index, float*);
template void project(const Execution&, const double*, Index, Index, const double*, Index, double*);

}  // namespace limbeck::dense
