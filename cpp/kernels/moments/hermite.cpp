#include "kernels/moments/hermite.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace limbeck::moments {

template <class T>
void hermite_block(const T* t, Index rows, T variance, int order, T* out, Index stride) {
  std::fill_n(out, rows, T(1));
  if (order >= 1) std::copy_n(t, rows, out + stride);
  for (int l = 1; l < order; ++l) {
    const T* before = out + (l - 1) * stride;
    const T* here = out + l * stride;
    T* next = out + (l + 1) * stride;
    const T factor = variance * static_cast<T>(l);
    for (Index r = 0; r < rows; ++r) next[r] = t[r] * here[r] - factor * before[r];
  }
}

template <class T>
void hermite_normalized(const Execution& exec, const T* t, Index n, int order, T* out) {
  constexpr Index block = 4096;
  std::vector<T> root(order + 2);  // root[l] = sqrt(l)
  for (int l = 0; l < order + 2; ++l) root[l] = std::sqrt(static_cast<T>(l));
  const Index blocks = core::ceil_div(n, block);
  exec.for_each(blocks, static_cast<double>(n) * (order + 1), [&](Index b) {
    const Index begin = b * block, end = std::min(n, begin + block);
    for (Index i = begin; i < end; ++i) {
      T before(0), here(1);
      out[i] = here;
      for (int l = 0; l < order; ++l) {
        const T next = (t[i] * here - root[l] * before) / root[l + 1];
        before = here;
        here = next;
        out[(l + 1) * n + i] = here;
      }
    }
  });
}

#define LIMBECK_INSTANTIATE(T)                                     \
  template void hermite_block(const T*, Index, T, int, T*, Index); \
  template void hermite_normalized(const Execution&, const T*, Index, int, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::moments
