// SplitMix64: numbers without a pattern from a counter (Steele, Lea and Flood, Fast splittable pseudorandom number
// generators, OOPSLA 2014).
#pragma once

#include <cstdint>

namespace limbeck::core {

// What the counter grows by from one number to the next.
constexpr std::uint64_t splitmix_step = 0x9e3779b97f4a7c15u;

// The number that belongs to one value of the counter.
constexpr std::uint64_t splitmix_at(std::uint64_t counter) {
  counter = (counter ^ (counter >> 30)) * 0xbf58476d1ce4e5b9u;
  counter = (counter ^ (counter >> 27)) * 0x94d049bb133111ebu;
  return counter ^ (counter >> 31);
}

// The next number: advances the counter.
inline std::uint64_t splitmix(std::uint64_t* counter) { return splitmix_at(*counter += splitmix_step); }

}  // namespace limbeck::core
