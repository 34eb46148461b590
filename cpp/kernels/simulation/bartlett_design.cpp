#include "kernels/simulation/bartlett_design.hpp"

#include <algorithm>

namespace limbeck {

namespace {

constexpr Index width = GaussianRows::width, half = Simd<double>::width;
constexpr Index together = 4;  // sums that need not wait for one another
static_assert(width == 2 * half && width % together == 0);

// Columns of a Gram matrix in one task: enough that rows are read once for many, and several tasks for each of many
// threads where the matrix is large enough to need them.
constexpr Index strip = 64;
static_assert(strip % PackedVectors<float>::multiple == 0);

// One number of each row of a group, or a sum over some, in double precision.
struct Group {
  Simd<double>::Vector low, high;

  static Group of(const float* x) { return {widened(x), widened(x + half)}; }
  static Group of(const double* x) { return {Simd<double>::load(x), Simd<double>::load(x + half)}; }
  void store(double* to) const {
    Simd<double>::store(to, low);
    Simd<double>::store(to + half, high);
  }
  template <class Factor>
  void add(const Group& g, const Factor& factor) {
    low += g.low * of_low(factor);
    high += g.high * of_high(factor);
  }
  double total() const {
    double parts[half];
    Simd<double>::store(parts, low + high);
    return sum_in_pairs<half>(parts);
  }

private:
  static double of_low(double factor) { return factor; }
  static double of_high(double factor) { return factor; }
  static Simd<double>::Vector of_low(const Group& factor) { return factor.low; }
  static Simd<double>::Vector of_high(const Group& factor) { return factor.high; }
  static Simd<double>::Vector widened(const float* x) {
    VectorOf<float, half>::Type v;
    std::memcpy(&v, x, sizeof v);
    return __builtin_convertvector(v, Simd<double>::Vector);
  }
};

}  // namespace

GaussianRows::GaussianRows(Index n, const std::vector<double>& sizes)
    : n_(n),
      p_(static_cast<Index>(sizes.size())),
      m_(std::min(n_, p_)),
      padded_(PackedVectors<float>::padded(m_)),
      sizes_(sizes.begin(), sizes.end()),
      rows_(padded_ * p_) {}

void GaussianRows::draw(NormalNumbers* random) {
  for (Index first = 0; first < m_; first += width) {
    float* x = group(first / width);
    // What is left of the triangle, and rows that only fill a group, stay zero.
    random->fill(x + first * width, (p_ - first) * width);
    for (Index v = 0; v < width; ++v) {
      const Index row = first + v;
      for (Index l = first; l < (row < m_ ? row : p_); ++l) x[l * width + v] = 0;
      if (row < m_) x[row * width + v] = static_cast<float>(random->chi(n_ - row));
    }
  }
}

void GaussianRows::scale() {
  for (Index first = 0; first < m_; first += width) {
    float* x = group(first / width);
    for (Index l = first; l < p_; ++l) Simd<float>::store(x + l * width, Simd<float>::load(x + l * width) * sizes_[l]);
  }
}

void GaussianRows::times(const double* v, double* products) const {
  for (Index first = 0; first < padded_; first += width) {
    const float* x = group(first / width);
    Group sums[together] = {};
    Index l = std::min(first, p_);
    for (; l + together <= p_; l += together) {
#pragma GCC unroll 4
      for (Index k = 0; k < together; ++k) sums[k].add(Group::of(x + (l + k) * width), v[l + k]);
    }
    for (; l < p_; ++l) sums[0].add(Group::of(x + l * width), v[l]);
    for (Index k = 1; k < together; ++k) sums[0].add(sums[k], 1.0);
    sums[0].store(products + first);
  }
}

void GaussianRows::transposed_times(const double* v, double* products) const {
  Index l = 0;
  for (; l + together <= p_; l += together) transposed_some<together>(v, l, products);
  for (; l < p_; ++l) transposed_some<1>(v, l, products);
}

// Of `count` features from l on, which is a multiple of the count.
template <Index count>
void GaussianRows::transposed_some(const double* v, Index l, double* products) const {
  Group sums[count] = {};
  // Rows of later groups are zero there.
  const Index end = std::min(l + 1, padded_);
  const float* x = rows_.data() + l * width;
  for (Index first = 0; first < end; first += width, x += p_ * width) {
    const Group factors = Group::of(v + first);
#pragma GCC unroll 4
    for (Index k = 0; k < count; ++k) sums[k].add(Group::of(x + k * width), factors);
  }
#pragma GCC unroll 4
  for (Index k = 0; k < count; ++k) products[l + k] = sums[k].total();
}

void GaussianRows::add_gram(const Execution& exec, TiledMatrix<float>* sums) const {
  const PackedVectors<float> vectors{rows_.data(), padded_, p_, p_ * width};
  const Index strips = (padded_ + strip - 1) / strip;
  exec.for_each(strips, static_cast<double>(padded_) * padded_ * p_, [&](Index s) {
    add_packed_gram<float>(vectors, sums, true, s * strip, std::min((s + 1) * strip, padded_));
  });
}

void GaussianRows::add_gram(const Execution& exec, TiledMatrix<double>* sums) const {
  AlignedBuffer<double> rows(m_ * p_);
  for (Index row = 0; row < m_; ++row) {
    for (Index l = row; l < p_; ++l) rows.data()[row * p_ + l] = at(row, l);
  }
  add_inner_products(exec, VectorSet<double>{rows.data(), m_, p_, p_, 1}, 1.0, sums);
}

}  // namespace limbeck
