// Vectors packed for the micro-kernel: groups of `width` of them, interleaved, so that the numbers l of a group's
// vectors stand side by side. Number l of vector v: data[(v / width) * group_stride + l * width + v % width].
#pragma once

#include <algorithm>

#include "kernels/dense/matrix.hpp"
#include "kernels/dense/micro_kernel.hpp"

namespace limbeck::dense {

// Packed vectors that somebody else owns, in groups of as many as a register holds.
template <class T>
struct PackedView {
  static constexpr Index width = core::Simd<T>::width;
  // Of `count`: whole groups that hold whole tiles of columns.
  static constexpr Index multiple = width > core::tile_columns ? width : core::tile_columns;
  static Index padded(Index count) { return core::round_up(count, multiple); }

  const T* data;
  Index count, length, group_stride;
};

// Packed vectors. All numbers are zero at first; those that only fill the last group stay so.
template <class T, Index width = core::Simd<T>::width>
class Packed {
public:
  static constexpr Index group_width = width;

  Packed(Index count, Index length)
      : count_(count),
        length_(length),
        groups_(core::ceil_div(count, width)),
        stride_(stride_for(length)),
        data_(groups_ * stride_) {}
  // Whose numbers are only defined where something was packed.
  Packed(Index count, Index length, core::Unwritten unwritten)
      : count_(count),
        length_(length),
        groups_(core::ceil_div(count, width)),
        stride_(stride_for(length)),
        data_(groups_ * stride_, unwritten) {}

  // One number of each vector more than the length between groups: a power of two would map all groups to the same
  // cache sets.
  static constexpr Index stride_for(Index length) { return (length + 1) * width; }

  Index groups() const { return groups_; }
  Index stride() const { return stride_; }
  T* group(Index g) { return data_.data() + g * stride_; }
  const T* group(Index g) const { return data_.data() + g * stride_; }
  T& at(Index v, Index l) { return group(v / width)[l * width + v % width]; }
  T at(Index v, Index l) const { return group(v / width)[l * width + v % width]; }
  // The operand of the micro-kernel: numbers from l on of the tile_columns vectors from `first` on.
  TileColumns<T> columns(Index first, Index l) const {
    return {group(first / width) + l * width + first % width, width, 1};
  }
  PackedView<T> view() const { return {data_.data(), count_, length_, stride_}; }

  void clear() { std::fill_n(data_.data(), groups_ * stride_, T(0)); }

  // Groups [begin, end), numbers `from_l` on, from the source's `first` + from_l on. A few numbers of each at a time,
  // so that the lines written to are still in the first-level cache when their next numbers come.
  template <class From>
  void pack(const VectorSet<From>& from, Index begin, Index end, Index first, Index length, Index from_l = 0) {
    constexpr Index run = 16;
    const Index last = from_l + length;
    for (Index l = from_l; l < last; l += run) {
      for (Index g = begin; g < end; ++g) pack_run(from, g, first, l, std::min(last, l + run));
    }
  }

  // Number l of vectors 0 ... count - 1, which stand side by side; zero for those beyond. Only groups from `begin` on.
  void pack_across(const T* numbers, Index count, Index l, Index begin = 0) {
    static_assert(width == core::Simd<T>::width);
    // Copies of the members, because stores of vectors might change these for all that the compiler knows.
    const Index stride = stride_, groups = groups_, whole = count / width;
    T* to = data_.data() + l * width;
    for (Index g = begin; g < whole; ++g)
      core::Simd<T>::store(to + g * stride, core::Simd<T>::load(numbers + g * width));
    for (Index g = std::max(whole, begin); g < groups; ++g) {
      T* tail = to + g * stride;
      for (Index v = 0; v < width; ++v) tail[v] = g * width + v < count ? numbers[g * width + v] : T(0);
    }
  }

  // The transpose: number l of vector v becomes number v of vector l. Both of whole groups.
  void pack_transposed(const Packed& from) {
    for (Index r = 0; r < from.groups_; ++r) {
      for (Index c = 0; c < groups_; ++c) {
        const T* source = from.group(r) + c * width * width;
        T* to = group(c) + r * width * width;
        for (Index i = 0; i < width; ++i) {
          for (Index j = 0; j < width; ++j) to[i * width + j] = source[j * width + i];
        }
      }
    }
  }

private:
  template <class From>
  void pack_run(const VectorSet<From>& from, Index g, Index first, Index begin, Index end) {
    T* to = group(g);
    const Index vectors = std::min(width, from.count - g * width);
    const From factor = static_cast<From>(1 / from.unit);
    const From* data = from.data + g * width * from.stride + first * from.step;
    for (Index l = begin; vectors < width && l < end; ++l)
      std::fill(to + l * width + vectors, to + (l + 1) * width, T(0));
    if (from.step == 1) {
      for (Index v = 0; v < vectors; ++v) {
        for (Index l = begin; l < end; ++l) to[l * width + v] = static_cast<T>(factor * data[v * from.stride + l]);
      }
    } else {
      for (Index l = begin; l < end; ++l) {
        for (Index v = 0; v < vectors; ++v) to[l * width + v] = static_cast<T>(factor * data[l * from.step + v]);
      }
    }
  }

  Index count_, length_, groups_, stride_;
  core::AlignedBuffer<T> data_;
};

}  // namespace limbeck::dense
