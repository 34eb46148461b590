#include "kernels/core/reduce.hpp"

namespace limbeck::core {

// Sixteen running sums, which vectors of every instruction set can take.
double euclidean_norm(const double* v, Index n) noexcept {
  constexpr Index lanes = 16;
  double sums[lanes] = {};
  Index i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (Index l = 0; l < lanes; ++l) sums[l] += v[i + l] * v[i + l];
  }
  double total = 0;
  for (; i < n; ++i) total += v[i] * v[i];
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

}  // namespace limbeck::core
