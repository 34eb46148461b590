// Vectors of the instruction set that a file is compiled for, and the shape of the register tiles that fit it.
#pragma once

// The constants below differ from level to level. A file that is compiled once and linked into several levels, as the
// bindings are, would mix them up without a word from the linker.
#ifndef LIMBECK_LEVEL
#error "kernels/core/simd.hpp is for files that are compiled for one instruction set, with LIMBECK_LEVEL defined."
#endif

#include <cstring>

#include "kernels/core/ints.hpp"

namespace limbeck::core {

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

}  // namespace limbeck::core
