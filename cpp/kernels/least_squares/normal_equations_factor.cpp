#include "kernels/least_squares/normal_equations_factor.hpp"

#include <algorithm>

#include "kernels/core/reduce.hpp"
#include "kernels/dense/cholesky.hpp"
#include "kernels/least_squares/columns.hpp"

namespace limbeck::least_squares {

template <class T>
void ScaledCholesky<T>::solve(Numbers* B) const {
  if (permutation_.empty()) return solve_permuted(B);
  const Index q = static_cast<Index>(B->size()) / m_;
  Numbers ordered(B->size());
  for (Index t = 0; t < q; ++t) {
    for (Index i = 0; i < m_; ++i) ordered[t * m_ + i] = (*B)[t * m_ + permutation_[i]];
  }
  solve_permuted(&ordered);
  for (Index t = 0; t < q; ++t) {
    for (Index i = 0; i < m_; ++i) (*B)[t * m_ + permutation_[i]] = ordered[t * m_ + i];
  }
}

template <class T>
void ScaledCholesky<T>::solve_permuted(Numbers* z) const {
  const Index q = static_cast<Index>(z->size()) / m_;
  dense::TiledMatrix<T> inner(m_, q, core::Unwritten());
  for_parts(exec_, q, m_, [&](Index begin, Index end) {
    inner.clear(begin, end);
    for (Index t = begin; t < end; ++t) {
      for (Index i = 0; i < m_; ++i) *inner.at(i, t) = static_cast<T>((*z)[t * m_ + i] * scales_[i]);
    }
  });
  if (q <= dense::TriangularSweeps<T>::most_columns) {
    sweeps_.solve(exec_, &inner);
  } else {
    dense::solve_lower(exec_, L_, &inner);
    dense::solve_lower_transposed(exec_, L_, &inner);
  }
  for_parts(exec_, q, m_, [&](Index begin, Index end) {
    for (Index t = begin; t < end; ++t) {
      for (Index i = 0; i < m_; ++i) (*z)[t * m_ + i] = *inner.at(i, t) * scales_[i];
    }
  });
}

template <class T>
void ScaledCholesky<T>::multiply_permuted(Numbers* z) const {
  constexpr Index part = 64, columns = 32;  // rows and columns of a task
  std::vector<T> whole(m_), half(m_);
  for (Index i = 0; i < m_; ++i) whole[i] = static_cast<T>((*z)[i] / scales_[i]);
  const double operations = static_cast<double>(m_) * m_;
  exec_.for_each(core::ceil_div(m_, columns), operations, [&](Index task) {
    for (Index j = task * columns; j < std::min(m_, (task + 1) * columns); ++j) {
      half[j] = core::dot(L_.at(j, j), whole.data() + j, m_ - j);
    }
  });
  std::fill(whole.begin(), whole.end(), T(0));
  exec_.for_each(core::ceil_div(m_, part), operations, [&](Index task) {
    const Index begin = task * part, end = std::min(m_, begin + part);
    for (Index j = 0; j < end; ++j) {
      const Index from = std::max(begin, j);
      core::add_scaled(half[j], L_.at(from, j), whole.data() + from, end - from);
    }
  });
  for (Index i = 0; i < m_; ++i) (*z)[i] = whole[i] / scales_[i];
}

template class ScaledCholesky<float>;
template class ScaledCholesky<double>;

}  // namespace limbeck::least_squares
