#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
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
  run(1, [&](const Execution&) { found = symmetric_eigen(n, a, to_values, to_vectors); });
  if (!found) throw py::value_error("A has no eigenvalues that can be computed: it holds NaN or infinity");
  return py::make_tuple(values, vectors);
}

}  // namespace

void bind_dense(py::module_& m) { m.def("symmetric_eigen", &symmetric_eigen_binding, py::arg("A")); }

}  // namespace limbeck
