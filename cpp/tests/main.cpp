// Runs the tests of one topic, or of all. This file is compiled for the oldest instruction set, and tells a processor
// that lacks the one of the tests before any of their code runs.
#include <cstdio>
#include <cstring>

namespace limbeck::tests {

void test_core();
void test_threads();
void test_dense_products();
void test_dense_narrow();
void test_dense_cholesky();
void test_dense_orthogonal();
void test_precision();
void test_moments();
void test_network();
void test_gauss_newton();
void test_least_squares();
void test_simulation();
void test_simulation_fits();

// Prints and returns the number of failures since the last call.
long count_failures(const char* topic);

}  // namespace limbeck::tests

namespace {

using namespace limbeck::tests;

struct Topic {
  const char* name;
  void (*run)();
};

constexpr Topic topics[] = {
    {"core", test_core},
    {"threads", test_threads},
    {"dense_products", test_dense_products},
    {"dense_narrow", test_dense_narrow},
    {"dense_cholesky", test_dense_cholesky},
    {"dense_orthogonal", test_dense_orthogonal},
    {"precision", test_precision},
    {"moments", test_moments},
    {"network", test_network},
    {"gauss_newton", test_gauss_newton},
    {"least_squares", test_least_squares},
    {"simulation", test_simulation},
    {"simulation_fits", test_simulation_fits},
};

bool runs_here(const char* level) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
  const bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (std::strcmp(level, "x86-64-v2") == 0) return v2;
  if (std::strcmp(level, "x86-64-v3") == 0) return v3;
  if (std::strcmp(level, "x86-64-v4") == 0) return v4;
#endif
  return std::strcmp(level, "native") == 0;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int skipped = 77;  // the return code that CTest is told to count as skipped
  if (!runs_here(LIMBECK_TESTED_LEVEL)) {
    std::printf("skipped: this processor lacks %s\n", LIMBECK_TESTED_LEVEL);
    return skipped;
  }
  long failures = 0;
  int ran = 0;
  for (const Topic& topic : topics) {
    if (argc > 1 && std::strcmp(argv[1], topic.name) != 0) continue;
    topic.run();
    failures += count_failures(topic.name);
    ++ran;
  }
  if (ran == 0) std::printf("no topic of this name\n");
  return failures == 0 && ran > 0 ? 0 : 1;
}
