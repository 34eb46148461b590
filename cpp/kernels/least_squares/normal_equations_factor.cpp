#include "kernels/least_squares/normal_equations_factor.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/cholesky.hpp"

namespace limbeck {

namespace {

constexpr int quick_steps = 3, sure_steps = 20;       // of a power iteration
constexpr double quick_margin = 10, sure_margin = 2;  // by which an estimated condition may be too small

// Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
std::uint64_t hashed(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

double normalize(Numbers* z) {
  double sum = 0;
  for (const double v : *z) sum += v * v;
  const double size = std::sqrt(sum);
  for (double& v : *z) v /= size;
  return size;
}

}  // namespace

template <class T>
void TriangularFactor<T>::solve(Numbers* B) const {
  if (order_.empty()) return solve_in_order(B);
  const Index q = static_cast<Index>(B->size()) / m_;
  Numbers ordered(B->size());
  for (Index t = 0; t < q; ++t) {
    for (Index i = 0; i < m_; ++i) ordered[t * m_ + i] = (*B)[t * m_ + order_[i]];
  }
  solve_in_order(&ordered);
  for (Index t = 0; t < q; ++t) {
    for (Index i = 0; i < m_; ++i) (*B)[t * m_ + order_[i]] = ordered[t * m_ + i];
  }
}

template <class T>
void TriangularFactor<T>::solve_in_order(Numbers* z) const {
  const Index q = static_cast<Index>(z->size()) / m_;
  TiledMatrix<T> inner(m_, q);
  for (Index t = 0; t < q; ++t) {
    for (Index i = 0; i < m_; ++i) *inner.at(i, t) = static_cast<T>((*z)[t * m_ + i] * scales_[i]);
  }
  solve_lower(exec_, L_, &inner);
  solve_lower_transposed(exec_, L_, &inner);
  for (Index t = 0; t < q; ++t) {
    for (Index i = 0; i < m_; ++i) (*z)[t * m_ + i] = *inner.at(i, t) * scales_[i];
  }
}

template <class T>
double TriangularFactor<T>::smallest_scaled_eigenvalue() const {
  double smallest = 1;
  for (Index j = 0; j < m_; ++j) smallest = std::min(smallest, std::pow(static_cast<double>(*L_.at(j, j)), 2));
  return std::min(smallest, 1 / inverse_norm(quick_steps, scales_));
}

template <class T>
double TriangularFactor<T>::largest(int steps) const {
  Numbers z = start();
  double size = 0;
  for (int step = 0; step < steps; ++step) {
    multiply(&z);
    size = normalize(&z);
  }
  return std::sqrt(size);
}

template <class T>
double TriangularFactor<T>::smallest(int steps) const {
  return 1 / std::sqrt(inverse_norm(steps, Numbers(m_, 1.0)));
}

template <class T>
double TriangularFactor<T>::condition(int steps) const {
  const double condition = largest(steps) / smallest(steps);
  return std::isfinite(condition) ? std::max(1.0, condition) : std::numeric_limits<double>::infinity();
}

template <class T>
double TriangularFactor<T>::inverse_norm(int steps, const Numbers& D) const {
  double size = 0;
  Numbers z = start();
  for (int step = 0; step < steps; ++step) {
    for (Index i = 0; i < m_; ++i) z[i] /= D[i];
    solve_in_order(&z);
    for (Index i = 0; i < m_; ++i) z[i] /= D[i];
    size = normalize(&z);
  }
  return size;
}

template <class T>
void TriangularFactor<T>::multiply(Numbers* z) const {
  constexpr Index part = 128;
  std::vector<T> whole(m_), half(m_);
  for (Index i = 0; i < m_; ++i) whole[i] = static_cast<T>((*z)[i] / scales_[i]);
  const double operations = static_cast<double>(m_) * m_;
  exec_.for_each(m_, operations, [&](Index j) { half[j] = dot(L_.at(j, j), whole.data() + j, m_ - j); });
  std::fill(whole.begin(), whole.end(), T(0));
  exec_.for_each((m_ + part - 1) / part, operations, [&](Index task) {
    const Index begin = task * part, end = std::min(m_, begin + part);
    for (Index j = 0; j < end; ++j) {
      const Index from = std::max(begin, j);
      add_scaled(half[j], L_.at(from, j), whole.data() + from, end - from);
    }
  });
  for (Index i = 0; i < m_; ++i) (*z)[i] = whole[i] / scales_[i];
}

template <class T>
Numbers TriangularFactor<T>::start() const {
  std::uint64_t state = 0;
  for (Index i = 0; i < m_; ++i) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, L_.at(i, i), sizeof(T));
    state = hashed(state ^ bits);
  }
  Numbers z(m_);
  for (double& v : z) {
    state = hashed(state);
    v = static_cast<double>(state >> 11) * 0x1p-52 - 1;
  }
  return z;
}

template <class T>
RankCheck check_rank(const TriangularFactor<T>& factor, double rcond) {
  double condition = factor.condition(quick_steps);
  if (condition * quick_margin * rcond < 1) return {true, condition};
  condition = factor.condition(sure_steps);
  return {condition * sure_margin * rcond < 1, condition};
}

template class TriangularFactor<float>;
template class TriangularFactor<double>;
template RankCheck check_rank(const TriangularFactor<float>&, double);
template RankCheck check_rank(const TriangularFactor<double>&, double);

}  // namespace limbeck
