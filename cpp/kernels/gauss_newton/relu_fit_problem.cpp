#include "kernels/gauss_newton/relu_fit_problem.hpp"

#include "kernels/core/reduce.hpp"
#include "kernels/core/row_sums.hpp"

namespace limbeck::gauss_newton {

namespace {

// sum_r term(r).
template <class Term>
double sum_of(const Execution& exec, Index n, const Term& term) {
  constexpr Index block = 4096, chains = 16;  // running sums: no addition waits for the one before
  const auto add = [&](Index first, Index rows, double* into) {
    double sums[chains] = {};
    Index r = first;
    for (; r + chains <= first + rows; r += chains) {
      for (Index c = 0; c < chains; ++c) sums[c] += term(r + c);
    }
    for (; r < first + rows; ++r) sums[r % chains] += term(r);
    *into += core::sum_in_pairs<chains>(sums);
  };
  double sum = 0;
  if (n <= block) {
    add(0, n, &sum);
    return sum;
  }
  return core::sum_over_rows<double>(exec, n, block, 1, 2.0 * n, [&] { return add; })[0];
}

}  // namespace

double total_weight(const Execution& exec, const ReluFit& p) {
  if (!p.v) return static_cast<double>(p.n);
  return sum_of(exec, p.n, [v = p.v](Index r) { return v[r]; });
}

double squared_weight(const Execution& exec, const ReluFit& p) {
  if (!p.v) return static_cast<double>(p.n);
  return sum_of(exec, p.n, [v = p.v](Index r) { return v[r] * v[r]; });
}

double squared_targets(const Execution& exec, const ReluFit& p) {
  if (!p.v) return sum_of(exec, p.n, [y = p.y](Index r) { return y[r] * y[r]; });
  return sum_of(exec, p.n, [v = p.v, y = p.y](Index r) { return v[r] * y[r] * y[r]; });
}

}  // namespace limbeck::gauss_newton
