#include "kernels/simulation/bartlett_design.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/gemm_syrk.hpp"

namespace limbeck::simulation {

namespace {

constexpr Index width = BartlettDesign::width, half = core::Simd<double>::width;
constexpr Index chains = 4;  // independent sums: an addition takes four cycles
static_assert(width == 2 * half && width % chains == 0);

// Columns of a Gram matrix in one task: each row is read once for 64 columns, and a matrix of 500 rows still makes
// eight tasks.
constexpr Index strip = 64;
static_assert(strip % dense::PackedView<float>::multiple == 0);

// One number of each row of a group, or a sum over some, in double precision.
struct Group {
  core::Simd<double>::Vector low, high;

  static Group of(const float* x) { return {widened(x), widened(x + half)}; }
  static Group of(const double* x) { return {core::Simd<double>::load(x), core::Simd<double>::load(x + half)}; }
  void store(double* to) const {
    core::Simd<double>::store(to, low);
    core::Simd<double>::store(to + half, high);
  }
  template <class Factor>
  void add(const Group& g, const Factor& factor) {
    low += g.low * of_low(factor);
    high += g.high * of_high(factor);
  }
  double total() const {
    double parts[half];
    core::Simd<double>::store(parts, low + high);
    return core::sum_in_pairs<half>(parts);
  }

private:
  static double of_low(double factor) { return factor; }
  static double of_high(double factor) { return factor; }
  static core::Simd<double>::Vector of_low(const Group& factor) { return factor.low; }
  static core::Simd<double>::Vector of_high(const Group& factor) { return factor.high; }
  static core::Simd<double>::Vector widened(const float* x) {
    core::VectorOf<float, half>::Type v;
    std::memcpy(&v, x, sizeof v);
    return __builtin_convertvector(v, core::Simd<double>::Vector);
  }
};

}  // namespace

BartlettDesign::BartlettDesign(Index n, const std::vector<double>& deviations)
    : n_(n),
      p_(static_cast<Index>(deviations.size())),
      m_(std::min(n_, p_)),
      padded_(dense::PackedView<float>::padded(m_)),
      deviations_(deviations.begin(), deviations.end()),
      rows_(padded_, p_) {}

void BartlettDesign::draw(NormalRng* random) {
  for (Index first = 0; first < m_; first += width) {
    float* x = rows_.group(first / width);
    // Numbers left of the triangle, and rows that only fill a group, are zero.
    random->fill(x + first * width, (p_ - first) * width);
    for (Index v = 0; v < width; ++v) {
      const Index row = first + v;
      for (Index l = first; l < (row < m_ ? row : p_); ++l) x[l * width + v] = 0;
      if (row < m_) x[row * width + v] = static_cast<float>(random->chi(n_ - row));
    }
  }
}

void BartlettDesign::scale() {
  for (Index first = 0; first < m_; first += width) {
    float* x = rows_.group(first / width);
    for (Index l = first; l < p_; ++l)
      core::Simd<float>::store(x + l * width, core::Simd<float>::load(x + l * width) * deviations_[l]);
  }
}

void BartlettDesign::times(const double* v, double* products) const {
  for (Index first = 0; first < padded_; first += width) {
    const float* x = rows_.group(first / width);
    Group sums[chains] = {};
    Index l = std::min(first, p_);
    for (; l + chains <= p_; l += chains) {
#pragma GCC unroll 4
      for (Index k = 0; k < chains; ++k) sums[k].add(Group::of(x + (l + k) * width), v[l + k]);
    }
    for (; l < p_; ++l) sums[0].add(Group::of(x + l * width), v[l]);
    for (Index k = 1; k < chains; ++k) sums[0].add(sums[k], 1.0);
    sums[0].store(products + first);
  }
}

void BartlettDesign::transposed_times(const double* v, double* products) const {
  Index l = 0;
  for (; l + chains <= p_; l += chains) transposed_some<chains>(v, l, products);
  for (; l < p_; ++l) transposed_some<1>(v, l, products);
}

// Of `count` features from l on, which is a multiple of the count.
template <Index count>
void BartlettDesign::transposed_some(const double* v, Index l, double* products) const {
  Group sums[count] = {};
  // Rows of later groups are zero there.
  const Index end = std::min(l + 1, padded_);
  const float* x = rows_.group(0) + l * width;
  for (Index first = 0; first < end; first += width, x += rows_.stride()) {
    const Group factors = Group::of(v + first);
#pragma GCC unroll 4
    for (Index k = 0; k < count; ++k) sums[k].add(Group::of(x + k * width), factors);
  }
#pragma GCC unroll 4
  for (Index k = 0; k < count; ++k) products[l + k] = sums[k].total();
}

void BartlettDesign::add_gram(const Execution& exec, dense::TiledMatrix<float>* sums) const {
  const dense::PackedView<float> vectors = rows_.view();
  const Index strips = core::ceil_div(padded_, strip);
  exec.for_each(strips, static_cast<double>(padded_) * padded_ * p_, [&](Index s) {
    dense::syrk_packed<float>(vectors, sums, true, s * strip, std::min((s + 1) * strip, padded_));
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
