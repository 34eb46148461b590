// An approximate inverse of the damped Gauss-Newton matrix, for conjugate gradients.
#pragma once

#include <optional>
#include <vector>

#include "kernels/dense/gemm_syrk.hpp"
#include "kernels/gauss_newton/gauss_newton_operator.hpp"

namespace limbeck::gauss_newton {

// sum v [x, 1][x, 1]' / sum v, (d + 1) x (d + 1).
dense::TiledMatrix<double> mean_outer_product(const Execution& exec, const ReluFit& problem);

// Were gates independent of x, the Gauss-Newton matrix would be M (x) G: M the means of products of signed gates, k + 1
// square, and G the mean of [x, 1][x, 1]'. A gate does depend on x, but for elliptical inputs through <a_i, x> alone,
// so that M (x) G is wrong in the span of the a_i only. There the matrix is taken as it is. With columns of B that span
// the a_i and the constant, and B' G B = I, the approximate inverse is
//   M^-1 (x) (G^-1 - B B') + (I (x) B) ((I (x) B)' H (I (x) B))^-1 (I (x) B)',
// H the damped Gauss-Newton matrix; M and G are damped too.
class KroneckerPreconditioner {
public:
  // For `product` + decay + damping * diag(scale) at the parameters. `outer` is the mean outer product, or null to use
  // its diagonal. Without features of products, B is left out.
  KroneckerPreconditioner(const Execution& exec, const ReluFit& problem, const dense::TiledMatrix<double>* outer,
                          const GaussNewtonOperator& product, const std::vector<double>& parameters, double damping,
                          const std::vector<double>& scale);

  // z (P) from r (P); r is zero for parameters that do not move, and so is z.
  void apply(const std::vector<double>& r, std::vector<double>* z) const;

private:
  void set_factors(const dense::TiledMatrix<double>* outer, const GaussNewtonOperator& product, double damping);
  void set_span(const GaussNewtonOperator& product, const std::vector<double>& parameters, double damping,
                const std::vector<double>& scale);
  dense::TiledMatrix<double> span_coefficients(const dense::TiledMatrix<double>& A) const;
  void factor_in_span(const GaussNewtonOperator& product, const dense::TiledMatrix<double>& W, double damping,
                      const std::vector<double>& scale);
  bool moves(Index group, Index element) const {
    return problem_.thresholds || group == problem_.k || element < problem_.d;
  }

  const Execution& exec_;
  const ReluFit& problem_;
  std::optional<dense::TiledMatrix<double>> outer_;  // L with L L' = G, or none
  std::vector<double> outer_diagonal_;               // of G, where it is diagonal
  dense::TiledMatrix<double> gates_inverse_;         // of M
  dense::TiledMatrix<double> span_;                  // B, d + 1 rows
  dense::TiledMatrix<double> in_span_;               // L with L L' = (I (x) B)' H (I (x) B)
};

}  // namespace limbeck::gauss_newton
