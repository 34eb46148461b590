#include "kernels/simulation/bartlett_design.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/gemm_syrk.hpp"

namespace limbeck::simulation {

namespace {

constexpr Index width = BartlettDesign::width, half = core::Simd<double>::width;
constexpr Index chains = 4;  // independent sums: an addition takes four cycles
// Features in one pass over the groups of rows: their sums, a register each, leave room for the factors.
constexpr Index columns = core::vector_bytes == 64 ? 16 : 8;
static_assert(width == 2 * half && width % chains == 0);

// Columns of a Gram matrix in one task: each row is read once for 64 columns, and a matrix of 500 rows still makes
// eight tasks.
constexpr Index strip = 64;
static_assert(strip % dense::PackedView<float>::multiple == 0);

// One number of each row of a group, or a sum over some, in double precision.
struct Group {
  using Vector = core::Simd<double>::Vector;
  Vector low, high;

  static Group of(const float* x) { return {widened(x), widened(x + half)}; }
  static Group of(const double* x) { return {core::Simd<double>::load(x), core::Simd<double>::load(x + half)}; }
  void store(double* to) const {
    core::Simd<double>::store(to, low);
    core::Simd<double>::store(to + half, high);
  }
  void add(const Group& g, double factor) {
    low += g.low * factor;
    high += g.high * factor;
  }

private:
  static Vector widened(const float* x) { return widened(x, std::make_index_sequence<half>()); }
  // Number by number: GCC makes one instruction of that, but five of __builtin_convertvector.
  template <std::size_t... i>
  static Vector widened(const float* x, std::index_sequence<i...>) {
    return Vector{x[i]...};
  }
};

// Of the features [begin, end) of a group of rows with their numbers in v.
Group products_from(const float* x, Index begin, Index end, const double* v) {
  Group sums[chains] = {};
  Index l = begin;
  for (; l + chains <= end; l += chains) {
#pragma GCC unroll 4
    for (Index k = 0; k < chains; ++k) sums[k].add(Group::of(x + (l + k) * width), v[l + k]);
  }
  for (; l < end; ++l) sums[0].add(Group::of(x + l * width), v[l]);
  for (Index k = 1; k < chains; ++k) sums[0].add(sums[k], 1.0);
  return sums[0];
}

// Inner products of features with v, each feature having been multiplied by its factor, in place.
Group products_after(float* x, Index begin, Index end, const float* factors, const double* v) {
  const auto scale = [&](Index l) {
    core::Simd<float>::store(x + l * width, core::Simd<float>::load(x + l * width) * factors[l]);
  };
  Group sums[chains] = {};
  Index l = begin;
  for (; l + chains <= end; l += chains) {
#pragma GCC unroll 4
    for (Index k = 0; k < chains; ++k) scale(l + k);
#pragma GCC unroll 4
    for (Index k = 0; k < chains; ++k) sums[k].add(Group::of(x + (l + k) * width), v[l + k]);
  }
  for (; l < end; ++l) {
    scale(l);
    sums[0].add(Group::of(x + l * width), v[l]);
  }
  for (Index k = 1; k < chains; ++k) sums[0].add(sums[k], 1.0);
  return sums[0];
}

double total(core::Simd<double>::Vector v) {
  double parts[half];
  core::Simd<double>::store(parts, v);
  return core::sum_in_pairs<half>(parts);
}

}  // namespace

BartlettDesign::BartlettDesign(Index n, const std::vector<double>& deviations)
    : n_(n),
      p_(static_cast<Index>(deviations.size())),
      m_(std::min(n_, p_)),
      padded_(dense::PackedView<float>::padded(m_)),
      deviations_(deviations.begin(), deviations.end()),
      rows_(padded_, p_) {}

void BartlettDesign::draw_group(NormalRng* random, Index first) {
  float* x = rows_.group(first / width);
  // Numbers left of the triangle, and rows that only fill a group, are zero.
  random->fill(x + first * width, (p_ - first) * width);
  for (Index v = 0; v < width; ++v) {
    const Index row = first + v;
    for (Index l = first; l < (row < m_ ? row : p_); ++l) x[l * width + v] = 0;
    if (row < m_) x[row * width + v] = static_cast<float>(random->chi(n_ - row));
  }
}

void BartlettDesign::draw(NormalRng* random) {
  for (Index first = 0; first < m_; first += width) draw_group(random, first);
}

void BartlettDesign::draw_scaled(NormalRng* random, const double* v, double* products) {
  std::fill_n(products, padded_, 0.0);
  for (Index first = 0; first < m_; first += width) {
    draw_group(random, first);
    // The group is still in the first-level cache.
    float* x = rows_.group(first / width);
    products_after(x, first, p_, deviations_.data(), v).store(products + first);
  }
}

void BartlettDesign::times(const double* v, double* products) const {
  for (Index first = 0; first < padded_; first += width)
    products_from(rows_.group(first / width), std::min(first, p_), p_, v).store(products + first);
}

void BartlettDesign::transposed_times(const double* v, double* products) const {
  for_columns(v, products, [](auto, Index, Index) {});
}

void BartlettDesign::transposed_times(const float* v, float* products) const {
  Index l = 0;
  for (; l + columns <= p_; l += columns) transposed_some<columns>(v, l, products);
  for (; l < p_; ++l) transposed_some<1>(v, l, products);
}

template <Index count>
void BartlettDesign::transposed_some(const float* v, Index l, float* products) const {
  using Numbers = core::Simd<float>;
  Numbers::Vector sums[count] = {};
  const Index groups = std::min(core::ceil_div(l + count, width), padded_ / width);
  const float* x = rows_.group(0) + l * width;
  for (Index g = 0; g < groups; ++g, x += rows_.stride()) {
    const Numbers::Vector factors = Numbers::load(v + g * width);
#pragma GCC unroll 16
    for (Index k = 0; k < count; ++k) sums[k] += Numbers::load(x + k * width) * factors;
  }
#pragma GCC unroll 16
  for (Index k = 0; k < count; ++k) {
    float parts[width];
    Numbers::store(parts, sums[k]);
    products[l + k] = core::sum_in_pairs<width>(parts);
  }
}

void BartlettDesign::gram_times(const double* v, double* image, double* products) const {
  std::fill_n(products, padded_, 0.0);
  for_columns(v, image,
              [&](auto count, Index l, Index groups) { add_some<decltype(count)::value>(image, l, groups, products); });
}

// image = X' v, some features at a time; use(count, l, groups) after `count` of them from l on, whose numbers are zero
// beyond the first `groups` groups of rows.
template <class Use>
void BartlettDesign::for_columns(const double* v, double* image, const Use& use) const {
  using Many = std::integral_constant<Index, columns>;
  using One = std::integral_constant<Index, 1>;
  Index l = 0;
  for (; l + columns <= p_; l += columns) use(Many(), l, transposed_some<columns>(v, l, image));
  for (; l < p_; ++l) use(One(), l, transposed_some<1>(v, l, image));
}

// Products with `count` features from l on; returns the number of groups of rows that may be other than zero there.
template <Index count>
Index BartlettDesign::transposed_some(const double* v, Index l, double* products) const {
  core::Simd<double>::Vector sums[count] = {};
  const Index groups = std::min(core::ceil_div(l + count, width), padded_ / width);
  const float* x = rows_.group(0) + l * width;
  for (Index g = 0; g < groups; ++g, x += rows_.stride()) {
    const Group factors = Group::of(v + g * width);
#pragma GCC unroll 16
    for (Index k = 0; k < count; ++k) {
      const Group numbers = Group::of(x + k * width);
      sums[k] += numbers.low * factors.low;
      sums[k] += numbers.high * factors.high;
    }
  }
#pragma GCC unroll 16
  for (Index k = 0; k < count; ++k) products[l + k] = total(sums[k]);
  return groups;
}

// products += `count` features from l on times their numbers in `image`.
template <Index count>
void BartlettDesign::add_some(const double* image, Index l, Index groups, double* products) const {
  const float* x = rows_.group(0) + l * width;
  for (Index g = 0; g < groups; ++g, x += rows_.stride()) {
    Group sums = Group::of(products + g * width);
#pragma GCC unroll 16
    for (Index k = 0; k < count; ++k) sums.add(Group::of(x + k * width), image[l + k]);
    sums.store(products + g * width);
  }
}

// Row groups from the last to the first: products with what is found are those of `times`, the group's own triangle
// is solved number by number.
void BartlettDesign::divide(double* v) const {
  for (Index first = core::round_up(p_, width) - width; first >= 0; first -= width) {
    const float* x = rows_.group(first / width);
    const Index end = std::min(first + width, p_);
    double sums[width];
    products_from(x, end, p_, v).store(sums);
    for (Index i = end; i-- > first;) {
      double left = v[i] - sums[i - first];
      for (Index l = i + 1; l < end; ++l) left -= static_cast<double>(x[l * width + i - first]) * v[l];
      v[i] = left / static_cast<double>(x[i * width + i - first]);
    }
  }
}

void BartlettDesign::add_gram(const Execution& exec, dense::TiledMatrix<float>* sums) const {
  const dense::PackedView<float> vectors = rows_.view();
  // A last group of which half is zero has a task of its own.
  const bool half_zero = dense::has_half_groups<float> && padded_ > width && 2 * (padded_ - m_) >= width;
  dense::PackedView<float> whole = vectors;
  if (half_zero) whole.count -= width;
  const Index strips = core::ceil_div(whole.count, strip);
  exec.for_each(strips + half_zero, static_cast<double>(padded_) * padded_ * p_, [&](Index s) {
    if (s == strips) return dense::syrk_packed_last_half<float>(vectors, sums);
    dense::syrk_packed<float>(whole, sums, true, s * strip, std::min((s + 1) * strip, whole.count));
  });
}

void BartlettDesign::add_gram(const Execution& exec, dense::TiledMatrix<double>* sums) const {
  core::AlignedBuffer<double> rows(m_ * p_);
  for (Index row = 0; row < m_; ++row) {
    for (Index l = row; l < p_; ++l) rows.data()[row * p_ + l] = at(row, l);
  }
  dense::syrk_lower(exec, dense::VectorSet<double>{rows.data(), m_, p_, p_, 1}, 1.0, sums);
}

}  // namespace limbeck::simulation
