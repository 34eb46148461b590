#include "kernels/dense/gemm_syrk.hpp"

#include <algorithm>
#include <type_traits>

#include "kernels/dense/block_products.hpp"

namespace limbeck::dense {

namespace {

// A few numbers of contiguous vectors in another precision, vector by vector: cheaper than to interleave them.
template <class T>
class Converted {
public:
  explicit Converted(Index count) : data_(core::round_up(count, core::tile_columns) * stride) {}

  TileColumns<T> columns(Index first) const { return {data_.data() + first * stride, 1, stride}; }

  template <class From>
  void take(const VectorSet<From>& from, Index first, Index length) {
    const From factor = static_cast<From>(1 / from.unit);
    for (Index v = 0; v < from.count; ++v) {
      const From* vector = from.data + v * from.stride + first;
      T* to = data_.data() + v * stride;
      for (Index l = 0; l < length; ++l) to[l] = static_cast<T>(factor * vector[l]);
    }
  }

private:
  static constexpr Index stride = step_length + 64 / static_cast<Index>(sizeof(T));  // no power of two
  core::AlignedBuffer<T> data_;
};

// Products of packed vectors with a block of columns, for a stretch of the packed numbers, which begin at `begin`.
template <class T, class From>
void add_block(const Packed<T>& left, const VectorSet<From>& b, Index begin, Range stretch, Range rows, Range columns,
               const Destination<T>& to) {
  // Contiguous vectors are read where they stand, in whole groups. Others are packed, and used while they are at hand.
  constexpr bool same = std::is_same_v<T, From>;
  const bool converts = !same && b.step == 1;
  const Index in_place = same && b.step == 1 && b.unit == 1 ? b.count / core::tile_columns * core::tile_columns : 0;
  const Index packed = std::max(columns.begin, std::min(in_place, columns.end));
  VectorSet<From> rest = b;
  rest.data += packed * b.stride;
  rest.count = columns.end - packed;
  Packed<T, core::tile_columns> right(converts ? 0 : rest.count, std::min(step_length, stretch.end - stretch.begin));
  Converted<T> converted(converts ? rest.count : 0);
  for (Index l = stretch.begin; l < stretch.end; l += step_length) {
    const Index steps = std::min(step_length, stretch.end - l);
    if (converts) {
      converted.take(rest, begin + l, steps);
    } else {
      right.pack(rest, 0, right.groups(), begin + l, steps);
    }
    const auto columns_at = [&](Index c) -> TileColumns<T> {
      if constexpr (same) {
        if (c < packed) return {b.data + c * b.stride + begin + l, 1, b.stride};
      }
      return converts ? converted.columns(c - packed) : right.columns(c - packed, 0);
    };
    add_step(left, columns_at, l, steps, rows, columns, false, to);
  }
}

// How to share a product among tasks: blocks of columns, and parts of the vectors where these are too few.
struct Shares {
  Index row_blocks, block, column_blocks, parts;
};

template <class T>
Shares shares_for(Index rows, Index columns, Index length) {
  constexpr Index least = 1024;  // numbers of a part, and multiplications: long against adding up its sums
  constexpr double few_products = 5e5;
  const double rows_of_block = static_cast<double>(std::min(rows, largest_block));
  Shares s{core::ceil_div(rows, largest_block), largest_block, 0, 1};
  while (s.block > smallest_block && rows_of_block * s.block / 2 * length >= least_products &&
         s.row_blocks * core::ceil_div(columns, s.block) < enough_tasks) {
    s.block /= 2;
  }
  s.column_blocks = core::ceil_div(columns, s.block);
  const Index work = static_cast<Index>(static_cast<double>(rows) * columns * length / few_products);
  const Index most = std::min({length / least, work, PartialSums<T>::most(rows, columns)});
  s.parts =
      std::clamp<Index>(core::ceil_div(enough_tasks, s.row_blocks * s.column_blocks), 1, std::max<Index>(most, 1));
  return s;
}

}  // namespace

template <class T, class From>
void gemm(const Execution& exec, const VectorSet<T>& a, const VectorSet<From>& b, T sign, TiledMatrix<T>* sums,
          Corner corner) {
  constexpr Index width = core::Simd<T>::width;
  if (a.count == 0 || b.count == 0 || a.length == 0) return;
  const Shares s = shares_for<T>(a.count, b.count, a.length);
  const Index chunk = chunk_length<T>(a.count, a.length), blocks = s.row_blocks * s.column_blocks;
  Packed<T> left(a.count, chunk, core::Unwritten());
  const Destination<T> to{sums->at(corner.row, corner.column), sums->stride(), sign};
  PartialSums<T> partial(s.parts, a.count, b.count);
  if (s.parts > 1) {
    exec.for_each(s.parts, static_cast<double>(a.count) * b.count * s.parts, [&](Index k) { partial.make(k); });
  }
  for (Index begin = 0; begin < a.length; begin += chunk) {
    const Index length = std::min(chunk, a.length - begin);
    pack_all(exec, a, begin, length, &left);
    exec.for_each(blocks * s.parts, 2.0 * a.count * b.count * length, [&](Index task) {
      const Index i = task % blocks / s.column_blocks, j = task % s.column_blocks, part = task / blocks;
      const Range rows{i * largest_block, std::min((i + 1) * largest_block, core::round_up(a.count, width))};
      const Range columns{j * s.block, std::min((j + 1) * s.block, b.count)};
      const Range stretch{part * length / s.parts, (part + 1) * length / s.parts};
      add_block(left, b, begin, stretch, rows, columns, s.parts > 1 ? partial.at(part) : to);
    });
  }
  if (s.parts > 1) partial.add_to(exec, false, to);
}

template void gemm(const Execution&, const VectorSet<float>&, const VectorSet<float>&, float, TiledMatrix<float>*,
                   Corner);
template void gemm(const Execution&, const VectorSet<double>&, const VectorSet<double>&, double, TiledMatrix<double>*,
                   Corner);
template void gemm(const Execution&, const VectorSet<double>&, const VectorSet<float>&, double, TiledMatrix<double>*,
                   Corner);

}  // namespace limbeck::dense
