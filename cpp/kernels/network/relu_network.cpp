#include "kernels/network/relu_network.hpp"

#include <cstring>
#include <limits>
#include <vector>

#include "kernels/core/reduce.hpp"
#include "kernels/core/row_sums.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"
#include "kernels/network/row_gates.hpp"

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

// Turns the values f of rows into v (f - y), v null for ones; returns the sum of v (f - y)^2.
template <class T>
double weighted_residuals(const T* y, const T* v, Index rows, T* f) {
  constexpr Index chains = 8;  // running sums, so that no addition waits for the one before
  double sums[chains] = {};
  const auto take = [&](Index r, double* sum) {
    const T residual = f[r] - y[r];
    f[r] = v ? v[r] * residual : residual;
    *sum += static_cast<double>(f[r]) * static_cast<double>(residual);
  };
  Index r = 0;
  for (; r + chains <= rows; r += chains) {
    for (Index c = 0; c < chains; ++c) take(r + c, &sums[c]);
  }
  for (; r < rows; ++r) take(r, &sums[r % chains]);
  return core::sum_in_pairs<chains>(sums);
}

// What a network does with the products z = (<a_1, x>, ..., <a_k, x>, <w, x>) of rows. The linear part is a last neuron
// that even the least activation opens.
template <class T>
class Gates {
public:
  using S = core::Simd<T>;
  using Vector = typename S::Vector;

  explicit Gates(const ReluNetwork<T>& net)
      : groups(dense::skinny_stride<T>(net.k + 1) / S::width), stride(groups * S::width), numbers_(4 * stride) {
    T* to = numbers_.data();
    std::copy_n(net.thresholds, net.k, to);
    to[net.k] = net.bias;
    std::copy_n(net.output, net.k, to + stride);
    to[stride + net.k] = T(1);
    to[2 * stride + net.k] = -std::numeric_limits<T>::infinity();
    std::memset(to + 3 * stride, 0xFF, (net.k + 1) * sizeof(T));
  }

  // f[r] for each row, and for those that fill up the last register of rows.
  void values(const T* z, Index rows, T* f) const {
    sum_rows(rows, groups, f, [&](Index r, Index g) {
      const Vector activation = activations(z, r, g);
      // Not a maximum: a NaN in X must reach the result.
      const Vector value = activation < least(g) ? Vector{} : activation;
      return keep<T>(value * output(g), numbers_.data() + 3 * stride + g * S::width);
    });
  }

  // Turns z into the factors of x in J' diag(v) r, `weighted` being v times the residual of each row, and adds the sums
  // over rows to `column`.
  void factors(T* z, Index rows, const T* weighted, T* column) const {
    set_factors(rows, groups, stride, z, column, [&](Index r, Index g) {
      const Vector factor = output(g) * weighted[r];
      return activations(z, r, g) > least(g) ? factor : Vector{};
    });
  }

  const Index groups, stride;

private:
  Vector activations(const T* z, Index r, Index g) const {
    return S::load(z + r * stride + g * S::width) + S::load(numbers_.data() + g * S::width);
  }
  Vector output(Index g) const { return S::load(numbers_.data() + stride + g * S::width); }
  Vector least(Index g) const { return S::load(numbers_.data() + 2 * stride + g * S::width); }

  // By column: thresholds; output weights; activations below which a gate is closed; bits that are set for columns in
  // use. One piece of memory, because networks of few rows take as long as getting it.
  core::AlignedBuffer<T> numbers_;
};

}  // namespace

template <class T>
void forward(const Execution& exec, const ReluNetwork<T>& net, const T* X, Index n, T* out) {
  const dense::SkinnyMatrix<T> C = directions_of(net);
  const Gates<T> gates(net);
  const Index block = dense::skinny_block_rows<T>(net.d);
  constexpr Index blocks_per_task = 8;
  const Index per_task = block * blocks_per_task, tasks = core::ceil_div(n, per_task);
  exec.for_each(tasks, 2.0 * n * (net.k + 1) * (net.d + 1), [&](Index task) {
    const Index room = room_for(block, n);
    core::AlignedBuffer<T> z(room * (gates.stride + 1));
    T* values = z.data() + room * gates.stride;
    const Index end = std::min(n, (task + 1) * per_task);
    for (Index first = task * per_task; first < end && !exec.stopped(); first += block) {
      const Index rows = std::min(block, end - first);
      core::Prefetch ahead(X + (first + rows) * net.d, rows * net.d, 1);
      dense::multiply_rows(X + first * net.d, rows, C, z.data(), ahead);
      gates.values(z.data(), rows, values);
      std::copy_n(values, rows, out + first);
    }
  });
}

template <class T>
double error_and_gradient(const Execution& exec, const ReluNetwork<T>& net, const T* X, Index n, const T* y, const T* v,
                          T* gradient) {
  const dense::SkinnyMatrix<T> C = directions_of(net);
  const Gates<T> gates(net);
  const Index d = net.d, k = net.k, block = dense::skinny_block_rows<T>(d),
              rows_at_once = room_for(rows_read_twice<T>(d), n);
  // (k + 1) vectors of d, then k + 1 sums of the columns (whole registers of them), then the squared error.
  const Index size = (k + 1) * d + gates.stride + 1;
  const auto sums = core::sum_over_rows<T>(exec, n, block, size, 4.0 * n * (k + 1) * (d + 1), [&] {
    return
        [&, z = core::AlignedBuffer<T>(rows_at_once * (gates.stride + 1))](Index begin, Index count, T* into) mutable {
          T* f = z.data() + rows_at_once * gates.stride;
          double error = 0;
          for (Index first = begin; first < begin + count; first += rows_at_once) {
            const Index rows = std::min(rows_at_once, begin + count - first);
            core::Prefetch ahead(X + (first + rows) * d, rows * d, gradient ? 2 : 1);
            dense::multiply_rows(X + first * d, rows, C, z.data(), ahead);
            gates.values(z.data(), rows, f);
            error += weighted_residuals(y + first, v ? v + first : nullptr, rows, f);
            if (!gradient) continue;
            gates.factors(z.data(), rows, f, into + (k + 1) * d);
            dense::accumulate_outer(X + first * d, rows, d, z.data(), k + 1, gates.stride, into, ahead);
          }
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
