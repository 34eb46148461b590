// Independent standard normal numbers, many at a time.
#pragma once

#include <cstdint>

#include "kernels/core/ints.hpp"

namespace limbeck::simulation {

// A stream of its own for every pair of seed and number, by xoshiro256++ in lanes (Blackman and Vigna, ACM Trans. Math.
// Softw. 47, 2021), whose uniforms Box and Muller's transformation turns into normal numbers of single precision, up to
// 6.5 standard deviations.
class NormalRng {
public:
  NormalRng(std::uint64_t seed, std::uint64_t number);
  void fill(float* out, Index count);
  // The root of a sum of the squares of `freedom` normal numbers.
  double chi(Index freedom);

private:
  static constexpr Index lanes = 32, halves = 2 * lanes;
  void make(float* out);
  void uniforms(std::uint32_t* out);

  alignas(64) std::uint64_t state_[4][lanes];  // no register's load or store crosses a cache line
  float ready_[2 * halves];
  Index used_ = 2 * halves;
};

}  // namespace limbeck::simulation
