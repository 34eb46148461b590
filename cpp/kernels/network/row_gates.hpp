// What networks do with the products of a block of rows with their directions: sums over the neurons of a row, and
// factors by neuron. Registers hold the neurons of one row, and sums of as many rows are taken at a time.
//
// Products stand as tall_skinny_gemm.hpp leaves them: element (r, c) at z[r * stride + c], with zeros (or, where a row
// is not finite, NaN) behind the last column. Columns are the neurons and, last, the linear part.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/simd.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"

namespace limbeck::network {

namespace detail {

template <class V, std::size_t... i>
V pair_sums(V a, V b, std::index_sequence<i...>) {
  return __builtin_shufflevector(a, b, (2 * i)...) + __builtin_shufflevector(a, b, (2 * i + 1)...);
}

template <class T, Index count>
typename core::Simd<T>::Vector sums_of_registers(const typename core::Simd<T>::Vector* v) {
  using S = core::Simd<T>;
  if constexpr (count == 1) {
    return v[0];
  } else {
    return pair_sums(sums_of_registers<T, count / 2>(v), sums_of_registers<T, count / 2>(v + count / 2),
                     std::make_index_sequence<S::width>());
  }
}

}  // namespace detail

// Number i is the sum of the numbers of register v[i], for as many registers as a register has numbers.
template <class T>
typename core::Simd<T>::Vector sums_of_registers(const typename core::Simd<T>::Vector* v) {
  return detail::sums_of_registers<T, core::Simd<T>::width>(v);
}

// sums[r] = sum of the numbers of term(r, g) over all `groups` registers g of row r, for `rows` rows and up to a whole
// number of registers of them: `sums` has room for these.
template <class T, class Term>
void sum_rows(Index rows, Index groups, T* sums, const Term& term) {
  using S = core::Simd<T>;
  for (Index first = 0; first < rows; first += S::width) {
    typename S::Vector row[S::width];
#pragma GCC unroll 16
    for (Index i = 0; i < S::width; ++i) {
      const Index r = std::min(first + i, rows - 1);
      row[i] = term(r, Index{0});
      for (Index g = 1; g < groups; ++g) row[i] += term(r, g);
    }
    S::store(sums + first, sums_of_registers<T>(row));
  }
}

// to[r * stride + g * width ...] = factor(r, g), and the sums over rows of each column are added to `column`.
template <class T, class Factor>
void set_factors(Index rows, Index groups, Index stride, T* to, T* column, const Factor& factor) {
  using S = core::Simd<T>;
  for (Index g = 0; g < groups; ++g) {
    auto sum = S::load(column + g * S::width);
    for (Index r = 0; r < rows; ++r) {
      const auto value = factor(r, g);
      S::store(to + r * stride + g * S::width, value);
      sum += value;
    }
    S::store(column + g * S::width, sum);
  }
}

// Numbers by neuron and one for the linear part, in whole registers, zero behind the last.
template <class T>
core::AlignedBuffer<T> in_registers(const T* numbers, Index count, Index groups, T last) {
  core::AlignedBuffer<T> out(groups * core::Simd<T>::width);
  std::copy_n(numbers, count, out.data());
  out.data()[count] = last;
  return out;
}

// Zeroes the numbers of v whose bits in `kept` (a register of them, as numbers) are not set, whatever they are.
template <class T>
typename core::Simd<T>::Vector keep(typename core::Simd<T>::Vector v, const T* kept) {
  using Bits = typename core::Simd<std::conditional_t<sizeof(T) == 8, std::int64_t, std::int32_t>>::Vector;
  Bits bits, mask;
  std::memcpy(&bits, &v, sizeof bits);
  std::memcpy(&mask, kept, sizeof mask);
  bits &= mask;
  std::memcpy(&v, &bits, sizeof bits);
  return v;
}

// Number of rows to take at a time where they are read twice, forward and backward: few enough for the first-level
// cache; where these were fewer than pay for adding up their sums, as many as the second-level cache is made for.
template <class T>
Index rows_read_twice(Index d) {
  constexpr Index bytes = 24 * 1024, fewest = 16;  // of 32 KiB, beside factors and sums
  const Index rows = bytes / (std::max<Index>(d, 1) * static_cast<Index>(sizeof(T))) / 16 * 16;  // whole registers
  return rows < fewest ? dense::skinny_block_rows<T>(d) : std::min<Index>(rows, 256);
}

// Room for rows that are taken `most` at a time, a whole number of registers: no more than there are.
inline Index room_for(Index most, Index n) { return std::min(most, core::round_up(n, 16)); }

}  // namespace limbeck::network
