// Checks without a framework: one that fails prints its place, its values and the sizes of the case, and is counted.
#pragma once

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <vector>

#include "kernels/core/execution.hpp"
#include "kernels/core/splitmix.hpp"

namespace limbeck::tests {

#ifdef __SIZEOF_FLOAT128__
using Quad = __float128;  // 113 bits
#else
using Quad = long double;
#endif

inline long failures = 0, checks = 0;

// The sizes that a loop over cases has come to, for as long as the object lives; cases may be nested.
class Case {
public:
  __attribute__((format(printf, 2, 3))) explicit Case(const char* format, ...) : outer_(innermost) {
    va_list values;
    va_start(values, format);
    std::vsnprintf(text_, sizeof text_, format, values);
    va_end(values);
    innermost = this;
  }
  ~Case() { innermost = outer_; }
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  static void print() { print(innermost); }

private:
  static void print(const Case* at) {
    if (!at) return;
    print(at->outer_);
    std::printf(" [%s]", at->text_);
  }
  static inline const Case* innermost = nullptr;
  const Case* outer_;
  char text_[160];
};

// Counts a failure; true where it is to be printed: the first ones say enough.
inline bool failed(const char* file, int line, const char* what) {
  constexpr long printed = 20;
  if (++failures > printed) return false;
  std::printf("%s:%d: %s", file, line, what);
  Case::print();
  return true;
}

inline void check(bool holds, const char* file, int line, const char* what) {
  ++checks;
  if (!holds && failed(file, line, what)) std::printf("\n");
}

// |got - wanted| <= tolerance; NaN fails.
template <class A, class B, class C>
void check_near(A got, B wanted, C tolerance, const char* file, int line, const char* what) {
  ++checks;
  const auto difference = got < wanted ? wanted - got : got - wanted;
  if (difference <= tolerance) return;
  if (!failed(file, line, what)) return;
  std::printf(": got %.21Lg, wanted %.21Lg, off by %.3Lg, allowed %.3Lg\n", static_cast<long double>(got),
              static_cast<long double>(wanted), static_cast<long double>(difference),
              static_cast<long double>(tolerance));
}

#define CHECK(condition) ::limbeck::tests::check((condition), __FILE__, __LINE__, #condition)
#define CHECK_EQUAL(got, wanted) ::limbeck::tests::check_near(got, wanted, 0, __FILE__, __LINE__, #got " == " #wanted)
#define CHECK_NEAR(got, wanted, tolerance) \
  ::limbeck::tests::check_near(got, wanted, tolerance, __FILE__, __LINE__, #got " ~ " #wanted)
#define CHECK_THROWS(Type, ...)                                                         \
  do {                                                                                  \
    bool thrown = false;                                                                \
    try {                                                                               \
      __VA_ARGS__;                                                                      \
    } catch (const Type&) {                                                             \
      thrown = true;                                                                    \
    }                                                                                   \
    ::limbeck::tests::check(thrown, __FILE__, __LINE__, #__VA_ARGS__ " throws " #Type); \
  } while (false)

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Distance between 1 and the next number.
template <class T>
constexpr long double epsilon = sizeof(T) == 4 ? 0x1p-23L : 0x1p-52L;

// Numbers for inputs.
class Random {
public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  // A whole number between -most and most. Sums of products of such numbers are exact in any order as long as they stay
  // below 2^24 (float) or 2^53 (double): results are compared with ==.
  long whole(long most) {
    return static_cast<long>(core::splitmix(&state_) % static_cast<unsigned long>(2 * most + 1)) - most;
  }
  // Between -1 and 1.
  double fraction() { return static_cast<double>(core::splitmix(&state_) >> 11) * 0x1p-52 - 1; }

  template <class T>
  std::vector<T> wholes(Index count, long most) {
    std::vector<T> values(count);
    for (T& v : values) v = static_cast<T>(whole(most));
    return values;
  }
  template <class T>
  std::vector<T> fractions(Index count) {
    std::vector<T> values(count);
    for (T& v : values) v = static_cast<T>(fraction());
    return values;
  }

private:
  std::uint64_t state_;
};

// On one thread, which nobody stops.
inline const Execution& serial() {
  static const Execution one(1, nullptr);
  return one;
}

}  // namespace limbeck::tests
