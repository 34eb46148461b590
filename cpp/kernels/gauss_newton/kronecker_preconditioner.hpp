// An approximate inverse of the damped normal matrix of refine, for conjugate gradients.
#pragma once

#include <optional>
#include <vector>

#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/gauss_newton/gauss_newton_operator.hpp"

namespace limbeck {

// sum v [x, 1][x, 1]' / sum v, (d + 1) x (d + 1).
TiledMatrix<double> mean_outer_product(const Execution& exec, const RefineProblem& problem);

// Were gates independent of x, the normal matrix would be M (x) G: M the means of products of signed gates, k + 1
// square, and G the mean of [x, 1][x, 1]'. A gate does depend on x, but for elliptical inputs through <a_i, x> alone,
// so that M (x) G is wrong in the span of the a_i only. There the matrix is taken as it is. With columns of B that span
// the a_i and the constant, and B' G B = I, the approximate inverse is
//   M^-1 (x) (G^-1 - B B') + (I (x) B) ((I (x) B)' H (I (x) B))^-1 (I (x) B)',
// H the damped normal matrix; M and G are damped too.
class Preconditioner {
public:
  // For `product` + decay + damping * diag(scale) at the parameters. `outer` is the mean outer product, or null to use
  // its diagonal. Without features of products, B is left out.
  Preconditioner(const Execution& exec, const RefineProblem& problem, const TiledMatrix<double>* outer,
                 const NormalProduct& product, const std::vector<double>& parameters, double damping,
                 const std::vector<double>& scale);

  // z (P) from r (P); r is zero for parameters that do not move, and so is z.
  void apply(const std::vector<double>& r, std::vector<double>* z) const;

private:
  void set_factors(const TiledMatrix<double>* outer, const NormalProduct& product, double damping);
  void set_span(const NormalProduct& product, const std::vector<double>& parameters, double damping,
                const std::vector<double>& scale);
  TiledMatrix<double> span_coefficients(const TiledMatrix<double>& A) const;
  void factor_in_span(const NormalProduct& product, const TiledMatrix<double>& W, double damping,
                      const std::vector<double>& scale);
  bool moves(Index group, Index element) const {
    return problem_.thresholds || group == problem_.k || element < problem_.d;
  }

  const Execution& exec_;
  const RefineProblem& problem_;
  std::optional<TiledMatrix<double>> outer_;  // L with L L' = G, or none
  std::vector<double> outer_diagonal_;        // of G, where it is diagonal
  TiledMatrix<double> gates_inverse_;         // of M
  TiledMatrix<double> span_;                  // B, d + 1 rows
  TiledMatrix<double> in_span_;               // L with L L' = (I (x) B)' H (I (x) B)
};

}  // namespace limbeck
