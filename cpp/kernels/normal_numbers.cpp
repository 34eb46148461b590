#include "kernels/normal_numbers.hpp"

#include <Eigen/Core>

namespace limbeck {

namespace {

// Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
std::uint64_t splitmix(std::uint64_t* state) {
  std::uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::uint64_t rotated(std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

}  // namespace

NormalNumbers::NormalNumbers(std::uint64_t seed, std::uint64_t number) {
  std::uint64_t inner = seed;
  std::uint64_t start = splitmix(&inner) ^ rotated(number * 0x9e3779b97f4a7c15u, 32);
  for (auto& part : state_) {
    for (std::uint64_t& word : part) word = splitmix(&start);
  }
}

// In (0, 1], of 52 bits.
void NormalNumbers::uniforms(double* out) {
  constexpr std::uint64_t one = 0x3ff0000000000000u;
  std::uint64_t bits[lanes];
  for (Index l = 0; l < lanes; ++l) {
    bits[l] = ((state_[0][l] + state_[3][l]) >> 12) | one;
    const std::uint64_t t = state_[1][l] << 17;
    state_[2][l] ^= state_[0][l];
    state_[3][l] ^= state_[1][l];
    state_[1][l] ^= state_[2][l];
    state_[0][l] ^= state_[3][l];
    state_[2][l] ^= t;
    state_[3][l] = rotated(state_[3][l], 45);
  }
  double values[lanes];
  std::memcpy(values, bits, sizeof bits);
  for (Index l = 0; l < lanes; ++l) out[l] = 2.0 - values[l];
}

void NormalNumbers::refill() {
  using Lanes = Eigen::Array<double, lanes, 1>;
  constexpr double whole_turn = 6.283185307179586;
  Lanes u, v;
  uniforms(u.data());
  uniforms(v.data());
  const Lanes radius = (-2.0 * u.log()).sqrt(), angle = whole_turn * v;
  Eigen::Map<Lanes>(ready_, lanes) = radius * angle.cos();
  Eigen::Map<Lanes>(ready_ + lanes, lanes) = radius * angle.sin();
  used_ = 0;
}

void NormalNumbers::fill(double* out, Index count) {
  for (Index i = 0; i < count;) {
    if (used_ == 2 * lanes) refill();
    const Index some = std::min(count - i, 2 * lanes - used_);
    std::copy_n(ready_ + used_, some, out + i);
    used_ += some;
    i += some;
  }
}

}  // namespace limbeck
