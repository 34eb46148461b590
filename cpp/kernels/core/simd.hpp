// Vectors of the instruction set that this file is compiled for, and the shape of the register tiles that fit it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>

#include "kernels/core/execution.hpp"

namespace limbeck {

// Tiles are sized so that accumulators, one broadcast and the loaded vectors just fit the register file:
// 32 registers with AVX-512 and on AArch64, 16 elsewhere.
#if defined(__AVX512F__)
constexpr Index vector_bytes = 64, tile_vectors = 3, tile_columns = 8;
#elif defined(__AVX2__)
constexpr Index vector_bytes = 32, tile_vectors = 3, tile_columns = 4;
#elif defined(__aarch64__)
constexpr Index vector_bytes = 16, tile_vectors = 3, tile_columns = 8;
#else
constexpr Index vector_bytes = 16, tile_vectors = 3, tile_columns = 4;
#endif

// Zeroed memory that starts on a vector boundary.
template <class T>
class AlignedBuffer {
public:
  explicit AlignedBuffer(Index size) : data_(static_cast<T*>(::operator new(bytes(size), std::align_val_t{64}))) {
    std::fill_n(data_.get(), size, T(0));
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }

private:
  static std::size_t bytes(Index size) {
    constexpr std::size_t most = PTRDIFF_MAX / sizeof(T);
    if (size < 0 || static_cast<std::size_t>(size) > most) throw std::bad_array_new_length();
    return static_cast<std::size_t>(std::max<Index>(size, 1)) * sizeof(T);
  }
  struct Free {
    void operator()(T* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::unique_ptr<T[], Free> data_;
};

template <class T, Index count>
struct VectorOf {
  typedef T Type __attribute__((vector_size(count * static_cast<Index>(sizeof(T)))));
};

template <class T>
struct Simd {
  static constexpr Index width = vector_bytes / static_cast<Index>(sizeof(T));
  using Vector = typename VectorOf<T, width>::Type;

  static Vector load(const T* from) {
    Vector v;
    std::memcpy(&v, from, sizeof v);
    return v;
  }
  static void store(T* to, Vector v) { std::memcpy(to, &v, sizeof v); }
};

// The sum of a power of two of numbers, in pairs. They are overwritten.
template <Index count, class T>
inline T sum_in_pairs(T* parts) {
  if constexpr (count > 1) {
    for (Index k = 0; k < count / 2; ++k) parts[k] += parts[k + count / 2];
    return sum_in_pairs<count / 2>(parts);
  }
  return parts[0];
}

// Fetches memory that will be read soon into the second-level cache, a few lines at a time beside the arithmetic, which
// would otherwise wait for main memory. `passes` is how often what is at hand is read meanwhile: each pass fetches its
// share. Reaching beyond the end of an array is harmless: a prefetch never faults.
class Prefetch {
public:
  static constexpr Index line_bytes = 64;

  Prefetch() = default;
  template <class T>
  Prefetch(const T* from, Index count, Index passes)
      : at_(reinterpret_cast<std::uintptr_t>(from)),
        end_(at_ + static_cast<std::uintptr_t>(count) * sizeof(T)),
        passes_(std::max<Index>(passes, 1)) {}

  // How many lines to fetch beside reading `read` lines.
  Index share(Index read) const { return (read + passes_ - 1) / passes_; }
  void lines(Index count) {
    if (at_ >= end_) return;
    for (Index l = 0; l < count; ++l, at_ += line_bytes) __builtin_prefetch(reinterpret_cast<const void*>(at_), 0, 2);
  }

private:
  std::uintptr_t at_ = 0, end_ = 0;  // a pointer beyond the array would not be defined
  Index passes_ = 1;
};

}  // namespace limbeck
