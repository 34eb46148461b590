#include "kernels/simulate.hpp"

#include <cmath>
#include <limits>

#include "kernels/cholesky.hpp"
#include "kernels/normal_numbers.hpp"
#include "kernels/packed_gram.hpp"

namespace limbeck {

namespace {

constexpr Index width = PackedVectors::width;
using Numbers = std::vector<double>;

// Rows, labels and fit of one regression; memory that serves trial after trial.
//
// A fit does not change if rows and labels are rotated together, and noise is as random after that as before. So the
// first features are drawn as a triangle, the factor of their rows (Bartlett, Proc. Roy. Soc. Edinb. 53, 1933): numbers
// of its diagonal are chi, those above it are normal. Rows beyond p would be zero, and say nothing of the coefficients.
class Regression {
public:
  Regression(Index n, Index p, double ridge)
      : n_(n),
        p_(p),
        m_(std::min(n, p)),
        ridge_(ridge),
        padded_(PackedVectors::padded(m_)),
        rows_(padded_ * p_),
        gram_(padded_, padded_),
        right_(padded_, 1),
        noise_(m_) {}

  // b (p): the fit to rows of independent features of standard deviations `sizes`, labelled <x, labels> plus noise of
  // standard deviation `noise`. False if the system cannot be solved.
  bool fit(NormalNumbers* random, const double* sizes, const double* labels, double noise, double* b) {
    draw(random);
    random->fill(noise_.data(), m_);
    for (double& v : noise_) v *= noise;
    if (m_ == p_ && ridge_ == 0) return solve_triangle(sizes, labels, b);
    scale(sizes);
    label(labels);
    return solve_gram(b);
  }

private:
  // Groups of `width` rows, interleaved: feature after feature.
  double* group(Index g) { return rows_.data() + g * p_ * width; }
  double& at(Index row, Index feature) { return group(row / width)[feature * width + row % width]; }

  void draw(NormalNumbers* random) {
    for (Index g = 0; g < padded_ / width; ++g) {
      const Index first = g * width, last = std::min(first + width, m_);
      // What is left of the triangle, and rows that only fill a group, stay zero.
      if (last <= first) break;
      random->fill(group(g) + first * width, (p_ - first) * width);
      for (Index row = first; row < first + width; ++row) {
        for (Index l = first; l < (row < m_ ? row : p_); ++l) at(row, l) = 0;
        if (row < m_) at(row, row) = random->chi(n_ - row);
      }
    }
  }

  void scale(const double* sizes) {
    for (Index g = 0; g < padded_ / width; ++g) {
      double* x = group(g);
      for (Index l = g * width; l < p_; ++l) {
        for (Index v = 0; v < width; ++v) x[l * width + v] *= sizes[l];
      }
    }
  }

  void label(const double* labels) {
    for (Index g = 0; g < padded_ / width; ++g) {
      const double* x = group(g);
      double sums[width] = {};
      for (Index l = g * width; l < p_; ++l) {
        for (Index v = 0; v < width; ++v) sums[v] += x[l * width + v] * labels[l];
      }
      for (Index v = 0; v < width; ++v) {
        const Index row = g * width + v;
        *right_.at(row, 0) = row < m_ ? sums[v] + noise_[row] : 0.0;
      }
    }
  }

  // b = labels + (R D)^-1 noise for the triangle R and sizes D: well conditioned whatever the sizes are.
  bool solve_triangle(const double* sizes, const double* labels, double* b) {
    for (Index i = p_; i-- > 0;) {
      double left = noise_[i];
      for (Index l = i + 1; l < p_; ++l) left -= at(i, l) * b[l];
      b[i] = left / at(i, i);
    }
    bool finite = true;
    for (Index l = 0; l < p_; ++l) {
      b[l] = labels[l] + b[l] / sizes[l];
      finite = finite && std::isfinite(b[l]);
    }
    return finite;
  }

  // b = X' (X X' + n ridge)^-1 y.
  bool solve_gram(double* b) {
    const Execution serial(1, nullptr);
    for (Index j = 0; j < padded_; ++j) std::fill_n(gram_.at(0, j), padded_, 0.0);
    add_packed_gram({rows_.data(), padded_, p_, p_ * width}, &gram_, true);
    for (Index j = 0; j < padded_; ++j) *gram_.at(j, j) += j < m_ ? static_cast<double>(n_) * ridge_ : 1.0;
    if (!cholesky(serial, &gram_)) return false;
    solve_lower(serial, gram_, &right_);
    solve_lower_transposed(serial, gram_, &right_);
    std::fill_n(b, p_, 0.0);
    for (Index g = 0; g < padded_ / width; ++g) {
      const double *x = group(g), *a = right_.at(g * width, 0);
      for (Index l = g * width; l < p_; ++l) {
        double sum = 0;
        for (Index v = 0; v < width; ++v) sum += x[l * width + v] * a[v];
        b[l] += sum;
      }
    }
    return true;
  }

  Index n_, p_, m_;
  double ridge_;
  Index padded_;
  AlignedBuffer<double> rows_;
  TiledMatrix<double> gram_, right_;
  Numbers noise_;
};

// A surrogate's own fit, and what it knows nothing of.
class FirstStage {
public:
  explicit FirstStage(const Trials& trials) {
    for (Index j = 0; j < trials.p; ++j) {
      if (trials.first_seen[j] && trials.first_variances[j] > 0) {
        seen_.push_back(j);
        sizes_.push_back(std::sqrt(trials.first_variances[j]));
        truth_.push_back(trials.first_truth[j]);
      } else {
        hidden_ += trials.first_variances[j] * trials.first_truth[j] * trials.first_truth[j];
      }
    }
    // Independent features that are not seen act as noise.
    noise_ = std::sqrt(trials.first_noise * trials.first_noise + hidden_);
    regression_.emplace_back(trials.m, static_cast<Index>(seen_.size()), trials.first_ridge);
    fit_.resize(seen_.size());
  }

  bool fit(NormalNumbers* random, Numbers* surrogate) {
    std::fill(surrogate->begin(), surrogate->end(), 0.0);
    if (!regression_[0].fit(random, sizes_.data(), truth_.data(), noise_, fit_.data())) return false;
    for (std::size_t k = 0; k < seen_.size(); ++k) (*surrogate)[seen_[k]] = fit_[k];
    return true;
  }

private:
  std::vector<Index> seen_;
  Numbers sizes_, truth_, fit_;
  double hidden_ = 0, noise_ = 0;
  std::vector<Regression> regression_;
};

}  // namespace

void simulate(const Execution& exec, const Trials& trials, std::uint64_t seed, Index first, Index count,
              double* risks) {
  // Features that never vary take no part: their coefficients are zero.
  std::vector<Index> varying;
  Numbers sizes;
  for (Index j = 0; j < trials.p; ++j) {
    if (trials.variances[j] > 0) {
      varying.push_back(j);
      sizes.push_back(std::sqrt(trials.variances[j]));
    }
  }
  const Index p = static_cast<Index>(varying.size());
  const Index lanes = std::min<Index>(count, 4 * exec.n_threads());
  const double operations = static_cast<double>(trials.n) * trials.p * std::min(trials.n, trials.p) * count;
  exec.for_each(lanes, operations, [&](Index lane) {
    Regression regression(trials.n, p, trials.ridge);
    std::vector<FirstStage> first_stage;
    if (!trials.surrogate) first_stage.emplace_back(trials);
    Numbers surrogate(trials.p), labels(p), fit(p), b(trials.p);
    if (trials.surrogate) surrogate.assign(trials.surrogate, trials.surrogate + trials.p);
    for (Index k = lane; k < count && !exec.stopped(); k += lanes) {
      NormalNumbers random(seed, static_cast<std::uint64_t>(first + k));
      bool solved = first_stage.empty() || first_stage[0].fit(&random, &surrogate);
      for (Index i = 0; i < p; ++i) labels[i] = surrogate[varying[i]];
      solved = solved && regression.fit(&random, sizes.data(), labels.data(), trials.noise, fit.data());
      for (Index i = 0; i < p; ++i) b[varying[i]] = fit[i];
      double risk = 0;
      for (Index j = 0; j < trials.p; ++j) {
        const double error = b[j] - trials.truth[j];
        risk += trials.test_variances[j] * error * error;
      }
      risks[k] = solved ? risk : std::numeric_limits<double>::quiet_NaN();
    }
  });
}

}  // namespace limbeck
