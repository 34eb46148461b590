// Weighted Gram matrices of few columns, and of few rows of a triangle.
#include <algorithm>
#include <vector>

#include "check.hpp"
#include "kernels/dense/narrow_syrk.hpp"
#include "kernels/dense/syrk_packed.hpp"
#include "matrices.hpp"

namespace limbeck::tests {

namespace {

// Narrow rows give the definition's sums in whole numbers, whatever lies beyond the rows and between the columns.
template <class T>
void narrow_strips() {
  Random random(10);
  constexpr Index width = core::Simd<T>::width, most = dense::NarrowRows<T>::most_rows;
  for (Index d = 1; d <= 40; d += d < 20 ? 1 : 7) {
    for (const Index rows : {Index{1}, width - 1, width, width + 1, most - 1, most}) {
      const Case sizes("narrow strips d %td rows %td", d, rows);
      const std::vector<T> X = random.wholes<T>(rows * d, 4);
      std::vector<T> w = random.wholes<T>(rows, 4);
      dense::NarrowRows<T> narrow(d);
      narrow.pack(X.data(), rows, rows * d);
      w.resize(core::round_up(rows, width), T(0));
      const dense::NarrowLayout<T> layout(d);
      std::vector<T> sums(layout.size() * width, T(77)), totals(layout.size()), gram(d * d, T(55));
      core::Prefetch none;
      Index at = 0;
      for (Index b = 0; b < layout.strips; ++b) {
        for (const bool begin : {true, false}) narrow.accumulate(w.data(), b, begin, sums.data() + at * width, none);
        dense::sum_registers(sums.data() + at * width, layout.strip_size(b), totals.data() + at);
        dense::scatter_strip(layout, b, totals.data() + at, gram.data());
        at += layout.strip_size(b);
      }
      CHECK_EQUAL(at, layout.size());
      for (Index i = 0; i < d; ++i) {
        for (Index j = 0; j < d; ++j) {
          T sum = 0;
          for (Index r = 0; r < rows; ++r) sum += w[r] * X[r * d + i] * X[r * d + j];
          CHECK_EQUAL(gram[i * d + j], 2 * sum);
        }
      }
    }
  }
}

// Products with vectors and sums of rows, of whole numbers: the definitions, and nothing beyond the rows.
template <class T>
void narrow_products() {
  Random random(11);
  constexpr Index width = core::Simd<T>::width, stride = dense::NarrowRows<T>::stride;
  for (const Index d : {Index{1}, Index{2}, Index{5}, Index{6}, Index{11}, Index{33}}) {
    for (const Index rows : {Index{1}, width + 1, 4 * width, 5 * width - 1, dense::NarrowRows<T>::most_rows}) {
      for (const Index count : {Index{1}, Index{3}, Index{4}, Index{6}, Index{9}}) {
        const Case sizes("narrow products d %td rows %td vectors %td", d, rows, count);
        const Index padded = core::round_up(rows, width), sums_stride = d + 2;
        const std::vector<T> X = random.wholes<T>(rows * d, 4), vectors = random.wholes<T>(count * d, 4);
        std::vector<T> V = random.wholes<T>(count * stride, 4), products(count * stride, T(77));
        for (Index k = 0; k < count; ++k) std::fill(&V[k * stride + rows], &V[k * stride] + padded, T(0));
        std::vector<T> sums(count * sums_stride, T(3));
        dense::NarrowRows<T> narrow(d);
        narrow.pack(X.data(), rows, rows * d);
        narrow.project(vectors.data(), count, products.data());
        narrow.add_outer(V.data(), count, sums.data(), sums_stride);
        for (Index k = 0; k < count; ++k) {
          for (Index r = 0; r < stride; ++r) {
            T sum = 0;
            for (Index c = 0; r < rows && c < d; ++c) sum += X[r * d + c] * vectors[k * d + c];
            CHECK_EQUAL(products[k * stride + r], r < padded ? sum : T(77));
          }
          for (Index c = 0; c < sums_stride; ++c) {
            T sum = 3;
            for (Index r = 0; c < d && r < rows; ++r) sum += V[k * stride + r] * X[r * d + c];
            CHECK_EQUAL(sums[k * sums_stride + c], sum);
          }
        }
      }
    }
  }
}

template <class T>
void columns_of_rows() {
  constexpr Index width = core::Simd<T>::width;
  for (const Index step : {Index{1}, Index{3}, width, 2 * width + 3}) {
    for (const Index rows : {Index{0}, Index{1}, width, 3 * width + 1}) {
      for (Index columns = 1; columns <= step; ++columns) {
        const Case sizes("columns of rows, step %td rows %td columns %td", step, rows, columns);
        std::vector<T> from(rows * step);
        for (std::size_t e = 0; e < from.size(); ++e) from[e] = static_cast<T>(e + 1);
        const Index padded = core::round_up(rows, width), stride = padded + width;
        std::vector<T> to(columns * stride, T(-1));
        dense::columns_of_rows(from.data(), step, rows, columns, rows * step, to.data(), stride);
        for (Index c = 0; c < columns; ++c) {
          for (Index r = 0; r < stride; ++r) {
            const T expected = r < rows ? from[r * step + c] : r < padded ? T(0) : T(-1);
            CHECK_EQUAL(to[c * stride + r], expected);
          }
        }
      }
    }
  }
}

// A last group of which half is zero: its rows by themselves, bit by bit those of the whole.
template <class T>
void last_half() {
  if constexpr (dense::has_half_groups<T>) {
    constexpr Index half = core::tile_columns;
    Random random(7);
    for (const Index groups : {2, 3, 5, 13}) {
      for (const Index length : {1, 15, 255, 256, 257, 513}) {
        const Index count = 2 * half * groups;
        const Case sizes("last half of %td vectors of length %td", count, length);
        dense::Packed<T> numbers(count, length);
        for (Index i = 0; i < count - half; ++i) {
          for (Index l = i; l < length; ++l) numbers.at(i, l) = static_cast<T>(random.fraction());
        }
        dense::TiledMatrix<T> whole = whole_matrix<T>(&random, count, count), parts = copy_of(whole);
        dense::syrk_packed(numbers.view(), &whole, true);
        dense::PackedView<T> rest = numbers.view();
        rest.count -= 2 * half;
        dense::syrk_packed(rest, &parts, true);
        dense::syrk_packed_last_half(numbers.view(), &parts);
        for (Index j = 0; j < count - half; ++j) {
          for (Index i = j; i < count - half; ++i) CHECK_EQUAL(*parts.at(i, j), *whole.at(i, j));
        }
      }
    }
  }
}

}  // namespace

void test_dense_narrow() {
  last_half<float>();
  narrow_strips<float>();
  narrow_strips<double>();
  narrow_products<float>();
  narrow_products<double>();
  columns_of_rows<float>();
  columns_of_rows<double>();
}

}  // namespace limbeck::tests
