#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/dense/project.hpp"
#include "kernels/dense/symmetric_eigen.hpp"

namespace limbeck {

namespace {

py::tuple symmetric_eigen_binding(const py::array& A) {
  const double* a = matrix<double>(A, "A");
  if (A.shape(0) != A.shape(1)) throw py::value_error("A must be square, got shape " + shape_text(A));
  const Index n = A.shape(0);
  auto values = new_array<double>({n}), vectors = new_array<double>({n, n});
  double *to_values = values.mutable_data(), *to_vectors = vectors.mutable_data();
  bool found = false;
  run(1, [&](const Execution&) { found = dense::symmetric_eigen(n, a, to_values, to_vectors); });
  if (!found) throw py::value_error("A has no eigenvalues that can be computed: it holds NaN or infinity");
  return py::make_tuple(values, vectors);
}

py::object project_binding(const py::array& X, const py::array& directions, int n_threads) {
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const T* x = matrix<T>(X, "X");
    const T* c = matrix<T>(directions, "directions");
    same_length(X, "X", 1, directions, "directions", 1, "features");
    const Index n = X.shape(0), d = X.shape(1), m = directions.shape(0);
    auto out = new_array<T>({n, m});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { dense::project<T>(exec, x, n, d, c, m, to); });
    return std::move(out);
  });
}

}  // namespace

void bind_dense(py::module_& m) {
  m.def("symmetric_eigen", &symmetric_eigen_binding, py::arg("A"));
  m.def("project", &project_binding, py::arg("X"), py::arg("directions"), py::arg("n_threads"));
}

}  // namespace limbeck
