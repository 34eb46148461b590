// Products of matrices of small whole numbers, which are exact: results are compared with ==.
#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/dense/packing.hpp"
#include "kernels/dense/project.hpp"
#include "kernels/dense/strip_syrk.hpp"
#include "kernels/dense/syrk_packed.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"
#include "matrices.hpp"

namespace limbeck::tests {

namespace {

using core::tile_columns;
using dense::Corner;
using dense::TiledMatrix;

template <class A, class B>
void check_gemm(Random* random, Index rows, Index columns, Index length, int threads = 1, double unit = 1) {
  // Both layouts of either operand, in turn.
  static unsigned turn = 0;
  const bool a_together = turn & 1, b_together = turn & 2;
  const Corner corner{(turn >> 2) % 3, (turn >> 3) % 5};
  ++turn;
  const Case sizes("gemm rows %td columns %td length %td, together %d %d, corner %td %td, unit %g", rows, columns,
                   length, a_together, b_together, corner.row, corner.column, unit);
  const Vectors<A> a(random, rows, length, a_together, unit);
  const Vectors<B> b(random, columns, length, b_together, unit);
  const A sign = random->whole(1) < 0 ? A(-1) : A(2);
  TiledMatrix<A> sums = whole_matrix<A>(random, corner.row + rows + 4, corner.column + columns + 9);
  const TiledMatrix<A> before = copy_of(sums);
  dense::gemm(Execution(threads, nullptr), a.set, b.set, sign, &sums, corner);
  const double operations = static_cast<double>(rows) * columns * length;
  for (Index j = 0; j < sums.columns(); ++j) {
    for (Index i = 0; i < sums.rows(); ++i) {
      const Index ia = i - corner.row, jb = j - corner.column;
      const bool inside = ia >= 0 && ia < rows && jb >= 0 && jb < columns;
      if (inside && !is_compared(i, j, operations)) continue;
      CHECK_EQUAL(*sums.at(i, j), *before.at(i, j) + sign * (inside ? a.inner(ia, b.numbers, jb) : 0));
    }
  }
}

// 0 and 1, and what is left beside whole registers, tiles and runs of tiles.
template <class T>
std::vector<Index> small_counts() {
  constexpr Index w = core::Simd<T>::width;
  return {0, 1, 2, 3, w - 1, w, w + 1, w + 3, 2 * w, 2 * w + 1, 3 * w, 3 * w + 1, 4 * w, 5 * w - 1, 6 * w + 1};
}

template <class A, class B>
void gemm() {
  Random random(3);
  for (const Index rows : small_counts<A>()) {
    for (const Index columns : {0, 1, 2, 3, 4, 5, 7, 8, 9, 17}) {
      for (const Index length : {0, 1, 17, 257}) check_gemm<A, B>(&random, rows, columns, length);
    }
  }
  // Steps of 256 numbers, blocks of 192 vectors, on several threads.
  for (const Index length : {255, 256, 513}) {
    for (int layout = 0; layout < 8; ++layout) check_gemm<A, B>(&random, 11, 13, length);
  }
  for (const Index large : {191, 192, 193, 385}) {
    for (const Index other : {1, 3, 193}) {
      check_gemm<A, B>(&random, large, other, 37, 2);
      check_gemm<A, B>(&random, other, large, 37, 3);
    }
  }
  // Stretches of long vectors, and vectors too long to be packed at once.
  for (const Index length : {2047, 2048, 2049, 3071, 8192, 9001}) {
    for (int layout = 0; layout < 4; ++layout) check_gemm<A, B>(&random, 5, 6, length, 2);
  }
  constexpr Index chunk = (Index{8} << 20) / static_cast<Index>(sizeof(A)) / 2000 / 256 * 256;
  for (const Index length : {chunk - 1, chunk, chunk + 1}) {
    for (int layout = 0; layout < 4; ++layout) check_gemm<A, B>(&random, 2000, 3, length, 2);
  }
  // Division by a power of two.
  for (int layout = 0; layout < 4; ++layout) check_gemm<A, B>(&random, 21, 19, 300, 1, layout < 2 ? 8 : 0.25);
}

template <class T>
void matrices_as_operands() {
  Random random(2);
  for (const auto& [n, m] : {std::pair<Index, Index>{5, 9}, {17, 3}, {64, 33}}) {
    const Case sizes("operands %td x %td", n, m);
    const TiledMatrix<T> A = whole_matrix<T>(&random, n, m), B = whole_matrix<T>(&random, m, n);
    TiledMatrix<T> product(n, n), inner(m, m);
    dense::gemm(serial(), dense::rows_of(A), dense::columns_of(B), T(1), &product);
    dense::syrk_lower(serial(), dense::columns_of(A), T(1), &inner);
    for (Index j = 0; j < n; ++j) {
      for (Index i = 0; i < n; ++i) {
        T sum = 0;
        for (Index l = 0; l < m; ++l) sum += *A.at(i, l) * *B.at(l, j);
        CHECK_EQUAL(*product.at(i, j), sum);
      }
    }
    for (Index j = 0; j < m; ++j) {
      for (Index i = j; i < m; ++i) {
        T sum = 0;
        for (Index l = 0; l < n; ++l) sum += *A.at(l, i) * *A.at(l, j);
        CHECK_EQUAL(*inner.at(i, j), sum);
      }
    }
  }
}

template <class From, class T>
void check_syrk(Random* random, Index count, Index length, Index columns = -1, int threads = 1, double unit = 1) {
  static unsigned turn = 0;
  const bool together = turn & 1;
  const Index first = (turn >> 1) % 3;
  ++turn;
  const Case sizes("syrk count %td length %td columns %td, together %d, first %td, unit %g", count, length, columns,
                   together, first, unit);
  const Vectors<From> v(random, count, length, together, unit);
  const T sign = random->whole(1) < 0 ? T(-1) : T(2);
  const Index last = columns < 0 ? count : columns;
  TiledMatrix<T> sums = whole_matrix<T>(random, first + count + 2, first + last + 2);
  const TiledMatrix<T> before = copy_of(sums);
  dense::syrk_lower(Execution(threads, nullptr), v.set, sign, &sums, first, columns);
  const double operations = static_cast<double>(count) * last * length;
  for (Index j = 0; j < sums.columns(); ++j) {
    const bool inside = j >= first && j < first + last;
    for (Index i = inside ? j : 0; i < sums.rows(); ++i) {
      if (!inside && i < j && j >= first) continue;  // above the diagonal of the part
      const bool changes = inside && i < first + count;
      if (changes && !is_compared(i, j, operations)) continue;
      CHECK_EQUAL(*sums.at(i, j), *before.at(i, j) + sign * (changes ? v.product(i - first, v, j - first) : 0));
    }
  }
}

template <class From, class T>
void syrk() {
  Random random(4);
  for (const Index count : small_counts<T>()) {
    for (const Index length : {0, 1, 17, 255, 256, 257}) {
      for (int layout = 0; layout < 2; ++layout) check_syrk<From, T>(&random, count, length);
    }
  }
  for (const Index count : {191, 192, 193, 383, 384, 385}) {
    for (const Index threads : {1, 3}) check_syrk<From, T>(&random, count, 19, -1, static_cast<int>(threads));
    // The left columns alone: any number of whole tiles.
    for (const Index columns : {tile_columns, Index{64}, Index{192}, Index{192} + tile_columns}) {
      if (columns <= count) check_syrk<From, T>(&random, count, 21, columns, 2);
    }
  }
  // Stretches of long vectors, which are packed a few numbers at a time.
  for (const Index length : {8191, 8192, 8193, 12289, 20000}) {
    for (const Index count : {1, 3, 17}) {
      for (int layout = 0; layout < 2; ++layout) check_syrk<From, T>(&random, count, length, -1, 2);
    }
  }
  check_syrk<From, T>(&random, 40, 9000, tile_columns, 2);
  // Blocks of 96, 64 and 48, and parts of longer vectors, whose sums are added up.
  for (const Index count : {385, 450, 500}) {
    for (const Index length : {170, 400, 700, 4500}) check_syrk<From, T>(&random, count, length, -1, 3);
  }
  // Vectors too long to be packed at once: one packing serves both sides, or it takes two.
  constexpr bool one_packing = core::Simd<T>::width % tile_columns == 0;
  constexpr Index count = one_packing ? 2000 : 1000;
  constexpr Index chunk = (Index{8} << 20) / static_cast<Index>(sizeof(T)) / 2000 / 256 * 256;
  for (const Index length : {chunk - 1, chunk, chunk + 1}) {
    for (int layout = 0; layout < 2; ++layout) check_syrk<From, T>(&random, count, length, tile_columns, 2);
  }
  for (int layout = 0; layout < 4; ++layout) check_syrk<From, T>(&random, 21, 300, -1, 1, layout < 2 ? 8 : 0.25);
}

// The order of sums shows in the last bits of sums of fractions.
template <class T>
void threads_change_nothing() {
  Random random(5);
  for (const auto& [count, length] : {std::pair<Index, Index>{200, 300}, {17, 20000}, {400, 64}, {390, 4500}}) {
    const Case sizes("count %td length %td", count, length);
    const std::vector<T> data = random.fractions<T>(count * length);
    const dense::VectorSet<T> v{data.data(), count, length, length, 1};
    std::vector<T> syrk_bits, gemm_bits;
    for (const int threads : {1, 2, 3}) {
      const Execution exec(threads, nullptr);
      TiledMatrix<T> gram(count, count), product(count, count);
      dense::syrk_lower(exec, v, T(1), &gram);
      dense::gemm(exec, v, v, T(1), &product);
      if (threads == 1) syrk_bits = numbers_of(gram, true), gemm_bits = numbers_of(product);
      CHECK(same_bits(numbers_of(gram, true), syrk_bits));
      CHECK(same_bits(numbers_of(product), gemm_bits));
    }
    // Every number: |error| <= (length + 2) / 2 epsilon times the sum of the sizes, at most `length`.
    for (Index i = 0; i < count; i += 1 + count / 20) {
      for (Index j = 0; j <= i; j += 1 + count / 20) {
        long double sum = 0;
        for (Index l = 0; l < length; ++l) sum += static_cast<long double>(data[i * length + l]) * data[j * length + l];
        const long double tolerance = (length + 2) / 2.0L * epsilon<T> * length;
        CHECK_NEAR(syrk_bits[j * count + i], sum, tolerance);
        CHECK_NEAR(gemm_bits[j * count + i], sum, tolerance);
      }
    }
  }
}

template <class T>
void packed() {
  Random random(6);
  using View = dense::PackedView<T>;
  for (Index groups = 0; groups <= 7; ++groups) {
    const Index count = groups * View::multiple;
    for (const Index length : {0, 1, 2, 15, 255, 256, 257, 513}) {
      for (const bool triangular : {false, true}) {
        const Case sizes("packed count %td length %td triangular %d", count, length, triangular);
        const Vectors<T> v(&random, count, length, true);
        dense::Packed<T> numbers(count, length);
        numbers.pack(v.set, 0, numbers.groups(), 0, length);
        std::vector<float> known = v.numbers;
        for (Index i = 0; triangular && i < count; ++i) {
          for (Index l = 0; l < std::min(i, length); ++l) numbers.at(i, l) = 0, known[i * length + l] = 0;
        }
        TiledMatrix<T> sums = whole_matrix<T>(&random, count, count), strips = copy_of(sums);
        const TiledMatrix<T> before = copy_of(sums);
        std::vector<T> elsewhere = numbers_of(sums);
        dense::syrk_packed(numbers.view(), &sums, triangular);
        if constexpr (sizeof(T) == 8) {
          if (!triangular) dense::syrk_packed(numbers.view(), elsewhere.data(), count);
        }
        for (Index first = 0; first < count; first += 2 * View::multiple) {
          dense::syrk_packed(numbers.view(), &strips, triangular, first, std::min(count, first + 2 * View::multiple));
        }
        for (Index j = 0; j < count; ++j) {
          for (Index i = j; i < count; ++i) {
            long sum = 0;
            for (Index l = 0; l < length; ++l) {
              sum += static_cast<long>(known[i * length + l]) * static_cast<long>(known[j * length + l]);
            }
            CHECK_EQUAL(*sums.at(i, j), *before.at(i, j) + static_cast<T>(sum));
            CHECK_EQUAL(*strips.at(i, j), *sums.at(i, j));
            if (sizeof(T) == 8 && !triangular) CHECK_EQUAL(elsewhere[j * count + i], *sums.at(i, j));
          }
        }
      }
    }
  }
}

template <class T>
void packing() {
  constexpr Index w = core::Simd<T>::width;
  Random random(7);
  for (const Index count : {Index{1}, w - 1, w, w + 1, 3 * w}) {
    const Case sizes("packing %td", count);
    const std::vector<T> row = random.wholes<T>(count, 9);
    for (const Index begin : {0, 1}) {
      dense::Packed<T> packed(count + 2, 4);
      for (Index v = 0; v < count + 2; ++v) packed.at(v, 2) = 77;
      packed.pack_across(row.data(), count, 2, begin);
      for (Index v = 0; v < count + 2; ++v) {
        CHECK_EQUAL(packed.at(v, 2), v < begin * w ? T(77) : v < count ? row[v] : T(0));
        CHECK_EQUAL(packed.at(v, 1), T(0));
      }
    }
    const Index whole = core::round_up(count, w);
    dense::Packed<T> by_rows(2 * w, whole), by_columns(whole, 2 * w);
    for (Index v = 0; v < 2 * w; ++v) {
      for (Index l = 0; l < whole; ++l) by_rows.at(v, l) = static_cast<T>(v * 1000 + l);
    }
    by_columns.pack_transposed(by_rows);
    for (Index v = 0; v < 2 * w; ++v) {
      for (Index l = 0; l < whole; ++l) CHECK_EQUAL(by_columns.at(l, v), static_cast<T>(v * 1000 + l));
    }
    by_rows.clear();
    CHECK_EQUAL(by_rows.at(2 * w - 1, whole - 1), T(0));
  }
}

template <class T>
void check_skinny(Random* random, Index rows, Index d, Index columns) {
  const Case sizes("skinny rows %td d %td columns %td", rows, d, columns);
  const Index stride = dense::skinny_stride<T>(columns);
  const std::vector<T> X = random->wholes<T>(rows * d, 4), C = random->wholes<T>(columns * d, 4);
  const std::vector<T> V = random->wholes<T>(rows * stride, 4);
  std::vector<T> products(rows * stride, T(55)), sums = random->wholes<T>(columns * d, 4);
  const std::vector<T> before = sums;
  core::Prefetch ahead(X.data(), rows * d, 2);
  dense::multiply_rows(X.data(), rows, dense::skinny_matrix(C.data(), columns, d), products.data(), ahead);
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < stride; ++c) {
      long sum = 0;
      for (Index j = 0; c < columns && j < d; ++j) {
        sum += static_cast<long>(X[r * d + j]) * static_cast<long>(C[c * d + j]);
      }
      CHECK_EQUAL(products[r * stride + c], static_cast<T>(sum));
    }
  }
  dense::accumulate_outer(X.data(), rows, d, V.data(), columns, stride, sums.data(), ahead);
  for (Index c = 0; c < columns; ++c) {
    for (Index j = 0; j < d; ++j) {
      long sum = static_cast<long>(before[c * d + j]);
      for (Index r = 0; r < rows; ++r) sum += static_cast<long>(V[r * stride + c]) * static_cast<long>(X[r * d + j]);
      CHECK_EQUAL(sums[c * d + j], static_cast<T>(sum));
    }
  }
}

template <class T>
void skinny() {
  constexpr Index w = core::Simd<T>::width;
  Random random(8);
  for (const Index d : {Index{1}, w - 1, w, w + 1, 2 * w + 3, 3 * w, 4 * w + 1, Index{70}}) {
    for (const Index columns : {Index{1}, Index{2}, Index{3}, w, w + 1, 2 * w + 1, 3 * w, 3 * w + 2, 5 * w + 1}) {
      for (const Index rows : {0, 1, 3, 4, 7, 8, 9, 17}) check_skinny<T>(&random, rows, d, columns);
    }
    for (Index columns = 4; columns <= 16; ++columns) check_skinny<T>(&random, 5, d, columns);
  }
  // Tasks of eight blocks of at most 256 rows each.
  for (const Index n : {0, 1, 255, 257, 2048, 2049, 4100}) {
    const Index d = 3, m = 5;
    const Case sizes("project %td", n);
    const std::vector<T> X = random.wholes<T>(n * d, 9), C = random.wholes<T>(m * d, 9);
    for (const int threads : {1, 3}) {
      std::vector<T> out(n * m);
      dense::project(Execution(threads, nullptr), X.data(), n, d, C.data(), m, out.data());
      for (Index e = 0; e < n * m; ++e) {
        T sum = 0;
        for (Index j = 0; j < d; ++j) sum += X[e / m * d + j] * C[e % m * d + j];
        CHECK_EQUAL(out[e], sum);
      }
    }
  }
}

template <class T>
void strips() {
  Random random(9);
  for (Index d = 1; d <= 40; d += d < 20 ? 1 : 7) {
    for (const Index rows : {1, 2, 127, 128}) {
      for (const bool weighted : {false, true}) {
        const Case sizes("strips d %td rows %td weighted %d", d, rows, weighted);
        const std::vector<T> X = random.wholes<T>(rows * d, 4), w = random.wholes<T>(rows, 4);
        dense::Packed<T> packed = dense::packed_rows<T>(d);
        for (Index r = 0; r < rows; ++r) packed.pack_across(X.data() + r * d, d, r);
        dense::ScaledColumns<T> scaled(d);
        const dense::TriangleLayout<T> layout(d);
        std::vector<T> tiles(layout.size(), T(0)), gram(d * d, T(55));
        T* strip = tiles.data();
        for (Index q = 0; q < layout.strips; ++q) {
          dense::accumulate_strip(layout, packed, scaled, rows, weighted ? w.data() : nullptr, q, strip);
          dense::scatter_strip(layout, q, strip, gram.data());
          strip += layout.strip_size(q);
        }
        for (Index i = 0; i < d; ++i) {
          for (Index j = 0; j < d; ++j) {
            T sum = 0;
            for (Index r = 0; r < rows; ++r) sum += (weighted ? w[r] : T(1)) * X[r * d + i] * X[r * d + j];
            CHECK_EQUAL(gram[i * d + j], sum);
          }
        }
      }
    }
  }
}

}  // namespace

void test_dense_products() {
  gemm<float, float>();
  gemm<double, double>();
  gemm<double, float>();
  syrk<float, float>();
  syrk<double, float>();
  syrk<double, double>();
  syrk<float, double>();
  matrices_as_operands<float>();
  matrices_as_operands<double>();
  threads_change_nothing<float>();
  threads_change_nothing<double>();
  packed<float>();
  packed<double>();
  packing<float>();
  packing<double>();
  skinny<float>();
  skinny<double>();
  strips<float>();
  strips<double>();
}

}  // namespace limbeck::tests
