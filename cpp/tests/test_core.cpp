#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <string>
#include <thread>

#include "check.hpp"
#include "kernels/core/aligned_buffer.hpp"
#include "kernels/core/finite.hpp"
#include "kernels/core/independent_problems.hpp"
#include "kernels/core/prefetch.hpp"
#include "kernels/core/reduce.hpp"
#include "kernels/core/row_sums.hpp"
#include "kernels/core/simd.hpp"

namespace limbeck::tests {

namespace {

constexpr double much_work = 1e9;  // operations that make for_each take all threads

void integers() {
  for (Index divisor = 1; divisor <= 17; ++divisor) {
    for (Index n = 0; n <= 100; ++n) {
      const Case sizes("n %td divisor %td", n, divisor);
      Index times = 0;
      while (times * divisor < n) ++times;
      CHECK_EQUAL(core::ceil_div(n, divisor), times);
      CHECK_EQUAL(core::round_up(n, divisor), times * divisor);
    }
  }
}

void random_bits() {
  // The first numbers of the reference implementation (Vigna, splitmix64.c) from this seed.
  constexpr std::uint64_t wanted[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                      4593380528125082431u, 16408922859458223821u};
  std::uint64_t state = 1234567;
  for (const std::uint64_t number : wanted) CHECK(core::splitmix(&state) == number);
  CHECK(core::splitmix_at(1234567 + core::splitmix_step) == wanted[0]);
}

void memory() {
  for (const Index size : {Index{0}, Index{1}, Index{63}, Index{1000}}) {
    const core::AlignedBuffer<double> buffer(size);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % 64 == 0);
    for (Index i = 0; i < size; ++i) CHECK_EQUAL(buffer.data()[i], 0.0);
  }
  constexpr Index most = PTRDIFF_MAX;
  // Their bytes cannot be counted, or come to few once they overflow.
  for (const Index size : {Index{-1}, most / 8 + 1, most / 4 + 2, most}) {
    CHECK_THROWS(std::bad_array_new_length, core::AlignedBuffer<double> buffer(size));
  }
  CHECK_THROWS(std::bad_array_new_length, core::AlignedBuffer<float> buffer(most / 2));
  // A prefetch never faults, and every line belongs to some pass.
  double numbers[3] = {};
  core::Prefetch ahead(numbers, 3, 4), nothing;
  ahead.lines(1000);
  nothing.lines(1000);
  for (Index read = 0; read < 10; ++read) CHECK(4 * ahead.share(read) >= read && 4 * ahead.share(read) < read + 4);
}

void reductions() {
  Random random(1);
  for (Index n = 0; n <= 70; ++n) {
    const Case sizes("n %td", n);
    std::vector<double> v = random.fractions<double>(n);
    long double squares = 0;
    double largest = 0;
    for (const double x : v) squares += static_cast<long double>(x) * x;
    // n squares and sums, each with a relative error of half an epsilon, and the root.
    CHECK_NEAR(core::norm(v), std::sqrt(squares), (n + 2) * epsilon<double> * std::sqrt(squares));
    for (Index step = 1; step <= 3; ++step) {
      largest = 0;
      for (Index i = 0; i < n; i += step) largest = std::max(largest, std::abs(v[i]));
      CHECK_EQUAL(core::max_abs(v.data(), n, step), largest);
    }
    CHECK(core::all_finite(v));
    // Every place is looked at.
    for (Index i = 0; i < n; ++i) {
      const double before = v[i];
      v[i] = -7;
      CHECK_EQUAL(core::max_abs(v.data(), n), 7.0);
      v[i] = std::numeric_limits<double>::quiet_NaN();
      CHECK(!core::all_finite(v));
      CHECK(core::max_abs(v.data(), n) <= 1);
      v[i] = before;
    }
  }
  for (Index value = 1; value < 1000; value += 7) {
    double parts[16];
    for (Index k = 0; k < 16; ++k) parts[k] = static_cast<double>(value << k);
    CHECK_EQUAL(core::sum_in_pairs<16>(parts), value * 65535.0);
    CHECK_EQUAL(core::sum_in_pairs<1>(parts + 15), static_cast<double>(value << 15));
  }
}

// Small whole numbers, whose products and sums are exact. Memory ends where the numbers do.
template <class T>
void vector_updates() {
  Random random(10);
  for (Index n = 0; n <= 6 * core::Simd<T>::width + 3; ++n) {
    const Case sizes("n %td", n);
    const std::vector<T> a = random.wholes<T>(n, 9), b = random.wholes<T>(n, 9);
    std::vector<T> y = b;
    T product = 0, square = 0;
    for (Index i = 0; i < n; ++i) product += a[i] * b[i], square += a[i] * a[i];
    CHECK_EQUAL(core::dot(a, b), product);
    CHECK_EQUAL(core::squared_norm(a.data(), n), square);
    core::add_scaled(T(-3), a.data(), y.data(), n);
    for (Index i = 0; i < n; ++i) CHECK_EQUAL(y[i], b[i] - 3 * a[i]);
  }
}

template <class T>
void finite_numbers() {
  constexpr T NaN = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  for (const int threads : {1, 3}) {
    const Execution exec(threads, nullptr);
    for (const Index n : {0, 1, 65535, 65536, 65537, 1300000}) {
      const Case sizes("threads %d n %td", threads, n);
      std::vector<T> v(n, std::numeric_limits<T>::max());
      CHECK_EQUAL(core::first_non_finite(exec, v.data(), n), Index{-1});
      for (Index at = n - 1; at >= 0; at = at == 0 ? -1 : at / 3) {  // more and more of them
        v[at] = at % 2 ? NaN : -infinity;
        CHECK_EQUAL(core::first_non_finite(exec, v.data(), n), at);
      }
    }
  }
}

void tasks() {
  for (const int threads : {1, 2, 3}) {
    for (const Index count : {Index{0}, Index{1}, Index{2}, Index{7}, Index{1000}}) {
      for (const double operations : {0.0, much_work}) {
        const Case sizes("threads %d tasks %td operations %g", threads, count, operations);
        const Execution exec(threads, nullptr);
        std::vector<std::atomic<int>> times(count);
        exec.for_each(count, operations, [&](Index task) { ++times[task]; });
        for (const auto& some : times) CHECK_EQUAL(some.load(), 1);
      }
    }
  }
  // Work that is over sooner than a team would start stays where it is.
  const Execution exec(3, nullptr);
  const std::thread::id here = std::this_thread::get_id();
  std::atomic<int> elsewhere{0};
  exec.for_each(1000, 1.0, [&](Index) { elsewhere += std::this_thread::get_id() != here; });
  CHECK_EQUAL(elsewhere.load(), 0);
}

struct Thrown {
  Index task;
};

void exceptions() {
  for (const int threads : {1, 2, 3}) {
    for (const Index guilty : {Index{0}, Index{3}, Index{99}}) {
      const Case sizes("threads %d task %td", threads, guilty);
      const Execution exec(threads, nullptr);
      Index caught = -1;
      std::atomic<int> ran{0};
      try {
        exec.for_each(100, much_work, [&](Index task) {
          if (task == guilty) throw Thrown{task};
          ++ran;
        });
      } catch (const Thrown& thrown) {
        caught = thrown.task;
      }
      CHECK_EQUAL(caught, guilty);
      if (threads == 1) CHECK_EQUAL(ran.load(), static_cast<int>(guilty));  // none after the exception
      // The rest of a kernel that has failed is not to run either.
      CHECK(exec.stopped());
      CHECK_THROWS(Interrupted, exec.for_each(1, 0.0, [](Index) {}));
    }
    // One of several exceptions comes through.
    const Execution exec(threads, nullptr);
    CHECK_THROWS(Thrown, exec.for_each(50, much_work, [](Index task) { throw Thrown{task}; }));
  }
}

// Returns once `exec` is stopped; gives up after a time far beyond the interval between two questions.
void wait_until_stopped(const Execution& exec) {
  const auto start = std::chrono::steady_clock::now();
  while (!exec.stopped() && std::chrono::steady_clock::now() - start < std::chrono::seconds(60)) {
    std::this_thread::yield();
  }
}

void stopping() {
  for (const int threads : {1, 2, 3}) {
    const Case sizes("threads %d", threads);
    const std::thread::id owner = std::this_thread::get_id();
    std::atomic<int> asked{0}, asked_elsewhere{0}, ran{0};
    const Execution exec(threads, [&] {
      ++asked;
      asked_elsewhere += std::this_thread::get_id() != owner;
      return asked >= 3;  // not at once
    });
    exec.check();
    CHECK_THROWS(Interrupted, exec.for_each(10, much_work, [&](Index) {
      ++ran;
      wait_until_stopped(exec);
    }));
    CHECK(ran >= 1 && ran <= threads);  // the others were not begun
    CHECK_EQUAL(asked.load(), 3);
    CHECK_EQUAL(asked_elsewhere.load(), 0);
    CHECK_THROWS(Interrupted, exec.check());

    // The owner asks while it waits for a last task that runs elsewhere, too.
    const Execution waiting(threads, [] { return true; });
    std::atomic<bool> begun_elsewhere{threads == 1};
    CHECK_THROWS(Interrupted, waiting.for_each(threads, much_work, [&](Index) {
      if (threads > 1 && std::this_thread::get_id() == owner) {
        while (!begun_elsewhere) std::this_thread::yield();
        return;
      }
      begun_elsewhere = true;
      wait_until_stopped(waiting);
    }));
    CHECK(waiting.stopped());

    const Execution failing(threads, []() -> bool { throw Thrown{-1}; });
    CHECK_THROWS(Thrown, failing.for_each(10, much_work, [&](Index) { wait_until_stopped(failing); }));
  }
}

void row_ranges() {
  for (const Index n : {Index{0}, Index{1}, Index{31}, Index{32}, Index{33}, Index{1000}}) {
    for (const Index block : {Index{1}, Index{32}, Index{128}}) {
      for (Index parts = 1; parts <= 9; ++parts) {
        const Case sizes("n %td block %td parts %td", n, block, parts);
        Index next = 0, fewest = n, most = 0;
        for (Index part = 0; part < parts; ++part) {
          const core::RowRange range = core::row_range(n, block, parts, part);
          CHECK_EQUAL(range.begin, next);
          CHECK(range.begin % block == 0 || range.begin == n);
          next = range.end;
          fewest = std::min(fewest, range.end - range.begin);
          most = std::max(most, range.end - range.begin);
        }
        CHECK_EQUAL(next, n);
        CHECK(most - fewest < 2 * block);
      }
    }
  }
}

template <class T>
std::vector<T> sums_of_rows(int threads, const std::vector<T>& X, Index n, Index d) {
  return core::sum_over_rows<T>(Execution(threads, nullptr), n, 16, d, much_work, [&] {
    return [&](Index first, Index rows, T* sums) {
      for (Index r = first; r < first + rows; ++r) {
        for (Index j = 0; j < d; ++j) sums[j] += X[r * d + j];
      }
    };
  });
}

template <class T>
void row_sums() {
  Random random(2);
  for (const Index n : {Index{0}, Index{1}, Index{63}, Index{64}, Index{65}, Index{1000}, Index{4111}, Index{20000}}) {
    for (const Index d : {Index{0}, Index{1}, Index{5}, Index{300}}) {
      if (d == 300 && n > 1000) continue;
      const Case sizes("n %td d %td", n, d);
      const std::vector<T> X = random.fractions<T>(n * d), sums = sums_of_rows(1, X, n, d);
      CHECK_EQUAL(static_cast<Index>(sums.size()), d);
      for (Index j = 0; j < d; ++j) {
        long double sum = 0;
        for (Index r = 0; r < n; ++r) sum += X[r * d + j];
        CHECK_NEAR(sums[j], sum, n * epsilon<T> * n / 2);  // n sums of at most n, each wrong by half an epsilon
      }
      for (const int threads : {2, 3}) CHECK(same_bits(sums, sums_of_rows(threads, X, n, d)));
    }
  }
  // Lanes depend on the problem alone; long sums have few, and many rows no more than a bound.
  CHECK_EQUAL(core::row_lanes(0, 1, 8), Index{1});
  CHECK_EQUAL(core::row_lanes(1000000, 1, 8), Index{256});
  CHECK_EQUAL(core::row_lanes(64 * 4, 1, 8), Index{64});
  CHECK_EQUAL(core::row_lanes(64 * 16, 1, 8), Index{64});
  CHECK_EQUAL(core::row_lanes(100 * 16, 1, 8), Index{100});
  CHECK_EQUAL(core::row_lanes(1000000, Index{1} << 40, 8), Index{4});
}

void independent_problems() {
  for (const int threads : {1, 2, 3}) {
    for (const Index count : {Index{0}, Index{1}, Index{2}, Index{5}, Index{6}}) {
      for (const double operations : {1.0, much_work}) {
        const Case sizes("threads %d problems %td operations %g", threads, count, operations);
        std::vector<std::atomic<int>> times(count);
        std::atomic<int> wrong{0};
        const Execution exec(threads, nullptr);
        core::for_each_problem(exec, count, operations, [&](const Execution& inner, Index problem) {
          ++times[problem];
          wrong += inner.n_threads() != 1 && (inner.n_threads() != threads || operations < 1e6);
          inner.for_each(3, 0.0, [](Index) {});
        });
        for (const auto& some : times) CHECK_EQUAL(some.load(), 1);
        CHECK_EQUAL(wrong.load(), 0);
      }
    }
    const Execution exec(threads, [] { return true; });
    CHECK_THROWS(Interrupted, core::for_each_problem(exec, 7, much_work, [&](const Execution& inner, Index) {
                   wait_until_stopped(inner);
                 }));
  }
}

template <class T>
void vectors() {
  using S = core::Simd<T>;
  T from[S::width + 1], to[S::width + 2];
  for (Index i = 0; i <= S::width; ++i) from[i] = static_cast<T>(i + 1);
  std::fill_n(to, S::width + 2, T(-1));
  S::store(to + 1, S::load(from + 1) * T(2));  // at any place, not only on boundaries
  for (Index i = 0; i < S::width; ++i) CHECK_EQUAL(to[i + 1], static_cast<T>(2 * (i + 2)));
  CHECK_EQUAL(to[0], T(-1));
  CHECK_EQUAL(to[S::width + 1], T(-1));
  CHECK_EQUAL(S::width * static_cast<Index>(sizeof(T)), core::vector_bytes);
}

}  // namespace

void test_core() {
  integers();
  random_bits();
  memory();
  reductions();
  vector_updates<float>();
  vector_updates<double>();
  finite_numbers<float>();
  finite_numbers<double>();
  tasks();
  exceptions();
  stopping();
  row_ranges();
  row_sums<float>();
  row_sums<double>();
  independent_problems();
  vectors<float>();
  vectors<double>();
}

}  // namespace limbeck::tests
