#include "kernels/normal_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

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

// Without branches, so that loops over lanes become vectors. Errors are some 1e-15.

// Of numbers in (0, 1] that are not subnormal: 2^e m with m in [1/sqrt 2, sqrt 2), and the series of atanh for log m.
inline double logarithm(double value) {
  constexpr std::uint64_t half_root = 0x3fe6a09e667f3bcdu, mantissa = 0x000fffffffffffffu;
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  // The exponent counts from half_root, so that m begins there.
  const std::uint64_t shifted = bits - half_root;
  const std::int64_t exponent = static_cast<std::int64_t>(shifted) >> 52;
  bits = (shifted & mantissa) + half_root;
  double m;
  std::memcpy(&m, &bits, sizeof m);
  const double s = (m - 1) / (m + 1), t = s * s;
  double series = 1.0 / 19;
  for (int k = 17; k >= 1; k -= 2) series = series * t + 1.0 / k;
  return 2 * s * series + static_cast<double>(static_cast<int>(exponent)) * 0.6931471805599453;
}

// The cosine and sine of a number of whole turns in [0, 1]: of an eighth of a turn at most, by Taylor series, then of
// the quarter it lies in.
struct Point {
  double x, y;
};
inline Point on_circle(double turns) {
  const double quarters = 4 * turns;
  const int quarter = static_cast<int>(quarters + 0.5);
  const double angle = (quarters - quarter) * 1.5707963267948966, t = angle * angle;
  double sine = -1.0 / 1307674368000, cosine = 1.0 / 20922789888000;
  sine = sine * t + 1.0 / 6227020800;
  sine = sine * t - 1.0 / 39916800;
  sine = sine * t + 1.0 / 362880;
  sine = sine * t - 1.0 / 5040;
  sine = sine * t + 1.0 / 120;
  sine = sine * t - 1.0 / 6;
  sine = sine * t * angle + angle;
  cosine = cosine * t - 1.0 / 87178291200;
  cosine = cosine * t + 1.0 / 479001600;
  cosine = cosine * t - 1.0 / 3628800;
  cosine = cosine * t + 1.0 / 40320;
  cosine = cosine * t - 1.0 / 720;
  cosine = cosine * t + 1.0 / 24;
  cosine = cosine * t - 0.5;
  cosine = cosine * t + 1;
  const bool odd = quarter & 1;
  const double x = odd ? sine : cosine, y = odd ? cosine : sine;
  return {(quarter + 1) & 2 ? -x : x, quarter & 2 ? -y : y};
}

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
  double u[lanes], v[lanes];
  uniforms(u);
  uniforms(v);
  for (Index l = 0; l < lanes; ++l) u[l] = std::sqrt(-2 * logarithm(u[l]));
  for (Index l = 0; l < lanes; ++l) {
    const Point at = on_circle(v[l]);
    ready_[l] = u[l] * at.x;
    ready_[lanes + l] = u[l] * at.y;
  }
  used_ = 0;
}

// Marsaglia and Tsang, A simple method for generating gamma variables, ACM Trans. Math. Softw. 26, 2000.
double NormalNumbers::chi(Index freedom) {
  if (freedom == 1) {
    double z;
    fill(&z, 1);
    return std::abs(z);
  }
  const double d = 0.5 * static_cast<double>(freedom) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    double z[2];
    fill(z, 2);
    const double root = 1 + c * z[0], v = root * root * root;
    // A normal number's distribution function is uniform.
    const double u = 0.5 * std::erfc(z[1] * 0.7071067811865476);
    if (v > 0 && std::log(u) < 0.5 * z[0] * z[0] + d * (1 - v + std::log(v))) return std::sqrt(2 * d * v);
  }
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
