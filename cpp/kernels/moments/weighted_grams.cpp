#include "kernels/moments/weighted_grams.hpp"

#include <algorithm>

#include "kernels/dense/micro_kernel.hpp"

namespace limbeck {

namespace {

// tile += A' diag(1) B over rows: MV vectors of the packed panels against tile_columns scaled columns.
template <class T, int MV>
void tile_kernel(Index rows, const T* a, const T* b, T* tile) {
  constexpr Index width = Simd<T>::width;
  add_tile<T, MV>(rows, a, PackedRows<T>::panel_stride, {b, ScaledColumns<T>::columns, 1}, T(1), tile,
                  {tile_columns * width, width});
}

// How the work on all strips of all J matrices is split: lanes over rows, slabs over (matrix, strip) units so that the
// lanes' accumulators stay within a fixed budget whatever d and J are.
struct Unit {
  Index j, strip, offset;  // offset of its tiles within a lane's accumulator
};

template <class T>
struct Plan {
  static constexpr Index budget_bytes = Index{24} << 20, most_lanes = 64, least_lanes = 8, blocks_per_lane = 8;
  std::vector<std::vector<Unit>> slabs;
  std::vector<Index> slab_sizes;
  Index lanes;

  Plan(const TriangleLayout<T>& layout, Index n, Index J) {
    const Index blocks = (n + gram_block_rows - 1) / gram_block_rows;
    const Index budget = budget_bytes / static_cast<Index>(sizeof(T));
    const Index total = std::max<Index>(1, J * layout.size());
    lanes = std::clamp(budget / total, least_lanes, most_lanes);
    lanes = std::clamp(blocks / blocks_per_lane, Index{1}, lanes);
    Index size = 0;
    slabs.emplace_back();
    for (Index j = 0; j < J; ++j) {
      for (Index q = 0; q < layout.strips; ++q) {
        if (size > 0 && (size + layout.strip_size(q)) * lanes > budget) {
          slab_sizes.push_back(size);
          slabs.emplace_back();
          size = 0;
        }
        slabs.back().push_back({j, q, size});
        size += layout.strip_size(q);
      }
    }
    slab_sizes.push_back(size);
  }
};

}  // namespace

template <class T>
void PackedRows<T>::copy_row(const T* row, Index length, Index r, Index from) {
  T* to = data_.data() + r * width;
  const Index whole = length / width;
  for (Index p = from; p < whole; ++p) Simd<T>::store(to + p * panel_stride, Simd<T>::load(row + p * width));
  for (Index p = std::max(whole, from); p < panels_; ++p) {
    T* tail = to + p * panel_stride;
    for (Index c = 0; c < width; ++c) tail[c] = p * width + c < length ? row[p * width + c] : T(0);
  }
}

template <class T>
void PackedRows<T>::pack(const T* X, Index rows, Index from) {
  for (Index r = 0; r < rows; ++r) copy_row(X + r * d_, d_, r, from);
}

template <class T>
void PackedRows<T>::gather_augmented(const T* X, const Index* index, Index rows) {
  const Index last = d_ - 1;
  for (Index r = 0; r < rows; ++r) {
    copy_row(X + index[r] * last, last, r, 0);
    data_.data()[last / width * panel_stride + r * width + last % width] = T(1);
  }
}

template <class T>
const T* ScaledColumns<T>::strip(const PackedRows<T>& packed, Index rows, const T* w, Index q) {
  constexpr Index width = Simd<T>::width;
  using S = Simd<T>;
  // Without weights the packed panel itself will do where it has the strips' layout.
  if (!w && columns == width) return packed.panel(q * tile_columns / width) + q * tile_columns % width;
  const Index group = q * tile_columns / columns;
  if (group != group_ || w != weights_) {
    group_ = group;
    weights_ = w;
    for (Index c = 0; c < columns; c += width) {
      const Index panel = (group * columns + c) / width;
      T* to = data_.data() + c;
      if (panel * width >= d_) {  // a strip that reaches beyond the last panel
        for (Index r = 0; r < rows; ++r) S::store(to + r * columns, typename S::Vector{});
        continue;
      }
      const T* from = packed.panel(panel);
      if (w) {
#pragma GCC unroll 4
        for (Index r = 0; r < rows; ++r) S::store(to + r * columns, S::load(from + r * width) * w[r]);
      } else {
        for (Index r = 0; r < rows; ++r) S::store(to + r * columns, S::load(from + r * width));
      }
    }
  }
  return data_.data() + q * tile_columns % columns;
}

template <class T>
void accumulate_strip(const TriangleLayout<T>& layout, const PackedRows<T>& packed, ScaledColumns<T>& scaled,
                      Index rows, const T* w, Index q, T* tiles) {
  constexpr Index width = Simd<T>::width;
  const T* b = scaled.strip(packed, rows, w, q);
  Index p = layout.first_panel(q);
  T* at = tiles;
  const auto step = [&](auto kernel, Index vectors) {
    kernel(rows, packed.panel(p), b, at);
    p += vectors;
    at += vectors * width * tile_columns;
  };
  // Four panels are left as two and two, not three and one: a tile of one vector is bound by latency.
  while (layout.panels - p >= 5 || layout.panels - p == 3) step(tile_kernel<T, 3>, 3);
  while (layout.panels - p >= 2) step(tile_kernel<T, 2>, 2);
  if (p < layout.panels) step(tile_kernel<T, 1>, 1);
}

template <class T>
void scatter_strip(const TriangleLayout<T>& layout, Index q, const T* tiles, T* out) {
  constexpr Index width = Simd<T>::width;
  const Index d = layout.d, first = layout.first_panel(q);
  for (Index t = 0; t < layout.strip_tiles(q); ++t) {
    for (Index c = 0; c < tile_columns; ++c) {
      const Index column = q * tile_columns + c;
      for (Index v = 0; v < width; ++v) {
        const Index row = (first + t) * width + v;
        if (row >= d || column > row) continue;
        const T value = tiles[(t * tile_columns + c) * width + v];
        out[row * d + column] = value;
        out[column * d + row] = value;
      }
    }
  }
}

template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, Index J, const MakeWeights<T>& weights,
                    T* out) {
  const TriangleLayout<T> layout(d);
  const Plan<T> plan(layout, n, J);
  const double operations = static_cast<double>(n) * d * d * J;
  for (std::size_t s = 0; s < plan.slabs.size(); ++s) {
    const auto& units = plan.slabs[s];
    const Index size = plan.slab_sizes[s];
    AlignedBuffer<T> sums(plan.lanes * size);
    const Index j_begin = units.empty() ? 0 : units.front().j, j_end = units.empty() ? 0 : units.back().j + 1;
    Index from = layout.panels;
    for (const Unit& u : units) from = std::min(from, layout.first_panel(u.strip));
    exec.for_each(plan.lanes, operations / plan.slabs.size(), [&](Index lane) {
      PackedRows<T> packed(d);
      ScaledColumns<T> scaled(d);
      const FillWeights<T> fill = weights(j_begin, j_end);
      std::vector<T> w((j_end - j_begin) * gram_block_rows);
      const RowRange range = row_range(n, gram_block_rows, plan.lanes, lane);
      for (Index i = range.begin; i < range.end && !exec.stopped(); i += gram_block_rows) {
        const Index rows = std::min(gram_block_rows, range.end - i);
        packed.pack(X + i * d, rows, from);
        fill(i, rows, w.data(), gram_block_rows);
        scaled.reset();
        Prefetch ahead(X + (i + rows) * d, rows * d, static_cast<Index>(units.size()));
        const Index share = ahead.share(rows * d * static_cast<Index>(sizeof(T)) / Prefetch::line_bytes + 1);
        for (const Unit& u : units) {
          ahead.lines(share);
          accumulate_strip(layout, packed, scaled, rows, w.data() + (u.j - j_begin) * gram_block_rows, u.strip,
                           sums.data() + lane * size + u.offset);
        }
      }
    });
    const auto n_units = static_cast<Index>(units.size());
    exec.for_each(n_units, static_cast<double>(size) * plan.lanes, [&](Index k) {
      const Unit& u = units[k];
      T* total = sums.data() + u.offset;
      for (Index lane = 1; lane < plan.lanes; ++lane) {
        const T* part = sums.data() + lane * size + u.offset;
        for (Index e = 0; e < layout.strip_size(u.strip); ++e) total[e] += part[e];
      }
      scatter_strip(layout, u.strip, total, out + u.j * d * d);
    });
  }
}

template <class T>
void weighted_grams(const Execution& exec, const T* X, Index n, Index d, const T* W, Index J, T* out) {
  const MakeWeights<T> weights = [=](Index begin, Index end) -> FillWeights<T> {
    return [=](Index first, Index rows, T* w, Index stride) {
      for (Index r = 0; r < rows; ++r) {
        for (Index j = begin; j < end; ++j) w[(j - begin) * stride + r] = W[(first + r) * J + j];
      }
    };
  };
  weighted_grams(exec, X, n, d, J, weights, out);
}

#define LIMBECK_INSTANTIATE(T)                                                                                       \
  template class PackedRows<T>;                                                                                      \
  template class ScaledColumns<T>;                                                                                   \
  template void accumulate_strip(const TriangleLayout<T>&, const PackedRows<T>&, ScaledColumns<T>&, Index, const T*, \
                                 Index, T*);                                                                         \
  template void scatter_strip(const TriangleLayout<T>&, Index, const T*, T*);                                        \
  template void weighted_grams(const Execution&, const T*, Index, Index, Index, const MakeWeights<T>&, T*);          \
  template void weighted_grams(const Execution&, const T*, Index, Index, const T*, Index, T*);
LIMBECK_INSTANTIATE(float)
LIMBECK_INSTANTIATE(double)
#undef LIMBECK_INSTANTIATE

}  // namespace limbeck
