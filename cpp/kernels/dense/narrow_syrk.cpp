#include "kernels/dense/narrow_syrk.hpp"

#include <type_traits>
#include <utility>

#include "kernels/core/reduce.hpp"

namespace limbeck::dense {

namespace {

// Elements of a and b with one bit of their numbers exchanged, as __builtin_shufflevector counts them.
template <class Vector, Index half, std::size_t... k>
inline void exchange(Vector& a, Vector& b, std::index_sequence<k...>) {
  constexpr Index width = sizeof...(k);
  const Vector first = a;
  a = __builtin_shufflevector(first, b, (k & half ? width + k - half : k)...);
  b = __builtin_shufflevector(first, b, (k & half ? width + k : k + half)...);
}

// Calls use(number) with `count`, between `least` and `most`, as a compile-time constant.
template <Index least, Index most, class Use>
inline __attribute__((always_inline)) void with_constant(Index count, const Use& use) {
  if constexpr (least < most) {
    if (count != least) return with_constant<least + 1, most>(count, use);
  }
  use(std::integral_constant<Index, least>());
}

// Transposes `width` registers: halves, then quarters, and so on, change places. In this order those that are not
// wanted in the end take part in few steps, and the compiler leaves out what they would take.
template <class T, Index half = core::Simd<T>::width / 2>
inline __attribute__((always_inline)) void transpose(typename core::Simd<T>::Vector* v) {
  constexpr Index width = core::Simd<T>::width;
  if constexpr (half > 0) {
#pragma GCC unroll 16
    for (Index i = 0; i < width; ++i) {
      if (!(i & half)) {
        exchange<typename core::Simd<T>::Vector, half>(v[i], v[i + half], std::make_index_sequence<width>());
      }
    }
    transpose<T, half / 2>(v);
  }
}

// A run of squares of `width` rows of which `columns` columns are kept.
template <class T, Index columns>
void transpose_squares(const T* from, Index step, Index rows, T* to, Index stride) {
  using S = core::Simd<T>;
  for (Index first = 0; first < rows; first += S::width) {
    typename S::Vector v[S::width];
#pragma GCC unroll 16
    for (Index r = 0; r < S::width; ++r) v[r] = S::load(from + (first + r) * step);
    transpose<T>(v);
#pragma GCC unroll 16
    for (Index c = 0; c < columns; ++c) S::store(to + c * stride + first, v[c]);
  }
}

// Adds registers to sums, or begins the sums with them.
template <class T, Index count>
inline __attribute__((always_inline)) void put_sums(const typename core::Simd<T>::Vector* acc, bool begin, T* sums) {
  using S = core::Simd<T>;
  if (begin) {
#pragma GCC unroll 25
    for (Index e = 0; e < count; ++e) S::store(sums + e * S::width, acc[e]);
  } else {
#pragma GCC unroll 25
    for (Index e = 0; e < count; ++e) S::store(sums + e * S::width, S::load(sums + e * S::width) + acc[e]);
  }
}

// sums += products of `own` columns with one another, row by row of their lower triangle; leaves w times the columns in
// `scaled`.
template <class T, Index own>
void triangle(Index rows, const T* x, const T* w, T* scaled, bool begin, T* sums) {
  using S = core::Simd<T>;
  constexpr Index stride = NarrowRows<T>::stride, count = own * (own + 1) / 2;
  typename S::Vector acc[count];
#pragma GCC unroll 16
  for (Index e = 0; e < count; ++e) acc[e] = typename S::Vector{};
  for (Index r = 0; r < rows; r += S::width) {
    const auto weight = S::load(w + r);
    typename S::Vector column[own];
#pragma GCC unroll 16
    for (Index i = 0; i < own; ++i) column[i] = S::load(x + i * stride + r);
#pragma GCC unroll 16
    for (Index i = 0; i < own; ++i) {
      const auto product = column[i] * weight;
      S::store(scaled + i * stride + r, product);
#pragma GCC unroll 16
      for (Index j = 0; j <= i; ++j) acc[i * (i + 1) / 2 + j] += product * column[j];
    }
  }
  put_sums<T, count>(acc, begin, sums);
}

// sums += products of `own` scaled columns with `others`, row by row of the others.
template <class T, Index own, Index others>
void square(Index rows, const T* scaled, const T* x, bool begin, T* sums) {
  using S = core::Simd<T>;
  constexpr Index stride = NarrowRows<T>::stride;
  typename S::Vector acc[others * own];
#pragma GCC unroll 25
  for (Index e = 0; e < others * own; ++e) acc[e] = typename S::Vector{};
  for (Index r = 0; r < rows; r += S::width) {
    typename S::Vector factor[own];
#pragma GCC unroll 16
    for (Index i = 0; i < own; ++i) factor[i] = S::load(scaled + i * stride + r);
#pragma GCC unroll 16
    for (Index j = 0; j < others; ++j) {
      const auto column = S::load(x + j * stride + r);
#pragma GCC unroll 16
      for (Index i = 0; i < own; ++i) acc[j * own + i] += column * factor[i];
    }
  }
  put_sums<T, others * own>(acc, begin, sums);
}

// out[k * out_stride + r] = sum_c x[c * stride + r] vectors[k * d + c] for `count` vectors and registers of rows r.
template <class T, Index count, Index registers>
void project_rows(const T* x, Index stride, Index d, const T* vectors, T* out, Index out_stride) {
  using S = core::Simd<T>;
  typename S::Vector acc[count][registers];
#pragma GCC unroll 16
  for (Index k = 0; k < count; ++k) {
#pragma GCC unroll 16
    for (Index v = 0; v < registers; ++v) acc[k][v] = typename S::Vector{};
  }
  for (Index c = 0; c < d; ++c) {
    typename S::Vector column[registers];
#pragma GCC unroll 16
    for (Index v = 0; v < registers; ++v) column[v] = S::load(x + c * stride + v * S::width);
#pragma GCC unroll 16
    for (Index k = 0; k < count; ++k) {
      const T factor = vectors[k * d + c];
#pragma GCC unroll 16
      for (Index v = 0; v < registers; ++v) acc[k][v] += column[v] * factor;
    }
  }
#pragma GCC unroll 16
  for (Index k = 0; k < count; ++k) {
#pragma GCC unroll 16
    for (Index v = 0; v < registers; ++v) S::store(out + k * out_stride + v * S::width, acc[k][v]);
  }
}

}  // namespace

template <class T>
void columns_of_rows(const T* from, Index step, Index rows, Index columns, Index readable, T* to, Index stride) {
  constexpr Index width = core::Simd<T>::width;
  if (step == 1 && columns == 1) {
    std::copy_n(from, rows, to);
    std::fill(to + rows, to + core::round_up(rows, width), T(0));
    return;
  }
  for (Index c = 0; c < columns; c += width) {
    // Whole squares, as far as registers that are read end before the numbers do; the rest one by one.
    const Index rows_readable = readable < c + width ? 0 : (readable - c - width) / step + 1;
    const Index squares = std::min(rows, rows_readable) / width * width, kept = std::min(width, columns - c);
    with_constant<1, width>(
        kept, [&](auto size) { transpose_squares<T, size>(from + c, step, squares, to + c * stride, stride); });
    for (Index k = c; k < c + kept; ++k) {
      for (Index r = squares; r < core::round_up(rows, width); ++r) {
        to[k * stride + r] = r < rows ? from[r * step + k] : T(0);
      }
    }
  }
}

template <class T>
void NarrowRows<T>::pack(const T* X, Index rows, Index readable) {
  rows_ = core::round_up(rows, width);
  columns_of_rows(X, layout_.d, rows, layout_.d, readable, columns_.data(), stride);
}

template <class T>
void NarrowRows<T>::accumulate(const T* w, Index b, bool begin, T* sums, core::Prefetch& ahead) {
  // All blocks of columns have the most that a tile has or one less, unless there are very few of them.
  constexpr Index most = NarrowLayout<T>::most, least = (most + 1) / 2;
  T* scaled = scaled_.data();
  ahead.pass();
  const Index own = layout_.columns(b);
  with_constant<1, most>(own, [&](auto size) {
    triangle<T, size>(rows_, columns_.data() + layout_.begin(b) * stride, w, scaled, begin, sums);
  });
  sums += own * (own + 1) / 2 * width;
  if (b + 1 == layout_.strips) return;
  with_constant<least, most>(own, [&](auto size) {
    for (Index other = b + 1; other < layout_.strips; ++other) {
      const T* x = columns_.data() + layout_.begin(other) * stride;
      const Index others = layout_.columns(other);
      ahead.pass();
      with_constant<least, most>(others, [&](auto size2) { square<T, size, size2>(rows_, scaled, x, begin, sums); });
      sums += own * others * width;
    }
  });
}

template <class T>
void NarrowRows<T>::project(const T* vectors, Index count, T* products) const {
  // Sums and a register of each column stay in 16 registers with 2 x 3 sums, in 32 with 4 x 4.
  constexpr Index at_once = core::tile_columns == 8 ? 4 : 2, registers = core::tile_columns == 8 ? 4 : 3;
  const Index d = layout_.d, whole = rows_ / (registers * width) * (registers * width);
  for (Index k = 0; k < count; k += at_once) {
    with_constant<1, at_once>(std::min(at_once, count - k), [&](auto some) {
      const T* from = vectors + k * d;
      T* to = products + k * stride;
      Index r = 0;
      for (; r < whole; r += registers * width) {
        project_rows<T, some, registers>(columns_.data() + r, stride, d, from, to + r, stride);
      }
      for (; r < rows_; r += width) project_rows<T, some, 1>(columns_.data() + r, stride, d, from, to + r, stride);
    });
  }
}

template <class T>
void NarrowRows<T>::add_outer(const T* V, Index count, T* sums, Index sums_stride) const {
  constexpr Index most = NarrowLayout<T>::most;
  alignas(core::vector_bytes) T tile[most * most * width];
  T totals[most * most];
  for (Index k = 0; k < count; k += most) {
    const Index some = std::min(most, count - k);
    for (Index b = 0; b < layout_.strips; ++b) {
      const Index begin = layout_.begin(b), columns = layout_.columns(b);
      with_constant<1, most>(some, [&](auto own) {
        with_constant<1, most>(columns, [&](auto others) {
          square<T, own, others>(rows_, V + k * stride, columns_.data() + begin * stride, true, tile);
        });
      });
      sum_registers(tile, some * columns, totals);
      for (Index i = 0; i < some; ++i) {
        for (Index c = 0; c < columns; ++c) sums[(k + i) * sums_stride + begin + c] += totals[c * some + i];
      }
    }
  }
}

template <class T>
void sum_registers(const T* sums, Index count, T* totals) {
  using S = core::Simd<T>;
  constexpr Index width = S::width;
  Index e = 0;
  for (; e + width <= count; e += width) {
    typename S::Vector v[width];
#pragma GCC unroll 16
    for (Index i = 0; i < width; ++i) v[i] = S::load(sums + (e + i) * width);
    transpose<T>(v);
#pragma GCC unroll 16
    for (Index half = width / 2; half > 0; half /= 2) {
#pragma GCC unroll 16
      for (Index i = 0; i < half; ++i) v[i] += v[i + half];
    }
    S::store(totals + e, v[0]);
  }
  for (; e < count; ++e) {
    T parts[width];
    std::copy_n(sums + e * width, width, parts);
    totals[e] = core::sum_in_pairs<width>(parts);
  }
}

template <class T>
void scatter_strip(const NarrowLayout<T>& layout, Index b, const T* sums, T* out) {
  const Index d = layout.d, begin = layout.begin(b), end = layout.begin(b + 1);
  const auto put = [&](Index i, Index j, T value) { out[i * d + j] = out[j * d + i] = value; };
  for (Index i = begin; i < end; ++i) {
    for (Index j = begin; j <= i; ++j) put(i, j, *sums++);
  }
  for (Index j = end; j < d; ++j) {  // tiles stand one behind the other, each row by row
    for (Index i = begin; i < end; ++i) put(j, i, *sums++);
  }
}

#define LIMBECK_INSTANTIATE(T)                                                    \
  template void columns_of_rows(const T*, Index, Index, Index, Index, T*, Index); \
  template class NarrowRows<T>;                                                   \
  template void sum_registers(const T*, Index, T*);                               \
  template void scatter_strip(const NarrowLayout<T>&, Index, const T*, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::dense
