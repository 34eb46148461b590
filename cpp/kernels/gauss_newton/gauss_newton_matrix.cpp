#include "kernels/gauss_newton/gauss_newton_matrix.hpp"

#include <cmath>

#include "kernels/core/prefetch.hpp"
#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"
#include "kernels/gauss_newton/gate_pattern_grams.hpp"

namespace limbeck::gauss_newton {

namespace {

// Which neurons' gates are told apart in one pass over the rows. Grams of gate patterns are summed, so a pass with b
// gates yields the masked Grams of all their pairs; more gates than fit one pass are taken two sets at a time.
struct GatePasses {
  std::vector<std::vector<Index>> passes;  // the neurons of each pass

  GatePasses(Index k, Index n, Index d) {
    // Patterns pay while each has a few dozen rows and all their Grams stay within a fixed budget.
    constexpr Index budget_bytes = Index{24} << 20, rows_per_pattern = 32,
                    most_bits = 10;  // 1,024 patterns, in 16 bits
    Index bits = 2;
    while (bits < most_bits && (Index{2} << bits) * rows_per_pattern <= n &&
           (Index{2} << bits) * GatePatternGrams::bytes_per_group(d) <= budget_bytes) {
      ++bits;
    }
    std::vector<Index> all(k);
    std::iota(all.begin(), all.end(), Index{0});
    if (k <= bits) {
      passes.push_back(all);
      return;
    }
    const Index sets = (k + bits / 2 - 1) / (bits / 2);
    for (Index s = 0; s < sets; ++s) {
      for (Index t = 0; t < s; ++t) {
        std::vector<Index> both(all.begin() + k * t / sets, all.begin() + k * (t + 1) / sets);
        both.insert(both.end(), all.begin() + k * s / sets, all.begin() + k * (s + 1) / sets);
        passes.push_back(both);
      }
    }
  }
};

// Extra pattern bits that number 2^bits segments of rows: with few gates there would be too few groups to share among
// threads.
Index segment_bits(Index gates, Index d) {
  constexpr Index budget_bytes = Index{24} << 20, enough = 4;  // sixteen groups, for as many threads
  Index bits = std::max<Index>(0, enough - gates);
  while (bits > 0 && (Index{1} << (gates + bits)) * GatePatternGrams::bytes_per_group(d) > budget_bytes) --bits;
  return bits;
}

// Number whose bit b tells whether the gate of neurons[b] is open, for each row; the bits above count segments of rows.
void gate_patterns(const Execution& exec, const ReluFit& p, const ReluParameters& at, const std::vector<Index>& neurons,
                   Index first, Index rows, Index segments, std::vector<GatePatternGrams::Group>* patterns) {
  const auto count = static_cast<Index>(neurons.size());
  dense::SkinnyMatrix<double> C(count, p.d);
  for (Index b = 0; b < count; ++b) C.set(b, at.weights.data() + neurons[b] * p.d);
  const Index block = dense::skinny_block_rows<double>(p.d), stride = dense::skinny_stride<double>(count);
  exec.for_each(core::ceil_div(rows, block), 2.0 * rows * count * p.d, [&](Index task) {
    core::AlignedBuffer<double> z(block * stride);
    const Index begin = task * block, size = std::min(block, rows - begin);
    core::Prefetch ahead(p.X + (first + begin + size) * p.d, size * p.d, 1);
    dense::multiply_rows(p.X + (first + begin) * p.d, size, C, z.data(), ahead);
    for (Index r = 0; r < size; ++r) {
      auto pattern = static_cast<unsigned>((begin + r) * segments / rows) << count;
      for (Index b = 0; b < count; ++b) {
        if (z.data()[r * stride + b] + at.thresholds[neurons[b]] > 0) pattern |= 1u << b;
      }
      (*patterns)[begin + r] = static_cast<GatePatternGrams::Group>(pattern);
    }
  });
}

// Writes one block (D, D) of the Gauss-Newton matrix, which is symmetric, and its mirror image.
void put_block(Index i, Index j, const std::vector<double>& gram, Index D, double factor, double* hessian, Index P) {
  for (Index row = 0; row < D; ++row) {
    double *block = hessian + (i * D + row) * P + j * D, *mirrored = hessian + (j * D + row) * P + i * D;
    for (Index column = 0; column < D; ++column) {
      block[column] = mirrored[column] = factor * gram[row * D + column];
    }
  }
}

// Whether to form the Jacobian: with few rows patterns would hardly have a row each. Times in microseconds of one
// AVX-512 core, fitted to n from 50 to 15,000, d from 2 to 40 and k from 1 to 16; choices by them cost 2 %
// more than the better one on average.
bool jacobian_is_faster(const ReluFit& p, const GatePasses& sets) {
  constexpr Index most_numbers = Index{1} << 22;  // of the Jacobian: 32 MiB
  const double n = p.n, P = p.n_parameters(), D = p.group_size();
  if (n * P > most_numbers) return false;
  double by_patterns = 0;
  for (const auto& neurons : sets.passes) {
    const double groups = static_cast<double>(Index{1} << neurons.size());
    by_patterns += 19 + n * (0.031 + 7.7e-5 * D * D) + groups * (1.2 + 0.05 * D * D);
  }
  return 2 + n * P * (0.005 + 3.3e-5 * P) + 0.0013 * P * P < by_patterns;
}

void matrix_from_jacobian(const Execution& exec, const ReluFit& p, const double* parameters, double* hessian) {
  const Index D = p.group_size(), P = p.n_parameters();
  // By row, for each parameter: the derivative of the network, times the root of the row's weight.
  core::AlignedBuffer<double> derivatives(P * p.n);
  exec.for_each(p.k + 1, 2.0 * P * p.n, [&](Index i) {
    const double* at = parameters + i * D;
    std::vector<double> factor(p.n);
    for (Index r = 0; r < p.n; ++r) {
      const double* x = p.X + r * p.d;
      double z = at[p.d];
      for (Index j = 0; i < p.k && j < p.d; ++j) z += at[j] * x[j];
      factor[r] = (i == p.k ? 1.0 : z > 0 ? p.signs[i] : 0.0) * (p.v ? std::sqrt(p.v[r]) : 1.0);
    }
    for (Index j = 0; j < D; ++j) {
      double* to = derivatives.data() + (i * D + j) * p.n;
      for (Index r = 0; r < p.n; ++r) to[r] = factor[r] * (j < p.d ? p.X[r * p.d + j] : 1.0);
    }
  });
  dense::TiledMatrix<double> sums(P, P);
  dense::syrk_lower(exec, dense::VectorSet<double>{derivatives.data(), P, p.n, p.n, 1}, 1.0, &sums);
  const double scale = 1 / p.total_weight();
  for (Index j = 0; j < P; ++j) {
    for (Index i = j; i < P; ++i) hessian[i * P + j] = hessian[j * P + i] = scale * *sums.at(i, j);
  }
}

}  // namespace

void gauss_newton_matrix(const Execution& exec, const ReluFit& p, const double* parameters, double* hessian) {
  const GatePasses sets(p.k, p.n, p.d);
  if (jacobian_is_faster(p, sets)) return matrix_from_jacobian(exec, p, parameters, hessian);
  const Index D = p.group_size(), P = p.n_parameters();
  const ReluParameters at(p, parameters);
  const double scale = 1 / p.total_weight();
  std::vector<GatePatternGrams::Group> patterns(std::min(p.n, GatePatternGrams::chunk_rows));
  for (const auto& neurons : sets.passes) {
    const auto count = static_cast<Index>(neurons.size());
    const Index extra = segment_bits(count, p.d);
    GatePatternGrams grams(p.d, Index{1} << (count + extra));
    for (Index first = 0; first < p.n; first += GatePatternGrams::chunk_rows) {
      const Index rows = std::min(GatePatternGrams::chunk_rows, p.n - first);
      gate_patterns(exec, p, at, neurons, first, rows, Index{1} << extra, &patterns);
      grams.add(exec, p.X + first * p.d, rows, patterns.data(), p.v ? p.v + first : nullptr);
    }
    // Pairs (a, b), a >= b: b = -1 stands for the linear part, whose gate is always open.
    const Index pairs = (count + 1) * (count + 2) / 2;
    exec.for_each(pairs, static_cast<double>(pairs << (count + extra)) * D * D / 8, [&](Index pair) {
      Index a = -1, b = -1;
      for (Index rest = pair; rest > 0; --rest) {
        if (++b > a) b = -1, ++a;
      }
      std::vector<double> gram(D * D);
      const unsigned bits = (a < 0 ? 0u : 1u << a) | (b < 0 ? 0u : 1u << b);
      grams.sum_of(bits, gram.data());
      const Index i = a < 0 ? p.k : neurons[a], j = b < 0 ? p.k : neurons[b];
      put_block(i, j, gram, D, scale * (a < 0 ? 1 : p.signs[i]) * (b < 0 ? 1 : p.signs[j]), hessian, P);
    });
  }
}

}  // namespace limbeck::gauss_newton
