#include "kernels/gauss_newton/gauss_newton_matrix.hpp"

#include <cmath>
#include <numeric>

#include "kernels/core/prefetch.hpp"
#include "kernels/core/reduce.hpp"
#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/dense/tall_skinny_gemm.hpp"
#include "kernels/gauss_newton/gate_pattern_grams.hpp"
#include "kernels/network/row_gates.hpp"

namespace limbeck::gauss_newton {

namespace {

// Which neurons' gates are kept apart in one pass over the rows. Grams of gate patterns are summed, so a pass with b
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

// Writes numbers whose bit b tells whether the gate of neurons[b] is open, row by row.
class Patterns {
public:
  using S = core::Simd<double>;

  Patterns(const ReluFit& p, const ReluParameters& at, const std::vector<Index>& neurons)
      : p_(p),
        C_(static_cast<Index>(neurons.size()), p.d),
        stride_(dense::skinny_stride<double>(C_.columns())),
        block_(dense::skinny_block_rows<double>(p.d)),
        thresholds_(stride_),
        powers_(stride_) {
    for (Index b = 0; b < C_.columns(); ++b) {
      C_.set(b, at.weights.data() + neurons[b] * p.d);
      thresholds_.data()[b] = at.thresholds[neurons[b]];
      powers_.data()[b] = static_cast<double>(Index{1} << b);
    }
  }

  void operator()(Index first, Index rows, GatePatternGrams::Group* patterns) const {
    core::AlignedBuffer<double> z(block_ * std::max<Index>(stride_, 1)), sums(block_);
    if (stride_ == 0) std::fill_n(patterns, rows, GatePatternGrams::Group{0});
    for (Index begin = 0; begin < rows && stride_ > 0; begin += block_) {
      const Index size = std::min(block_, rows - begin);
      const double* X = p_.X + (first + begin) * p_.d;
      core::Prefetch ahead(X + size * p_.d, size * p_.d, 1);
      dense::multiply_rows(X, size, C_, z.data(), ahead);
      network::sum_rows(size, stride_ / S::width, sums.data(), [&](Index r, Index g) {
        const Index at = g * S::width;
        const auto activation = S::load(z.data() + r * stride_ + at) + S::load(thresholds_.data() + at);
        return activation > 0 ? S::load(powers_.data() + at) : S::Vector{};
      });
      for (Index r = 0; r < size; ++r) patterns[begin + r] = static_cast<GatePatternGrams::Group>(sums.data()[r]);
    }
  }

private:
  const ReluFit& p_;
  dense::SkinnyMatrix<double> C_;
  Index stride_, block_;
  core::AlignedBuffer<double> thresholds_, powers_;
};

// A block (D, D) of the Gauss-Newton matrix: factor times the Gram of a group of rows, with its mirror image.
struct Block {
  Index i, j, group;
  double factor;
};

// The blocks of the pairs of gates of one pass that no earlier pass has written: those of neurons a and b of the pass,
// a >= b, -1 standing for the linear part, whose gate is always open.
std::vector<Block> blocks_of_pass(const ReluFit& p, const std::vector<Index>& neurons, std::vector<bool>* written) {
  std::vector<Block> blocks;
  const auto count = static_cast<Index>(neurons.size());
  for (Index a = -1; a < count; ++a) {
    for (Index b = -1; b <= a; ++b) {
      const Index i = a < 0 ? p.k : neurons[a], j = b < 0 ? p.k : neurons[b];
      const Index pair = std::max(i, j) * (p.k + 1) + std::min(i, j);
      if ((*written)[pair]) continue;
      (*written)[pair] = true;
      const Index group = (a < 0 ? 0 : Index{1} << a) | (b < 0 ? 0 : Index{1} << b);
      blocks.push_back({i, j, group, (a < 0 ? 1 : p.signs[i]) * (b < 0 ? 1 : p.signs[j])});
    }
  }
  return blocks;
}

// Writes a zero to each page of memory, in tasks that are equal wherever memory that was never touched is slow.
void touch(const Execution& exec, double* numbers, Index count) {
  constexpr Index page = 4096 / static_cast<Index>(sizeof(double)), at_once = 64 * page, operations_per_page = 4096;
  exec.for_each(core::ceil_div(count, at_once), static_cast<double>(count / page * operations_per_page),
                [&](Index part) {
                  for (Index i = part * at_once; i < std::min(count, (part + 1) * at_once); i += page) numbers[i] = 0;
                });
}

void put_blocks(const Execution& exec, const ReluFit& p, const GatePatternGrams& grams,
                const std::vector<Block>& blocks, double* hessian) {
  const Index D = p.group_size(), P = p.n_parameters(), parts = grams.parts();
  const double scale = 1 / grams.weight(0);
  const Index tasks = static_cast<Index>(blocks.size()) * parts;
  // An entry is written in four places, often the first time that their memory is touched.
  constexpr Index operations_per_entry = 32;
  const double operations = static_cast<double>(operations_per_entry * D * D * static_cast<Index>(blocks.size()));
  exec.for_each(tasks, operations, [&](Index task) {
    const Block& block = blocks[task / parts];
    const double factor = scale * block.factor;
    double *at = hessian + block.i * D * P + block.j * D, *mirrored = hessian + block.j * D * P + block.i * D;
    grams.for_entries(block.group, task % parts, [&](Index row, Index column, double sum) {
      const double value = factor * sum;
      at[row * P + column] = at[column * P + row] = value;
      mirrored[row * P + column] = mirrored[column * P + row] = value;
    });
  });
}

// Whether to form the Jacobian: with few rows patterns would hardly have a row each. Times in microseconds of one
// AVX-512 core, fitted to n from 40 to 20,000, d from 2 to 100 and k from 1 to 8, where both ways were timed: choices
// by them cost 3 % more than the better one on average, 2.2 times as much at worst. What takes time are rows times
// parameters squared, and for patterns those rows times features squared and the patterns that have rows.
bool jacobian_is_faster(const ReluFit& p, const GatePasses& sets) {
  constexpr Index most_numbers = Index{1} << 22;  // of the Jacobian: 32 MiB
  const double n = p.n, P = p.n_parameters(), D = p.group_size();
  if (n * P > most_numbers) return false;
  double by_patterns = 0.001 * P * P;
  for (const auto& neurons : sets.passes) {
    const double groups = std::min(n, static_cast<double>(Index{1} << neurons.size()));
    by_patterns += 2.3 + n * (0.018 + 3.4e-5 * D * D) + groups * (0.95 + 0.0018 * D * D);
  }
  return 2 + n * P * (0.0026 + 2.6e-5 * P) + 0.00077 * P * P < by_patterns;
}

// Row by row the derivative of the network by each parameter, times the root of the row's weight: (P, n).
core::AlignedBuffer<double> weighted_jacobian(const Execution& exec, const ReluFit& p, const double* parameters) {
  constexpr Index at_once = 32;
  const Index D = p.group_size(), P = p.n_parameters();
  core::AlignedBuffer<double> derivatives(P * p.n);
  exec.for_each(core::ceil_div(p.n, at_once), 4.0 * P * p.n, [&](Index task) {
    const Index first = task * at_once, rows = std::min(at_once, p.n - first);
    const double* X = p.X + first * p.d;
    double factor[at_once], root[at_once];
    for (Index r = 0; r < rows; ++r) root[r] = p.v ? std::sqrt(p.v[first + r]) : 1.0;
    for (Index i = 0; i <= p.k; ++i) {
      const double* at = parameters + i * D;
      for (Index r = 0; r < rows; ++r) {
        const bool open = i == p.k || core::dot(at, X + r * p.d, p.d) + at[p.d] > 0;
        factor[r] = (i == p.k ? 1.0 : open ? p.signs[i] : 0.0) * root[r];
      }
      double* to = derivatives.data() + i * D * p.n + first;
      for (Index j = 0; j < p.d; ++j) {
        for (Index r = 0; r < rows; ++r) to[j * p.n + r] = factor[r] * X[r * p.d + j];
      }
      std::copy_n(factor, rows, to + p.d * p.n);
    }
  });
  return derivatives;
}

void matrix_from_jacobian(const Execution& exec, const ReluFit& p, const double* parameters, double* hessian) {
  const Index P = p.n_parameters();
  const core::AlignedBuffer<double> derivatives = weighted_jacobian(exec, p, parameters);
  dense::TiledMatrix<double> sums(P, P);
  dense::syrk_lower(exec, dense::VectorSet<double>{derivatives.data(), P, p.n, p.n, 1}, 1.0, &sums);
  const double scale = 1 / total_weight(exec, p);
  constexpr Index at_once = 16;  // columns: whole cache lines of the upper triangle
  exec.for_each(core::ceil_div(P, at_once), 8.0 * P * P, [&](Index part) {
    const Index begin = part * at_once, end = std::min(P, begin + at_once);
    for (Index i = begin; i < P; ++i) {
      for (Index j = begin; j < std::min(end, i + 1); ++j) {
        hessian[i * P + j] = hessian[j * P + i] = scale * *sums.at(i, j);
      }
    }
  });
}

}  // namespace

void gauss_newton_matrix(const Execution& exec, const ReluFit& p, const double* parameters, double* hessian) {
  const GatePasses sets(p.k, p.n, p.d);
  if (jacobian_is_faster(p, sets)) return matrix_from_jacobian(exec, p, parameters, hessian);
  const ReluParameters at(p, parameters);
  std::vector<bool> written((p.k + 1) * (p.k + 1));
  touch(exec, hessian, p.n_parameters() * p.n_parameters());
  GatePatternGrams grams(p.d, p.n);
  for (const auto& neurons : sets.passes) {
    grams.begin(exec, Index{1} << neurons.size());
    const Patterns patterns(p, at, neurons);
    grams.add(exec, p.X, p.n, p.v, std::cref(patterns));
    grams.sum_supersets(exec);
    put_blocks(exec, p, grams, blocks_of_pass(p, neurons, &written), hessian);
  }
}

}  // namespace limbeck::gauss_newton
