#include "kernels/simulation/normal_rng.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/core/splitmix.hpp"

namespace limbeck::simulation {

namespace {

std::uint64_t rotated(std::uint64_t x, int by) { return (x << by) | (x >> (64 - by)); }

// Without branches, so that loops over lanes become vectors. Errors are a few units of the last place.

// log(value / 2^31) of whole numbers 1 ... 2^31: 2^e m with m in [1/sqrt 2, sqrt 2), and log(1 + x) = x - x^2 / 2 + x^3
// P(x), P of least relative error, 6e-9. Without a division, which the processor makes in as many cycles as all the
// rest, and only one at a time with the roots.
inline float logarithm(float value) {
  constexpr std::uint32_t half_root = 0x3f3504f3u, mantissa = 0x007fffffu;
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  // The exponent counts from half_root, so that m begins there.
  const std::uint32_t shifted = bits - half_root;
  const std::int32_t exponent = (static_cast<std::int32_t>(shifted) >> 23) - 31;
  bits = (shifted & mantissa) + half_root;
  float m;
  std::memcpy(&m, &bits, sizeof m);
  const float x = m - 1;
  float series = -0.076344927f * x + 0.127615755f;
  series = series * x - 0.131601831f;
  series = series * x + 0.142017582f;
  series = series * x - 0.166233573f;
  series = series * x + 0.200012269f;
  series = series * x - 0.25000821f;
  series = series * x + 0.333333317f;
  return (series * x - 0.5f) * (x * x) + x + static_cast<float>(exponent) * 0.693147181f;
}

// The cosine and sine of `turn` parts of 2^32 of a turn: of an eighth of a turn at most, by Taylor series, then of the
// quarter it lies in.
struct Point {
  float x, y;
};
inline Point on_circle(std::uint32_t turn) {
  const std::uint32_t quarter = (turn + (1u << 29)) >> 30;
  const auto rest = static_cast<std::int32_t>(turn - (quarter << 30));
  const float angle = static_cast<float>(rest) * 1.46291808e-9f, t = angle * angle;  // pi / 2^31
  const float sine = ((((1.0f / 362880 * t - 1.0f / 5040) * t + 1.0f / 120) * t - 1.0f / 6) * t) * angle + angle;
  const float cosine = ((((1.0f / 40320 * t - 1.0f / 720) * t + 1.0f / 24) * t) - 0.5f) * t + 1;
  const bool odd = quarter & 1;
  const float x = odd ? sine : cosine, y = odd ? cosine : sine;
  return {(quarter + 1) & 2 ? -x : x, quarter & 2 ? -y : y};
}

}  // namespace

NormalRng::NormalRng(std::uint64_t seed, std::uint64_t number) {
  std::uint64_t inner = seed;
  std::uint64_t start = core::splitmix(&inner) ^ rotated(number * core::splitmix_step, 32);
  for (auto& part : state_) {
    for (std::uint64_t& word : part) word = core::splitmix(&start);
  }
}

// Two of 32 bits from each lane. Inlined, so that they stay in registers.
inline __attribute__((always_inline)) void NormalRng::uniforms(std::uint32_t* out) {
  alignas(64) std::uint64_t bits[lanes];
  for (Index l = 0; l < lanes; ++l) {
    bits[l] = rotated(state_[0][l] + state_[3][l], 23) + state_[0][l];
    const std::uint64_t t = state_[1][l] << 17;
    state_[2][l] ^= state_[0][l];
    state_[3][l] ^= state_[1][l];
    state_[1][l] ^= state_[2][l];
    state_[0][l] ^= state_[3][l];
    state_[2][l] ^= t;
    state_[3][l] = rotated(state_[3][l], 45);
  }
  std::memcpy(out, bits, sizeof bits);
}

// The next 2 * halves numbers.
void NormalRng::make(float* out) {
  alignas(64) std::uint32_t u[halves], v[halves];
  uniforms(u);
  uniforms(v);
  alignas(64) float radius[halves];
  for (Index l = 0; l < halves; ++l) {
    radius[l] = std::sqrt(-2 * logarithm(static_cast<float>(static_cast<std::int32_t>((u[l] >> 1) | 1))));
  }
  for (Index l = 0; l < halves; ++l) {
    const Point at = on_circle(v[l]);
    out[l] = radius[l] * at.x;
    out[halves + l] = radius[l] * at.y;
  }
}

// Marsaglia and Tsang, A simple method for generating gamma variables, ACM Trans. Math. Softw. 26, 2000.
double NormalRng::chi(Index freedom) {
  if (freedom == 1) {
    float z;
    fill(&z, 1);
    return std::abs(z);
  }
  const double d = 0.5 * static_cast<double>(freedom) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    float z[2];
    fill(z, 2);
    const double root = 1 + c * z[0], v = root * root * root;
    // A normal number's distribution function is uniform: u is at most a half for z[1] >= 0, at most 0.8414 for z[1] >=
    // -1, 0.9773 for z[1] >= -2. The authors' squeeze, u < 1 - 0.0331 z^4, then accepts most numbers without erfc and
    // logarithms.
    const double square = static_cast<double>(z[0]) * z[0];
    const double most = z[1] >= 0 ? 0.5 : z[1] >= -1 ? 0.8414 : z[1] >= -2 ? 0.9773 : 1;
    if (v > 0 && most < 1 - 0.0331 * square * square) return std::sqrt(2 * d * v);
    const double u = 0.5 * std::erfc(z[1] * 0.7071067811865476);
    if (v > 0 && std::log(u) < 0.5 * z[0] * z[0] + d * (1 - v + std::log(v))) return std::sqrt(2 * d * v);
  }
}

void NormalRng::fill(float* out, Index count) {
  for (Index i = 0; i < count;) {
    if (used_ == 2 * halves) {
      for (; count - i >= 2 * halves; i += 2 * halves) make(out + i);
      if (i == count) return;
      make(ready_);
      used_ = 0;
    }
    const Index some = std::min(count - i, 2 * halves - used_);
    std::copy_n(ready_ + used_, some, out + i);
    used_ += some;
    i += some;
  }
}

}  // namespace limbeck::simulation
