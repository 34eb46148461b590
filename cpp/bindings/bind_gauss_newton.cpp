#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/gauss_newton/gauss_newton_matrix.hpp"
#include "kernels/gauss_newton/gauss_newton_operator.hpp"
#include "kernels/gauss_newton/levenberg_marquardt.hpp"

namespace limbeck {

namespace {

gauss_newton::ReluFit checked_problem(const py::array& X, const py::array& y, const py::object& row_weights,
                                      const py::array& signs, const py::array& parameters) {
  gauss_newton::ReluFit p{};
  p.thresholds = true;
  p.X = matrix<double>(X, "X");
  p.y = vector<double>(y, "y");
  p.signs = vector<double>(signs, "signs");
  matrix<double>(parameters, "parameters");
  same_length(X, "X", 0, y, "y", 0, "rows");
  p.n = X.shape(0);
  p.d = X.shape(1);
  p.k = signs.shape(0);
  if (p.n == 0) throw py::value_error("X has no rows: shape " + shape_text(X));
  if (parameters.shape(0) != p.k + 1 || parameters.shape(1) != p.d + 1) {
    throw py::value_error("parameters must have shape (" + std::to_string(p.k + 1) + ", " + std::to_string(p.d + 1) +
                          "), got " + shape_text(parameters));
  }
  if (!row_weights.is_none()) {
    const auto weights = row_weights.cast<py::array>();
    p.v = vector<double>(weights, "row_weights");
    same_length(X, "X", 0, weights, "row_weights", 0, "rows");
  }
  return p;
}

gauss_newton::Solver solver_named(const std::string& name) {
  if (name == "auto") return gauss_newton::Solver::automatic;
  if (name == "dense") return gauss_newton::Solver::dense;
  if (name == "cg") return gauss_newton::Solver::conjugate_gradients;
  if (name == "sampled") return gauss_newton::Solver::sampled;
  throw py::value_error("road must be 'auto', 'dense', 'cg' or 'sampled', got '" + name + "'");
}

py::tuple refine_binding(const py::array& X, const py::array& y, const py::object& row_weights, const py::array& signs,
                         const py::array& parameters, bool thresholds, const py::array& decay, int max_steps,
                         double tolerance, double seconds, int n_threads, const std::string& road) {
  const gauss_newton::LevenbergMarquardtOptions options{max_steps, tolerance, seconds, solver_named(road)};
  auto problem = checked_problem(X, y, row_weights, signs, parameters);
  problem.thresholds = thresholds;
  problem.decay = vector<double>(decay, "decay");
  same_length(parameters, "parameters", 0, decay, "decay", 0, "groups");
  auto out = new_array<double>({parameters.shape(0), parameters.shape(1)});
  double* theta = out.mutable_data();
  std::copy_n(static_cast<const double*>(parameters.data()), parameters.size(), theta);
  gauss_newton::LevenbergMarquardtResult result{};
  run(n_threads,
      [&](const Execution& exec) { result = gauss_newton::levenberg_marquardt(exec, problem, options, theta); });
  return py::make_tuple(out, result.cost, result.mean_squared_error, result.steps, result.converged);
}

py::object normal_matrix_binding(const py::array& X, const py::array& y, const py::object& row_weights,
                                 const py::array& signs, const py::array& parameters, int n_threads) {
  const auto problem = checked_problem(X, y, row_weights, signs, parameters);
  auto out = new_array<double>({parameters.size(), parameters.size()});
  const auto* theta = static_cast<const double*>(parameters.data());
  double* to = out.mutable_data();
  run(n_threads, [&](const Execution& exec) { gauss_newton::gauss_newton_matrix(exec, problem, theta, to); });
  return std::move(out);
}

py::tuple error_and_gradient_binding(const py::array& X, const py::array& y, const py::object& row_weights,
                                     const py::array& signs, const py::array& parameters, int n_threads) {
  const auto problem = checked_problem(X, y, row_weights, signs, parameters);
  auto out = new_array<double>({parameters.shape(0), parameters.shape(1)});
  const auto* theta = static_cast<const double*>(parameters.data());
  double *to = out.mutable_data(), sum = 0;
  run(n_threads, [&](const Execution& exec) {
    const gauss_newton::ReluParameters at(problem, theta);
    sum = network::error_and_gradient(exec, at.net, problem.X, problem.n, problem.y, problem.v, to);
  });
  return py::make_tuple(sum, out);
}

py::object normal_product_binding(const py::array& X, const py::array& y, const py::object& row_weights,
                                  const py::array& signs, const py::array& parameters, const py::array& vector,
                                  int n_threads) {
  const auto problem = checked_problem(X, y, row_weights, signs, parameters);
  const double* from = matrix<double>(vector, "vector");
  same_length(parameters, "parameters", 0, vector, "vector", 0, "groups");
  same_length(parameters, "parameters", 1, vector, "vector", 1, "columns");
  auto out = new_array<double>({parameters.shape(0), parameters.shape(1)});
  const auto* theta = static_cast<const double*>(parameters.data());
  double* to = out.mutable_data();
  run(n_threads, [&](const Execution& exec) {
    gauss_newton::GaussNewtonOperator(exec, problem, theta, gauss_newton::GaussNewtonOperator::Features::one)
        .apply(from, to);
  });
  return std::move(out);
}

}  // namespace

void bind_gauss_newton(py::module_& m) {
  m.def("refine", &refine_binding, py::arg("X"), py::arg("y"), py::arg("row_weights").none(true), py::arg("signs"),
        py::arg("parameters"), py::arg("thresholds"), py::arg("decay"), py::arg("max_steps"), py::arg("tolerance"),
        py::arg("seconds"), py::arg("n_threads"), py::arg("road") = "auto");
  m.def("error_and_gradient", &error_and_gradient_binding, py::arg("X"), py::arg("y"),
        py::arg("row_weights").none(true), py::arg("signs"), py::arg("parameters"), py::arg("n_threads"));
  m.def("normal_matrix", &normal_matrix_binding, py::arg("X"), py::arg("y"), py::arg("row_weights").none(true),
        py::arg("signs"), py::arg("parameters"), py::arg("n_threads"));
  m.def("normal_product", &normal_product_binding, py::arg("X"), py::arg("y"), py::arg("row_weights").none(true),
        py::arg("signs"), py::arg("parameters"), py::arg("vector"), py::arg("n_threads"));
}

}  // namespace limbeck
