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
class Regression {
public:
  Regression(Index n, Index p, double ridge)
      : n_(n),
        p_(p),
        wide_(n <= p),
        m_(std::min(n, p)),
        length_(std::max(n, p)),
        ridge_(ridge),
        padded_(PackedVectors::padded(m_)),
        vectors_(padded_ * length_),
        gram_(padded_, padded_),
        right_(padded_, 1),
        y_(n) {}

  // b (p): the fit to rows of independent features of standard deviations `sizes`, labelled <x, labels> plus noise of
  // standard deviation `noise`. False if the system cannot be solved.
  bool fit(NormalNumbers* random, const double* sizes, const double* labels, double noise, double* b) {
    draw(random);
    if (wide_) {
      scale_features(sizes);
      label_rows(labels);
    } else {
      label_columns(sizes, labels);
    }
    Numbers errors(n_);
    random->fill(errors.data(), n_);
    for (Index i = 0; i < n_; ++i) y_[i] += noise * errors[i];
    return wide_ ? solve_wide(b) : solve_tall(sizes, b);
  }

private:
  double* group(Index g) { return vectors_.data() + g * length_ * width; }

  // Standard normal numbers for all vectors: rows over features if wide, features over rows if tall.
  void draw(NormalNumbers* random) {
    random->fill(vectors_.data(), m_ / width * width * length_);
    if (m_ % width == 0) return;
    Numbers some(m_ % width);
    double* to = group(m_ / width);
    for (Index l = 0; l < length_; ++l) {
      random->fill(some.data(), m_ % width);
      std::copy(some.begin(), some.end(), to + l * width);
    }
  }

  void scale_features(const double* sizes) {
    for (Index g = 0; g < padded_ / width; ++g) {
      double* x = group(g);
      for (Index l = 0; l < p_; ++l) {
        for (Index v = 0; v < width; ++v) x[l * width + v] *= sizes[l];
      }
    }
  }

  void label_rows(const double* labels) {
    for (Index g = 0; g * width < n_; ++g) {
      const double* x = group(g);
      double sums[width] = {};
      for (Index l = 0; l < p_; ++l) {
        for (Index v = 0; v < width; ++v) sums[v] += x[l * width + v] * labels[l];
      }
      for (Index v = 0; v < width && g * width + v < n_; ++v) y_[g * width + v] = sums[v];
    }
  }

  void label_columns(const double* sizes, const double* labels) {
    std::fill(y_.begin(), y_.end(), 0.0);
    for (Index g = 0; g * width < p_; ++g) {
      double factors[width] = {};
      for (Index v = 0; v < width && g * width + v < p_; ++v) factors[v] = sizes[g * width + v] * labels[g * width + v];
      const double* x = group(g);
      for (Index i = 0; i < n_; ++i) {
        double sum = 0;
        for (Index v = 0; v < width; ++v) sum += x[i * width + v] * factors[v];
        y_[i] += sum;
      }
    }
  }

  void make_gram() {
    for (Index j = 0; j < padded_; ++j) std::fill_n(gram_.at(0, j), padded_, 0.0);
    add_packed_gram({vectors_.data(), padded_, length_, length_ * width}, &gram_);
    for (Index j = m_; j < padded_; ++j) *gram_.at(j, j) = 1;
    for (Index j = 0; j < padded_; ++j) *right_.at(j, 0) = 0;
  }

  bool solve_gram() {
    const Execution serial(1, nullptr);
    if (!cholesky(serial, &gram_)) return false;
    solve_lower(serial, gram_, &right_);
    solve_lower_transposed(serial, gram_, &right_);
    return true;
  }

  // b = X' (X X' + n ridge)^-1 y.
  bool solve_wide(double* b) {
    make_gram();
    for (Index i = 0; i < n_; ++i) {
      *gram_.at(i, i) += static_cast<double>(n_) * ridge_;
      *right_.at(i, 0) = y_[i];
    }
    if (!solve_gram()) return false;
    std::fill_n(b, p_, 0.0);
    for (Index g = 0; g * width < n_; ++g) {
      const double *x = group(g), *a = right_.at(g * width, 0);
      for (Index l = 0; l < p_; ++l) {
        double sum = 0;
        for (Index v = 0; v < width; ++v) sum += x[l * width + v] * a[v];
        b[l] += sum;
      }
    }
    return true;
  }

  // With Z for features of variance one, c = (Z' Z + n ridge / variances)^-1 Z' y and b = c / sizes: well conditioned
  // whatever the variances are.
  bool solve_tall(const double* sizes, double* b) {
    make_gram();
    for (Index g = 0; g * width < p_; ++g) {
      const double* x = group(g);
      double sums[width] = {};
      for (Index i = 0; i < n_; ++i) {
        for (Index v = 0; v < width; ++v) sums[v] += x[i * width + v] * y_[i];
      }
      for (Index v = 0; v < width && g * width + v < p_; ++v) *right_.at(g * width + v, 0) = sums[v];
    }
    for (Index j = 0; j < p_; ++j) *gram_.at(j, j) += static_cast<double>(n_) * ridge_ / (sizes[j] * sizes[j]);
    if (!solve_gram()) return false;
    for (Index j = 0; j < p_; ++j) b[j] = *right_.at(j, 0) / sizes[j];
    return true;
  }

  Index n_, p_;
  bool wide_;
  Index m_, length_;
  double ridge_;
  Index padded_;
  AlignedBuffer<double> vectors_;
  TiledMatrix<double> gram_, right_;
  Numbers y_;
};

Numbers square_roots(const double* values, Index count) {
  Numbers roots(values, values + count);
  for (double& v : roots) v = std::sqrt(v);
  return roots;
}

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
  const Numbers sizes = square_roots(trials.variances, trials.p);
  const Index lanes = std::min<Index>(count, 4 * exec.n_threads());
  const double operations = static_cast<double>(trials.n) * trials.p * std::min(trials.n, trials.p) * count;
  exec.for_each(lanes, operations, [&](Index lane) {
    Regression regression(trials.n, trials.p, trials.ridge);
    std::vector<FirstStage> first_stage;
    if (!trials.surrogate) first_stage.emplace_back(trials);
    Numbers surrogate(trials.p), b(trials.p);
    if (trials.surrogate) surrogate.assign(trials.surrogate, trials.surrogate + trials.p);
    for (Index k = lane; k < count && !exec.stopped(); k += lanes) {
      NormalNumbers random(seed, static_cast<std::uint64_t>(first + k));
      bool solved = first_stage.empty() || first_stage[0].fit(&random, &surrogate);
      solved = solved && regression.fit(&random, sizes.data(), surrogate.data(), trials.noise, b.data());
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
