#include "kernels/dense/tall_skinny_gemm.hpp"

namespace limbeck::dense {

namespace {

// Rows and vectors of columns of a forward tile: accumulators and one row of C just fit the register file.
constexpr Index forward_rows = core::vector_bytes == 64 ? 8 : 4;
constexpr Index forward_vectors = 3;

// Loops over the accumulators of a tile are unrolled by pragma, because the compiler would otherwise keep them in
// memory.

template <class T, Index FR, Index NV>
void forward_tile(const T* X, Index d, const T* C, T* out, Index stride, core::Prefetch& ahead) {
  using S = core::Simd<T>;
  typename S::Vector acc[FR][NV];
#pragma GCC unroll 16
  for (Index r = 0; r < FR; ++r) {
#pragma GCC unroll 16
    for (Index v = 0; v < NV; ++v) acc[r][v] = typename S::Vector{};
  }
  constexpr Index line = core::Prefetch::line_bytes / static_cast<Index>(sizeof(T));
  const Index share = ahead.share(FR);
  for (Index j0 = 0; j0 < d; j0 += line) {
    ahead.lines(share);
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
#pragma GCC unroll 16
  for (Index r = 0; r < FR; ++r) {
#pragma GCC unroll 16
    for (Index v = 0; v < NV; ++v) S::store(out + r * stride + v * S::width, acc[r][v]);
  }
}

// One column: dot products of FR rows, vectors along the features.
template <class T, Index FR>
void forward_single(const T* X, Index d, const T* c, T* out, Index stride, core::Prefetch& ahead) {
  using S = core::Simd<T>;
  typename S::Vector acc[FR];
#pragma GCC unroll 16
  for (Index r = 0; r < FR; ++r) acc[r] = typename S::Vector{};
  const Index whole = d / S::width * S::width, share = ahead.share(FR);
  for (Index j = 0; j < whole; j += S::width) {
    ahead.lines(share);
    const auto cj = S::load(c + j);
    for (Index r = 0; r < FR; ++r) acc[r] += S::load(X + r * d + j) * cj;
  }
#pragma GCC unroll 16
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
void forward_rows_of(const T* X, const SkinnyMatrix<T>& C, T* out, Index stride, core::Prefetch& ahead) {
  const Index d = C.n_features(), groups = stride / core::Simd<T>::width - (C.has_single() ? 1 : 0);
  core::Prefetch none;  // where tiles follow, they fetch ahead
  if (C.has_single()) {
    forward_single<T, FR>(X, d, C.single(), out + groups * core::Simd<T>::width, stride, groups == 0 ? ahead : none);
  }
  Index g = 0;
  for (; groups - g >= forward_vectors; g += forward_vectors) {
    forward_tile<T, FR, forward_vectors>(X, d, C.group(g), out + g * core::Simd<T>::width, stride, ahead);
  }
  if (groups - g == 2) forward_tile<T, FR, 2>(X, d, C.group(g), out + g * core::Simd<T>::width, stride, ahead);
  if (groups - g == 1) forward_tile<T, FR, 1>(X, d, C.group(g), out + g * core::Simd<T>::width, stride, ahead);
}

// out[c * out_stride + e] += sum_r V[r * stride + c] x_re: MV vectors of features, NC columns of V.
template <class T, Index MV, Index NC>
void backward_tile(const T* X, Index rows, Index d, const T* V, Index stride, T* out, Index out_stride,
                   core::Prefetch& ahead) {
  using S = core::Simd<T>;
  typename S::Vector acc[NC][MV];
#pragma GCC unroll 16
  for (Index c = 0; c < NC; ++c) {
#pragma GCC unroll 16
    for (Index m = 0; m < MV; ++m) acc[c][m] = typename S::Vector{};
  }
  const Index share = ahead.share(MV);
  for (Index r = 0; r < rows; ++r) {
    ahead.lines(share);
    typename S::Vector x[MV];
    for (Index m = 0; m < MV; ++m) x[m] = S::load(X + r * d + m * S::width);
    for (Index c = 0; c < NC; ++c) {
      const T v = V[r * stride + c];
      for (Index m = 0; m < MV; ++m) acc[c][m] += x[m] * v;
    }
  }
#pragma GCC unroll 16
  for (Index c = 0; c < NC; ++c) {
#pragma GCC unroll 16
    for (Index m = 0; m < MV; ++m) {
      T* at = out + c * out_stride + m * S::width;
      S::store(at, S::load(at) + acc[c][m]);
    }
  }
}

template <class T, Index NC>
void backward_columns(const RowsOf<T>& X, const T* V, Index stride, T* out, Index out_stride, core::Prefetch& ahead) {
  constexpr Index width = core::Simd<T>::width;
  const Index rows = X.rows, d = X.columns;
  Index j = 0;
  const auto vectors_of = [&](auto count) {
    constexpr Index MV = decltype(count)::value;
    for (; d - j >= MV * width; j += MV * width) {
      backward_tile<T, MV, NC>(X.data + j, rows, X.stride, V, stride, out + j, out_stride, ahead);
    }
  };
  vectors_of(std::integral_constant<Index, core::tile_vectors>());
  vectors_of(std::integral_constant<Index, 2>());
  vectors_of(std::integral_constant<Index, 1>());
  if (j == d) return;
  // The last vector ends at d; of its features only those that are new are added.
  T sums[NC * width] = {};
  backward_tile<T, 1, NC>(X.data + d - width, rows, X.stride, V, stride, sums, width, ahead);
  for (Index c = 0; c < NC; ++c) {
    for (Index e = j; e < d; ++e) out[c * out_stride + e] += sums[c * width + e - (d - width)];
  }
}

// out[e * out_stride + j] += sums[j * width + e]. Once for all sizes, since it is short beside the sums over rows: in
// line in each of them it would take the compiler ten times as long as all the rest.
template <class T>
__attribute__((noinline)) void add_transposed(const T* sums, Index d, Index columns, T* out, Index out_stride) {
  for (Index e = 0; e < columns; ++e) {
    for (Index j = 0; j < d; ++j) out[e * out_stride + j] += sums[j * core::Simd<T>::width + e];
  }
}

// Fewer features than a vector holds, d of them: vectors along the columns of V.
template <class T, Index d>
void backward_narrow(const RowsOf<T>& X, const T* V, Index columns, Index stride, T* out, Index out_stride) {
  using S = core::Simd<T>;
  for (Index c = 0; c < columns; c += S::width) {
    typename S::Vector acc[d];
#pragma GCC unroll 16
    for (Index j = 0; j < d; ++j) acc[j] = typename S::Vector{};
    for (Index r = 0; r < X.rows; ++r) {
      const auto v = S::load(V + r * stride + c);
#pragma GCC unroll 16
      for (Index j = 0; j < d; ++j) acc[j] += v * X.data[r * X.stride + j];
    }
    T sums[d * S::width];
#pragma GCC unroll 16
    for (Index j = 0; j < d; ++j) S::store(sums + j * S::width, acc[j]);
    add_transposed(sums, d, std::min(S::width, columns - c), out + c * out_stride, out_stride);
  }
}

// Calls backward_narrow with as many features as there are.
template <class T, Index d>
void backward_few(const RowsOf<T>& X, const T* V, Index columns, Index stride, T* out, Index out_stride) {
  if constexpr (d > 0) {
    if (X.columns == d) return backward_narrow<T, d>(X, V, columns, stride, out, out_stride);
    backward_few<T, d - 1>(X, V, columns, stride, out, out_stride);
  }
}

}  // namespace

template <class T>
void multiply_rows(const T* X, Index rows, const SkinnyMatrix<T>& C, T* out, core::Prefetch& ahead) {
  const Index d = C.n_features(), stride = skinny_stride<T>(C.columns());
  Index r = 0;
  for (; r + forward_rows <= rows; r += forward_rows) {
    forward_rows_of<T, forward_rows>(X + r * d, C, out + r * stride, stride, ahead);
  }
  for (; r < rows; ++r) forward_rows_of<T, 1>(X + r * d, C, out + r * stride, stride, ahead);
}

template <class T>
void accumulate_outer(const RowsOf<T>& X, const T* V, Index columns, Index stride, T* out, Index out_stride,
                      core::Prefetch& ahead) {
  constexpr Index width = core::Simd<T>::width;
  if (X.columns < width) return backward_few<T, width - 1>(X, V, columns, stride, out, out_stride);
  Index c = 0;
  const auto columns_of = [&](auto count) {
    constexpr Index NC = decltype(count)::value;
    for (; columns - c >= NC; c += NC) {
      backward_columns<T, NC>(X, V + c, stride, out + c * out_stride, out_stride, ahead);
    }
  };
  columns_of(std::integral_constant<Index, core::tile_columns>());
  columns_of(std::integral_constant<Index, 4>());
  columns_of(std::integral_constant<Index, 2>());
  columns_of(std::integral_constant<Index, 1>());
}

template <class T>
void accumulate_outer(const T* X, Index rows, Index d, const T* V, Index columns, Index stride, T* out,
                      core::Prefetch& ahead) {
  accumulate_outer(RowsOf<T>{X, rows, d, d}, V, columns, stride, out, d, ahead);
}

#define LIMBECK_INSTANTIATE(T)                                                                          \
  template void multiply_rows(const T*, Index, const SkinnyMatrix<T>&, T*, core::Prefetch&);            \
  template void accumulate_outer(const RowsOf<T>&, const T*, Index, Index, T*, Index, core::Prefetch&); \
  template void accumulate_outer(const T*, Index, Index, const T*, Index, Index, T*, core::Prefetch&);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck::dense
