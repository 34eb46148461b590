#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/gram.hpp"

namespace limbeck {

namespace {

py::object weighted_grams_binding(const py::array& X, const py::array& W, int n_threads) {
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const T *x = matrix<T>(X, "X"), *w = matrix<T>(W, "W");
    same_length(X, "X", 0, W, "W", 0, "rows");
    const Index n = X.shape(0), d = X.shape(1), J = W.shape(1);
    auto out = new_array<T>({J, d, d});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { weighted_grams<T>(exec, x, n, d, w, J, to); });
    return std::move(out);
  });
}

}  // namespace

void bind_gram(py::module_& m) {
  m.def("weighted_grams", &weighted_grams_binding, py::arg("X"), py::arg("W"), py::arg("n_threads"));
}

}  // namespace limbeck
