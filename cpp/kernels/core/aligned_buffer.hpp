// Memory that starts on a cache line, and so on a boundary of vectors of every instruction set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>

#include "kernels/core/huge_pages.hpp"
#include "kernels/core/ints.hpp"

namespace limbeck::core {

// Asks for memory that nobody has written to yet: the task that will work on it does so first, and then it is near that
// task's processor.
struct Unwritten {};

// Memory for `size` numbers, zeroed unless it is to be unwritten.
template <class T>
class AlignedBuffer {
public:
  AlignedBuffer(Index size, Unwritten)
      : data_(static_cast<T*>(::operator new(bytes(size), std::align_val_t{alignment}))) {
    if (bytes(size) >= huge_page_bytes) advise_huge_pages(data_.get(), bytes(size));
  }
  explicit AlignedBuffer(Index size) : AlignedBuffer(size, Unwritten{}) { std::fill_n(data_.get(), size, T(0)); }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }

private:
  static constexpr std::size_t alignment = 64;  // a cache line, and a vector of AVX-512

  static std::size_t bytes(Index size) {
    constexpr std::size_t most = PTRDIFF_MAX / sizeof(T);
    if (size < 0 || static_cast<std::size_t>(size) > most) throw std::bad_array_new_length();
    return static_cast<std::size_t>(std::max<Index>(size, 1)) * sizeof(T);
  }
  struct Free {
    void operator()(T* p) const { ::operator delete(p, std::align_val_t{alignment}); }
  };
  std::unique_ptr<T[], Free> data_;
};

}  // namespace limbeck::core
