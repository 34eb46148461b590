#include "kernels/core/peak_flops.hpp"

#include <algorithm>
#include <chrono>

#include "kernels/core/simd.hpp"

namespace limbeck::core {

namespace {

using Clock = std::chrono::steady_clock;

// Two multiply-add units of latency 4 want at least 8 independent chains, a separate multiply and add on narrow cores
// as many; 12 leave room for the two constants in a file of 16 registers.
constexpr int chains = 12;

// acc <- acc * factor + term, `rounds` times on every chain. The start and the constants are only known at run time,
// and no two chains start alike, so there is nothing to fold or to share. With 0 < factor < 1 values stay near term /
// (1 - factor).
template <class T>
T multiply_add(Index rounds, T start, T factor, T term) {
  using V = typename Simd<T>::Vector;
  V acc[chains];
  for (int c = 0; c < chains; ++c) acc[c] = V{} + (start + static_cast<T>(c));
  const V factors = V{} + factor, terms = V{} + term;
  for (Index r = 0; r < rounds; ++r) {
    for (int c = 0; c < chains; ++c) acc[c] = acc[c] * factors + terms;
  }
  for (int c = 1; c < chains; ++c) acc[0] += acc[c];
  T sum = 0;
  for (Index i = 0; i < Simd<T>::width; ++i) sum += acc[0][i];
  return sum;
}

}  // namespace

template <class T>
double peak_flops(const Execution& exec, double seconds) {
  constexpr Index rounds = 50000;  // about 0.1 ms: an interval that mostly fits between two interruptions
  constexpr double operations = 2.0 * rounds * chains * static_cast<double>(Simd<T>::width);
  volatile T start = T(1), factor = T(0.75), term = T(0.25), sink = T(0);
  double best = 0;
  const auto begin = Clock::now();
  do {
    exec.check();
    const auto from = Clock::now();
    sink = multiply_add<T>(rounds, start, factor, term);
    const std::chrono::duration<double> taken = Clock::now() - from;
    best = std::max(best, operations / taken.count());
  } while (std::chrono::duration<double>(Clock::now() - begin).count() < seconds);
  static_cast<void>(sink);
  return best;
}

template double peak_flops<float>(const Execution&, double);
template double peak_flops<double>(const Execution&, double);

}  // namespace limbeck::core
