#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/core/prefetch.hpp"
#include "kernels/dense/block_products.hpp"
#include "kernels/dense/gemm_syrk.hpp"

namespace limbeck::dense {

namespace {

// ---- Few vectors: stretches of them, packed by the task that uses them ----

// How many stretches to cut the vectors into, 1 where blocks of the result make tasks enough. A stretch is long against
// the adding up of its sums.
template <class T>
Index long_stretches(Index vectors, Index length) {
  constexpr Index least = 4096, most = 256, few = 2 * largest_block, whole = 4, all_threads = 64;
  if (vectors > few || length < 2 * least) return 1;
  const Index stretches = std::min({length / least, most, PartialSums<T>::most(vectors, vectors)});
  // So that two, four or 64 threads end together.
  if (stretches >= all_threads) return stretches / all_threads * all_threads;
  return stretches < whole ? stretches : stretches / whole * whole;
}

// How many numbers of each vector to pack at a time: they stay in the second-level cache, beside the tiles of the
// result.
template <class T>
Index stretch_steps(Index vectors) {
  constexpr Index packed_bytes = 256 << 10, least_steps = 64;
  const Index fitting = packed_bytes / (vectors * static_cast<Index>(sizeof(T))) / least_steps * least_steps;
  return std::clamp(fitting, least_steps, step_length);
}

// Inner products of all pairs over numbers [begin, end) of the vectors, packed a few numbers at a time.
template <class From, class T>
void add_stretch(const Execution& exec, const VectorSet<From>& vectors, Range stretch, Index columns,
                 const Destination<T>& to) {
  constexpr Index width = core::Simd<T>::width;
  constexpr bool one_packing = width % core::tile_columns == 0;
  const Index m = vectors.count, groups = core::ceil_div(m, width);
  const Index steps = stretch_steps<T>(m);
  VectorSet<From> some = vectors;
  some.count = columns;
  Packed<T> a(m, steps);
  Packed<T, core::tile_columns> b(one_packing ? 0 : columns, steps);
  for (Index l = stretch.begin; l < stretch.end && !exec.stopped(); l += steps) {
    const Index length = std::min(steps, stretch.end - l);
    a.pack(vectors, 0, a.groups(), l, length);
    if (!one_packing) b.pack(some, 0, b.groups(), l, length);
    // What comes next, if it stands together: a row of many vectors' numbers after the other.
    core::Prefetch ahead;
    const Index next = std::min(steps, stretch.end - l - length);
    if (vectors.stride == 1) ahead = core::Prefetch(vectors.data + (l + length) * vectors.step, next * vectors.step, 1);
    const Index lines = next * vectors.step * static_cast<Index>(sizeof(From)) / core::Prefetch::line_bytes + 1;
    for (Index c = 0; c < columns; c += core::tile_columns) {
      ahead.lines(lines * core::tile_columns / columns + 1);
      add_column_group(a, one_packing ? a.columns(c, 0) : b.columns(c, 0), 0, length, {c / width, groups}, to, c);
    }
  }
}

template <class From, class T>
void add_long_inner_products(const Execution& exec, const VectorSet<From>& vectors, Index stretches, Index columns,
                             const Destination<T>& to) {
  const Index m = vectors.count, length = vectors.length;
  PartialSums<T> sums(stretches, m, columns);
  exec.for_each(stretches, static_cast<double>(m) * columns * length, [&](Index k) {
    const Range stretch{k * length / stretches, (k + 1) * length / stretches};
    add_stretch(exec, vectors, stretch, columns, sums.make(k));
  });
  sums.add_to(exec, true, to);
}

// ---- Many vectors: blocks of the result, and parts of the packed vectors where these are too few ----

struct Piece {
  Range rows, columns;
  Index area;
};

// Rows of less than a run of tiles take as long as that, or half of it.
Index rounded(Index rows) { return core::round_up(rows, smallest_block / 2); }

// A strip of rows of the lower triangle, cut across into pieces of equal area; columns in whole tiles.
void cut_strip(Range rows, Index columns, Index count, std::vector<Piece>* pieces) {
  const Index end = std::min(rows.end, columns);
  Index total = 0;
  const auto area = [&](Index c) { return rounded(rows.end - std::max(rows.begin, c)) * core::tile_columns; };
  for (Index c = 0; c < end; c += core::tile_columns) total += area(c);
  Index begin = 0, before = 0, found = 0, cut = 1;
  for (Index c = 0; c < end; c += core::tile_columns) {
    found += area(c);
    const Index next = std::min(c + core::tile_columns, end);
    if (next < end && found * count < total * cut) continue;
    pieces->push_back({rows, {begin, next}, found - before});
    begin = next;
    before = found;
    while (found * count >= total * cut) ++cut;
  }
}

// The lower triangle in blocks; those that are few, but more than one for each of 64 threads, in pieces of about equal
// area: blocks at the diagonal and at the end are smaller, so that their threads would wait for the others. The largest
// come first.
std::vector<Piece> pieces_of(Index rows, Index columns, Index block) {
  std::vector<Piece> pieces;
  pieces.reserve(4 * enough_tasks);
  const std::vector<Block> blocks = blocks_of(rows, columns, block);
  for (const auto [i, j] : blocks) {
    const Range of_rows{i * block, std::min((i + 1) * block, rows)};
    pieces.push_back({of_rows, {j * block, std::min((j + 1) * block, columns)}, 0});
  }
  // Up to four rounds of 64 threads: of more, the last one is a small part.
  constexpr Index fewest = 3 * enough_tasks / 4, most = 4 * enough_tasks;
  const Index n_blocks = static_cast<Index>(blocks.size());
  if (n_blocks < fewest || n_blocks > most) return pieces;
  // Whole rounds. Blocks that are smaller than others make up for an eighth of them.
  const Index wanted = core::round_up(n_blocks - n_blocks / 8, enough_tasks);
  const auto area = [&](Index r) {
    return static_cast<double>(rounded(std::min(block, rows - r))) *
           static_cast<double>(std::min(r + block / 2, columns));
  };
  double total = 0;
  for (Index r = 0; r < rows; r += block) total += area(r);
  for (double aim = static_cast<double>(wanted); aim > static_cast<double>(wanted) / 2; aim -= 1) {
    const auto count = [&](Index r) { return static_cast<Index>(std::ceil(area(r) / total * aim)); };
    Index all = 0;
    for (Index r = 0; r < rows; r += block) all += count(r);
    if (all > wanted) continue;
    pieces.clear();
    for (Index r = 0; r < rows; r += block) cut_strip({r, std::min(r + block, rows)}, columns, count(r), &pieces);
    std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.area > b.area; });
    return pieces;
  }
  return pieces;
}

template <class T>
Index parts_for(Index rows, Index columns, Index length, Index blocks) {
  constexpr Index least = 2048;  // numbers of a part: long against the adding up of its sums
  const Index most = std::min(length / least, PartialSums<T>::most(rows, columns));
  return std::clamp<Index>(core::ceil_div(enough_tasks, blocks), 1, std::max<Index>(most, 1));
}

}  // namespace

template <class T>
double syrk_lower_bytes(Index vectors, Index length) {
  if (vectors == 0 || length == 0) return 0;
  constexpr Index packings = core::Simd<T>::width % core::tile_columns == 0 ? 1 : 2;
  const auto packed = [&](Index steps) {
    return static_cast<double>(sizeof(T) * packings) * (vectors + core::Simd<T>::width) * (steps + 1);
  };
  const Index stretches = long_stretches<T>(vectors, length);
  if (stretches > 1) return packed(stretch_steps<T>(vectors)) + PartialSums<T>::bytes(stretches, vectors, vectors);
  const Index blocks = static_cast<Index>(blocks_of(vectors, vectors, block_size(vectors, vectors, length)).size());
  return packed(chunk_length<T>(packings * vectors, length)) +
         PartialSums<T>::bytes(parts_for<T>(vectors, vectors, length, blocks), vectors, vectors);
}

template <class From, class T>
void syrk_lower(const Execution& exec, const VectorSet<From>& vectors, T sign, TiledMatrix<T>* sums, Index first,
                Index columns) {
  constexpr Index width = core::Simd<T>::width;
  // One packing serves both sides where groups hold whole tiles of columns.
  constexpr bool one_packing = width % core::tile_columns == 0;
  const Index m = vectors.count, last_column = columns < 0 ? m : std::min(columns, m);
  if (m == 0 || last_column == 0 || vectors.length == 0) return;
  const Destination<T> to{sums->at(first, first), sums->stride(), sign};
  const Index stretches = long_stretches<T>(m, vectors.length);
  if (stretches > 1) {
    return add_long_inner_products(exec, vectors, stretches, last_column, to);
  }
  VectorSet<From> some = vectors;
  some.count = last_column;
  const Index chunk = chunk_length<T>(one_packing ? m : 2 * m, vectors.length);
  Packed<T> a(m, chunk, core::Unwritten());
  Packed<T, core::tile_columns> b(one_packing ? 0 : last_column, chunk, core::Unwritten());
  const Index block = block_size(m, last_column, vectors.length);
  const std::vector<Piece> blocks = pieces_of(m, last_column, block);
  const Index n_blocks = static_cast<Index>(blocks.size());
  const Index parts = parts_for<T>(m, last_column, vectors.length, n_blocks);
  PartialSums<T> partial(parts, m, last_column);
  if (parts > 1) {
    exec.for_each(parts, static_cast<double>(m) * last_column * parts, [&](Index k) { partial.make(k); });
  }
  for (Index l = 0; l < vectors.length; l += chunk) {
    const Index length = std::min(chunk, vectors.length - l);
    pack_all(exec, vectors, l, length, &a);
    if (!one_packing) pack_all(exec, some, l, length, &b);
    exec.for_each(n_blocks * parts, static_cast<double>(m) * last_column * length, [&](Index task) {
      const Piece& piece = blocks[task % n_blocks];
      const Index part = task / n_blocks, end = (part + 1) * length / parts;
      const Range rows{piece.rows.begin, core::round_up(piece.rows.end, width)};
      for (Index k = part * length / parts; k < end; k += step_length) {
        const auto columns_at = [&, k](Index c) { return one_packing ? a.columns(c, k) : b.columns(c, k); };
        add_step(a, columns_at, k, std::min(step_length, end - k), rows, piece.columns, true,
                 parts > 1 ? partial.at(part) : to);
      }
    });
  }
  if (parts > 1) partial.add_to(exec, true, to);
}

template double syrk_lower_bytes<double>(Index, Index);
template void syrk_lower(const Execution&, const VectorSet<float>&, float, TiledMatrix<float>*, Index, Index);
template void syrk_lower(const Execution&, const VectorSet<double>&, float, TiledMatrix<float>*, Index, Index);
template void syrk_lower(const Execution&, const VectorSet<double>&, double, TiledMatrix<double>*, Index, Index);
template void syrk_lower(const Execution&, const VectorSet<float>&, double, TiledMatrix<double>*, Index, Index);

}  // namespace limbeck::dense
