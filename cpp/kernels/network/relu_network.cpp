#include "kernels/network/relu_network.hpp"

#include <vector>

#include "kernels/core/row_sums.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"

namespace limbeck::network {

namespace {

// Neurons' directions and, last, the linear part: one product with X serves them all.
template <class T>
dense::SkinnyMatrix<T> directions_of(const ReluNetwork<T>& net) {
  dense::SkinnyMatrix<T> C(net.k + 1, net.d);
  for (Index i = 0; i < net.k; ++i) C.set(i, net.weights + i * net.d);
  C.set(net.k, net.linear);
  return C;
}

// f from the products z = (<a_1, x>, ..., <a_k, x>, <w, x>) of one row.
template <class T>
T value(const ReluNetwork<T>& net, const T* z) {
  T sum = z[net.k] + net.bias;
  for (Index i = 0; i < net.k; ++i) {
    const T activation = z[i] + net.thresholds[i];
    // Not std::max: a NaN in X must reach the result.
    sum += net.output[i] * (activation < T(0) ? T(0) : activation);
  }
  return sum;
}

}  // namespace

template <class T>
void forward(const Execution& exec, const ReluNetwork<T>& net, const T* X, Index n, T* out) {
  const dense::SkinnyMatrix<T> C = directions_of(net);
  const Index block = dense::skinny_block_rows<T>(net.d), stride = dense::skinny_stride<T>(net.k + 1);
  constexpr Index blocks_per_task = 8;
  const Index per_task = block * blocks_per_task, tasks = core::ceil_div(n, per_task);
  exec.for_each(tasks, 2.0 * n * (net.k + 1) * (net.d + 1), [&](Index task) {
    core::AlignedBuffer<T> z(block * stride);
    const Index end = std::min(n, (task + 1) * per_task);
    for (Index first = task * per_task; first < end && !exec.stopped(); first += block) {
      const Index rows = std::min(block, end - first);
      core::Prefetch ahead(X + (first + rows) * net.d, rows * net.d, 1);
      dense::multiply_rows(X + first * net.d, rows, C, z.data(), ahead);
      for (Index r = 0; r < rows; ++r) out[first + r] = value(net, z.data() + r * stride);
    }
  });
}

template <class T>
double error_and_gradient(const Execution& exec, const ReluNetwork<T>& net, const T* X, Index n, const T* y, const T* v,
                          T* gradient) {
  const dense::SkinnyMatrix<T> C = directions_of(net);
  const Index d = net.d, k = net.k, block = dense::skinny_block_rows<T>(d), stride = dense::skinny_stride<T>(k + 1);
  // (k + 1) vectors of d, then k + 1 sums of the columns, then the squared error.
  const Index size = (k + 1) * (d + 1) + 1;
  const auto sums = core::sum_over_rows<T>(exec, n, block, size, 4.0 * n * (k + 1) * (d + 1), [&] {
    return [&, z = core::AlignedBuffer<T>(block * stride), column = std::vector<T>(k + 1)](Index first, Index rows,
                                                                                           T* into) mutable {
      core::Prefetch ahead(X + (first + rows) * d, rows * d, gradient ? 2 : 1);
      dense::multiply_rows(X + first * d, rows, C, z.data(), ahead);
      double error = 0;
      std::fill(column.begin(), column.end(), T(0));
      for (Index r = 0; r < rows; ++r) {
        T* zr = z.data() + r * stride;
        const T residual = value(net, zr) - y[first + r];
        const T weighted = v ? v[first + r] * residual : residual;
        error += static_cast<double>(weighted) * static_cast<double>(residual);
        if (!gradient) continue;
        // z now becomes the row of factors of x in J' diag(v) r.
        for (Index i = 0; i < k; ++i) {
          zr[i] = zr[i] + net.thresholds[i] > T(0) ? net.output[i] * weighted : T(0);
          column[i] += zr[i];
        }
        zr[k] = weighted;
        column[k] += weighted;
      }
      if (gradient) dense::accumulate_outer(X + first * d, rows, d, z.data(), k + 1, stride, into, ahead);
      for (Index i = 0; i <= k; ++i) into[(k + 1) * d + i] += column[i];
      into[size - 1] += static_cast<T>(error);
    };
  });
  for (Index i = 0; i <= k && gradient; ++i) {
    std::copy_n(sums.data() + i * d, d, gradient + i * (d + 1));
    gradient[i * (d + 1) + d] = sums[(k + 1) * d + i];
  }
  return static_cast<double>(sums[size - 1]);
}

#define LIMBECK_INSTANTIATE(T)                                                         \
  template void forward(const Execution&, const ReluNetwork<T>&, const T*, Index, T*); \
  template double error_and_gradient(const Execution&, const ReluNetwork<T>&, const T*, Index, const T*, const T*, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::network
