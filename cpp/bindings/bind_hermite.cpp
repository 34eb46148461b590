#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/hermite.hpp"

namespace limbeck {

namespace {

py::object hermite_normalized_binding(const py::array& t, int order, int n_threads) {
  constexpr int most = 1000000;  // far beyond where the polynomials leave the range of float64
  if (order < 0) throw py::value_error("order must be at least 0, got " + std::to_string(order));
  if (order > most) {
    throw py::value_error("order must be at most " + std::to_string(most) + ", got " + std::to_string(order));
  }
  return by_dtype(t, "t", [&](auto type) -> py::object {
    using T = decltype(type);
    const T* values = vector<T>(t, "t");
    const Index n = t.shape(0);
    auto out = new_array<T>({order + 1, n});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { hermite_normalized<T>(exec, values, n, order, to); });
    return std::move(out);
  });
}

}  // namespace

void bind_hermite(py::module_& m) {
  m.def("hermite_normalized", &hermite_normalized_binding, py::arg("t"), py::arg("order"), py::arg("n_threads"));
}

}  // namespace limbeck
