#include <algorithm>

#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/core/independent_problems.hpp"
#include "kernels/least_squares/leave_one_out.hpp"
#include "kernels/least_squares/minimum_norm.hpp"
#include "kernels/least_squares/row_update.hpp"

namespace limbeck {

namespace {

const char* name_of(least_squares::Certificate::Verdict verdict) {
  switch (verdict) {
    case least_squares::Certificate::Verdict::certified:
      return "certified";
    case least_squares::Certificate::Verdict::not_positive_definite:
      return "not positive definite";
    case least_squares::Certificate::Verdict::rank_unsure:
      return "rank unsure";
    case least_squares::Certificate::Verdict::out_of_range:
      return "out of range";
    case least_squares::Certificate::Verdict::not_converged:
      break;
  }
  return "not converged";
}

// (coef, residual norms, condition, backward error, refinements, verdict)
template <class T>
py::object solve(const py::array& X, const py::array& Y, double rcond, int n_threads) {
  least_squares::Problem<T> problem{matrix<T>(X, "X"), X.shape(0), X.shape(1), matrix<T>(Y, "Y"), Y.shape(1), rcond};
  same_length(X, "X", 0, Y, "Y", 0, "rows");
  auto coef = new_array<T>({problem.p, problem.q});
  auto norms = new_array<double>({problem.q});
  T* to_coef = coef.mutable_data();
  double* to_norms = norms.mutable_data();
  least_squares::Certificate found{};
  run(n_threads,
      [&](const Execution& exec) { found = least_squares::solve_by_cholesky(exec, problem, to_coef, to_norms); });
  return py::make_tuple(coef, norms, found.condition, found.backward_error, found.refinements, name_of(found.verdict));
}

py::object solve_binding(const py::array& X, const py::array& Y, double rcond, int n_threads) {
  return by_dtype(X, "X", [&](auto zero) { return solve<decltype(zero)>(X, Y, rcond, n_threads); });
}

// (coef (b, p, q), residual norms (b, q), conditions, backward errors and certified (b,)).
template <class T>
py::object solve_batch(const py::array& X, const py::array& Y, double rcond, int n_threads) {
  const T *x = checked_data<T>(X, "X", 3), *y = checked_data<T>(Y, "Y", 3);
  same_length(X, "X", 0, Y, "Y", 0, "problems");
  same_length(X, "X", 1, Y, "Y", 1, "rows");
  const Index count = X.shape(0), n = X.shape(1), p = X.shape(2), q = Y.shape(2);
  auto coef = new_array<T>({count, p, q});
  auto norms = new_array<double>({count, q}), conditions = new_array<double>({count});
  auto errors = new_array<double>({count});
  auto certified = new_array<bool>({count});
  T* to_coef = coef.mutable_data();
  double *to_norms = norms.mutable_data(), *to_condition = conditions.mutable_data();
  double* to_error = errors.mutable_data();
  bool* to_certified = certified.mutable_data();
  run(n_threads, [&](const Execution& exec) {
    const double operations = static_cast<double>(n) * p * (std::min(n, p) + 2 * q);
    core::for_each_problem(exec, count, operations, [&](const Execution& inner, Index i) {
      const least_squares::Problem<T> problem{x + i * n * p, n, p, y + i * n * q, q, rcond};
      const least_squares::Certificate found =
          least_squares::solve_by_cholesky(inner, problem, to_coef + i * p * q, to_norms + i * q);
      to_condition[i] = found.condition;
      to_error[i] = found.backward_error;
      to_certified[i] = found.verdict == least_squares::Certificate::Verdict::certified;
    });
  });
  return py::make_tuple(coef, norms, conditions, errors, certified);
}

py::object solve_batch_binding(const py::array& X, const py::array& Y, double rcond, int n_threads) {
  return by_dtype(X, "X", [&](auto zero) { return solve_batch<decltype(zero)>(X, Y, rcond, n_threads); });
}

least_squares::Problem<double> checked_problem(const py::array& X, const py::array& Y, double rcond) {
  const least_squares::Problem<double> problem{matrix<double>(X, "X"), X.shape(0), X.shape(1),
                                               matrix<double>(Y, "Y"), Y.shape(1), rcond};
  same_length(X, "X", 0, Y, "Y", 0, "rows");
  return problem;
}

// (coef, residual norms, rank, condition, backward error, verdict)
py::tuple solve_by_qr_binding(const py::array& X, const py::array& Y, double rcond, double negligible, int n_threads) {
  const least_squares::Problem<double> problem = checked_problem(X, Y, rcond);
  auto coef = new_array<double>({problem.p, problem.q});
  auto norms = new_array<double>({problem.q});
  double *to_coef = coef.mutable_data(), *to_norms = norms.mutable_data();
  least_squares::RankedCertificate found{};
  run(n_threads,
      [&](const Execution& exec) { found = least_squares::solve_by_qr(exec, problem, negligible, to_coef, to_norms); });
  return py::make_tuple(coef, norms, found.rank, found.certificate.condition, found.certificate.backward_error,
                        name_of(found.certificate.verdict));
}

// (numerators, denominators, those of rows that stand alone, rank, verdict)
py::tuple leave_one_out_binding(const py::array& X, const py::array& Y, double rcond, double negligible,
                                int n_threads) {
  const least_squares::Problem<double> problem = checked_problem(X, Y, rcond);
  auto numerator = new_array<double>({problem.n, problem.q});
  auto denominator = new_array<double>({problem.n});
  auto alone_numerator = new_array<double>({problem.n, problem.q});
  auto alone_denominator = new_array<double>({problem.n});
  double *to_numerator = numerator.mutable_data(), *to_denominator = denominator.mutable_data();
  double *to_alone = alone_numerator.mutable_data(), *to_alone_denominator = alone_denominator.mutable_data();
  least_squares::LeftOut found{};
  run(n_threads, [&](const Execution& exec) {
    found = least_squares::leave_one_out(exec, problem, negligible, to_numerator, to_denominator, to_alone,
                                         to_alone_denominator);
  });
  return py::make_tuple(numerator, denominator, alone_numerator, alone_denominator, found.rank, name_of(found.verdict));
}

template <class T>
py::object merge(const py::object& R, const py::array& X, const py::array& Y, const py::object& weights, double x_unit,
                 double y_unit, int n_threads) {
  least_squares::RowBlock<T> rows{
      matrix<T>(X, "X"), matrix<double>(Y, "Y"), X.shape(0), X.shape(1), Y.shape(1), nullptr, x_unit, y_unit};
  same_length(X, "X", 0, Y, "Y", 0, "rows");
  if (!weights.is_none()) {
    const auto w = weights.cast<py::array>();
    rows.weights = vector<double>(w, "weights");
    same_length(X, "X", 0, w, "weights", 0, "rows");
  }
  const double* from = nullptr;  // zeros
  if (!R.is_none()) {
    const auto before = R.cast<py::array>();
    from = matrix<double>(before, "R");
    if (before.shape(0) != rows.columns() || before.shape(1) != rows.columns()) {
      throw py::value_error("R must have one row and column more than X and Y have columns, got R of shape " +
                            shape_text(before) + ", X of shape " + shape_text(X) + " and Y of shape " + shape_text(Y));
    }
  }
  auto merged = new_array<double>({rows.columns(), rows.columns()});
  double* to = merged.mutable_data();
  run(n_threads, [&](const Execution& exec) {
    const Index m = rows.columns();
    constexpr Index rows_of_task = 16;
    exec.for_each(core::ceil_div(m, rows_of_task), static_cast<double>(m) * m, [&](Index task) {
      const Index begin = task * rows_of_task * m, end = std::min(m, (task + 1) * rows_of_task) * m;
      if (from) std::copy(from + begin, from + end, to + begin);
      if (!from) std::fill(to + begin, to + end, 0.0);
    });
    least_squares::update_r(exec, rows, to);
  });
  return merged;
}

py::object merge_binding(const py::object& R, const py::array& X, const py::array& Y, const py::object& weights,
                         double x_unit, double y_unit, int n_threads) {
  return by_dtype(X, "X",
                  [&](auto zero) { return merge<decltype(zero)>(R, X, Y, weights, x_unit, y_unit, n_threads); });
}

}  // namespace

void bind_least_squares(py::module_& m) {
  m.def("solve_by_cholesky", &solve_binding, py::arg("X"), py::arg("Y"), py::arg("rcond"), py::arg("n_threads"));
  m.def("solve_batch_by_cholesky", &solve_batch_binding, py::arg("X"), py::arg("Y"), py::arg("rcond"),
        py::arg("n_threads"));
  m.def("solve_by_qr", &solve_by_qr_binding, py::arg("X"), py::arg("Y"), py::arg("rcond"), py::arg("negligible"),
        py::arg("n_threads"));
  m.def("merge_rows", &merge_binding, py::arg("R").none(true), py::arg("X"), py::arg("Y"),
        py::arg("weights").none(true), py::arg("x_unit"), py::arg("y_unit"), py::arg("n_threads"));
  m.def("leave_one_out", &leave_one_out_binding, py::arg("X"), py::arg("Y"), py::arg("rcond"), py::arg("negligible"),
        py::arg("n_threads"));
}

}  // namespace limbeck
