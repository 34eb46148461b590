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
  // Of a part the three rows in use stay in the first-level cache; a task has several parts, so that its start does not
  // count.
  constexpr Index part = 512, task_size = 8 * part;
  // He_{l+1} / sqrt((l+1)!) = (t here - sqrt(l) before) / sqrt(l+1): factors of t and of `before`.
  std::vector<T> along(order), back(order);
  for (int l = 0; l < order; ++l) {
    along[l] = static_cast<T>(1 / std::sqrt(l + 1.0));
    back[l] = static_cast<T>(std::sqrt(l / (l + 1.0)));
  }
  exec.for_each(core::ceil_div(n, task_size), static_cast<double>(n) * (order + 1), [&](Index task) {
    const Index task_end = std::min(n, (task + 1) * task_size);
    for (Index begin = task * task_size; begin < task_end; begin += part) {
      const Index count = std::min(part, task_end - begin);
      const T* x = t + begin;
      T* rows = out + begin;
      std::fill_n(rows, count, T(1));
      if (order >= 1) std::copy_n(x, count, rows + n);
      for (int l = 1; l < order; ++l) {
        const T *before = rows + (l - 1) * n, *here = rows + l * n;
        T* next = rows + (l + 1) * n;
        const T a = along[l], b = back[l];
        for (Index i = 0; i < count; ++i) next[i] = a * x[i] * here[i] - b * before[i];
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
