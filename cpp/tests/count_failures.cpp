#include "check.hpp"

namespace limbeck::tests {

long count_failures(const char* topic) {
  const long count = failures;
  std::printf("%s: %ld checks, %ld failed\n", topic, checks, count);
  failures = checks = 0;
  return count;
}

}  // namespace limbeck::tests
