#include "kernels/thin.hpp"

namespace limbeck {

namespace {

// Rows and vectors of columns of a forward tile: accumulators and one row of C just fit the register file.
constexpr Index forward_rows = vector_bytes == 64 ? 8 : 4;
constexpr Index forward_vectors = 3;
// A tile reads several rows at once, too many streams for the hardware to run ahead of. Reaching beyond the end of X is
// harmless: a prefetch never faults.
constexpr Index prefetch_rows = forward_rows;

template <class T, Index FR, Index NV>
void forward_tile(const T* X, Index d, const T* C, T* out, Index stride) {
  using S = Simd<T>;
  typename S::Vector acc[FR][NV] = {};
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  for (Index j0 = 0; j0 < d; j0 += line) {
    for (Index r = 0; r < FR; ++r) __builtin_prefetch(X + prefetch_rows * d + FR * j0 + r * line);
    const Index end = std::min(d, j0 + line);
    for (Index j = j0; j < end; ++j) {
      typename S::Vector c[NV];
      for (Index v = 0; v < NV; ++v) c[v] = S::load(C + (v * d + j) * S::width);
      for (Index r = 0; r < FR; ++r) {
        const T x = X[r * d + j];
        for (Index v = 0; v < NV; ++v) acc[r][v] += c[v] * x;
      }
    }
  }
  for (Index r = 0; r < FR; ++r) {
    for (Index v = 0; v < NV; ++v) S::store(out + r * stride + v * S::width, acc[r][v]);
  }
}

// One column: dot products of FR rows, vectors along the features.
template <class T, Index FR>
void forward_single(const T* X, Index d, const T* c, T* out, Index stride) {
  using S = Simd<T>;
  typename S::Vector acc[FR] = {};
  const Index whole = d / S::width * S::width;
  for (Index j = 0; j < whole; j += S::width) {
    const auto cj = S::load(c + j);
    for (Index r = 0; r < FR; ++r) __builtin_prefetch(X + prefetch_rows * d + FR * j + r * S::width);
    for (Index r = 0; r < FR; ++r) acc[r] += S::load(X + r * d + j) * cj;
  }
  for (Index r = 0; r < FR; ++r) {
    T lanes[S::width], sum(0);
    S::store(lanes, acc[r]);
    for (Index e = 0; e < S::width; ++e) sum += lanes[e];
    for (Index j = whole; j < d; ++j) sum += X[r * d + j] * c[j];
    S::store(out + r * stride, typename S::Vector{});
    out[r * stride] = sum;
  }
}

template <class T, Index FR>
void forward_rows_of(const T* X, const ThinMatrix<T>& C, T* out, Index stride) {
  const Index d = C.n_features(), groups = stride / Simd<T>::width - (C.has_single() ? 1 : 0);
  if (C.has_single()) forward_single<T, FR>(X, d, C.single(), out + groups * Simd<T>::width, stride);
  Index g = 0;
  for (; groups - g >= forward_vectors; g += forward_vectors) {
    forward_tile<T, FR, forward_vectors>(X, d, C.group(g), out + g * Simd<T>::width, stride);
  }
  if (groups - g == 2) forward_tile<T, FR, 2>(X, d, C.group(g), out + g * Simd<T>::width, stride);
  if (groups - g == 1) forward_tile<T, FR, 1>(X, d, C.group(g), out + g * Simd<T>::width, stride);
}

// MV vectors of features, NC columns of V.
template <class T, Index MV, Index NC>
void backward_tile(const T* X, Index rows, Index d, const T* V, Index stride, T (*sums)[MV * Simd<T>::width]) {
  using S = Simd<T>;
  typename S::Vector acc[NC][MV] = {};
  for (Index r = 0; r < rows; ++r) {
    typename S::Vector x[MV];
    for (Index m = 0; m < MV; ++m) x[m] = S::load(X + r * d + m * S::width);
    for (Index c = 0; c < NC; ++c) {
      const T v = V[r * stride + c];
      for (Index m = 0; m < MV; ++m) acc[c][m] += x[m] * v;
    }
  }
  for (Index c = 0; c < NC; ++c) {
    for (Index m = 0; m < MV; ++m) S::store(sums[c] + m * S::width, acc[c][m]);
  }
}

template <class T, Index NC>
void backward_columns(const T* X, Index rows, Index d, const T* V, Index stride, T* out) {
  using S = Simd<T>;
  Index j = 0;
  const auto strip = [&](auto vectors) {
    constexpr Index MV = decltype(vectors)::value;
    // The last strip starts early enough to end at d, and adds only the features that are new.
    const Index start = std::min(j, d - MV * S::width);
    T sums[NC][MV * S::width];
    backward_tile<T, MV, NC>(X + start, rows, d, V, stride, sums);
    for (Index c = 0; c < NC; ++c) {
      for (Index e = j - start; e < MV * S::width; ++e) out[c * d + start + e] += sums[c][e];
    }
    j = start + MV * S::width;
  };
  while (d - j > S::width && d >= tile_vectors * S::width) strip(std::integral_constant<Index, tile_vectors>());
  while (j < d) strip(std::integral_constant<Index, 1>());
}

// Fewer features than a vector holds.
template <class T>
void backward_narrow(const T* X, Index rows, Index d, const T* V, Index columns, Index stride, T* out) {
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < columns; ++c) {
      for (Index j = 0; j < d; ++j) out[c * d + j] += V[r * stride + c] * X[r * d + j];
    }
  }
}

}  // namespace

template <class T>
void thin_forward(const T* X, Index rows, const ThinMatrix<T>& C, T* out) {
  const Index d = C.n_features(), stride = thin_stride<T>(C.columns());
  Index r = 0;
  for (; r + forward_rows <= rows; r += forward_rows) {
    forward_rows_of<T, forward_rows>(X + r * d, C, out + r * stride, stride);
  }
  for (; r < rows; ++r) forward_rows_of<T, 1>(X + r * d, C, out + r * stride, stride);
}

template <class T>
void thin_backward(const T* X, Index rows, Index d, const T* V, Index columns, Index stride, T* out) {
  if (d < Simd<T>::width) {
    backward_narrow(X, rows, d, V, columns, stride, out);
    return;
  }
  Index c = 0;
  for (; columns - c >= tile_columns; c += tile_columns) {
    backward_columns<T, tile_columns>(X, rows, d, V + c, stride, out + c * d);
  }
  if constexpr (tile_columns > 4) {
    for (; columns - c >= 4; c += 4) backward_columns<T, 4>(X, rows, d, V + c, stride, out + c * d);
  }
  for (; c < columns; ++c) backward_columns<T, 1>(X, rows, d, V + c, stride, out + c * d);
}

#define LIMBECK_INSTANTIATE(T)                                           \
  template void thin_forward(const T*, Index, const ThinMatrix<T>&, T*); \
  template void thin_backward(const T*, Index, Index, const T*, Index, Index, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck
