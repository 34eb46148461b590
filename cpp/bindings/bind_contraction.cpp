#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/contraction.hpp"

namespace limbeck {

namespace {

void order_at_least(int order, int least) {
  if (order >= least) return;
  throw py::value_error("order must be at least " + std::to_string(least) + ", got " + std::to_string(order));
}

template <class T>
Moments<T> checked_moments(const py::array& X, const py::array& y, const py::array& directions) {
  Moments<T> data{};
  data.X = matrix<T>(X, "X");
  data.y = matrix<T>(y, "y");
  data.G = matrix<T>(directions, "directions");
  same_length(X, "X", 0, y, "y", 0, "rows");
  same_length(X, "X", 1, directions, "directions", 1, "features");
  data.n = X.shape(0);
  data.d = X.shape(1);
  data.q = y.shape(1);
  data.m = directions.shape(0);
  if (data.n == 0) throw py::value_error("X has no rows, and a mean over no rows is undefined: shape " + shape_text(X));
  return data;
}

py::object contract_binding(const py::array& X, const py::array& y, const py::array& directions, int order,
                            int n_threads) {
  order_at_least(order, 2);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto data = checked_moments<T>(X, y, directions);
    auto out = new_array<T>({data.q, data.m, data.d, data.d});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { contract<T>(exec, data, order, to); });
    return std::move(out);
  });
}

py::object contract_to_vector_binding(const py::array& X, const py::array& y, const py::array& directions, int order,
                                      int n_threads) {
  order_at_least(order, 1);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto data = checked_moments<T>(X, y, directions);
    auto out = new_array<T>({data.q, data.m, data.d});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { contract_to_vector<T>(exec, data, order, to); });
    return std::move(out);
  });
}

py::object contract_to_scalar_binding(const py::array& X, const py::array& y, const py::array& directions,
                                      const std::vector<int>& orders, int n_threads) {
  for (int order : orders) order_at_least(order, 0);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto data = checked_moments<T>(X, y, directions);
    const auto n_orders = static_cast<Index>(orders.size());
    auto out = new_array<T>({data.q, data.m, n_orders});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { contract_to_scalar<T>(exec, data, orders.data(), n_orders, to); });
    return std::move(out);
  });
}

py::object contract_apply_binding(const py::array& X, const py::array& y, const py::array& directions, int order,
                                  const py::array& B, int n_threads) {
  order_at_least(order, 2);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto data = checked_moments<T>(X, y, directions);
    const T* b = matrix<T>(B, "B");
    same_length(X, "X", 1, B, "B", 0, "features");
    const Index s = B.shape(1);
    auto out = new_array<T>({data.q, data.m, data.d, s});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { contract_apply<T>(exec, data, order, b, s, to); });
    return std::move(out);
  });
}

py::object moment_tensor_binding(const py::array& X, const py::array& y, int order, int n_threads) {
  order_at_least(order, 0);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const T *x = matrix<T>(X, "X"), *targets = matrix<T>(y, "y");
    same_length(X, "X", 0, y, "y", 0, "rows");
    const Index n = X.shape(0), d = X.shape(1), q = y.shape(1);
    if (n == 0) throw py::value_error("X has no rows, and a mean over no rows is undefined: shape " + shape_text(X));
    std::vector<py::ssize_t> shape(order + 1, d);
    shape[0] = q;
    auto out = new_array<T>(shape);
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { moment_tensor<T>(exec, x, n, d, targets, q, order, to); });
    return std::move(out);
  });
}

}  // namespace

void bind_contraction(py::module_& m) {
  m.def("contract", &contract_binding, py::arg("X"), py::arg("y"), py::arg("directions"), py::arg("order"),
        py::arg("n_threads"));
  m.def("contract_to_vector", &contract_to_vector_binding, py::arg("X"), py::arg("y"), py::arg("directions"),
        py::arg("order"), py::arg("n_threads"));
  m.def("contract_to_scalar", &contract_to_scalar_binding, py::arg("X"), py::arg("y"), py::arg("directions"),
        py::arg("orders"), py::arg("n_threads"));
  m.def("contract_apply", &contract_apply_binding, py::arg("X"), py::arg("y"), py::arg("directions"), py::arg("order"),
        py::arg("B"), py::arg("n_threads"));
  m.def("moment_tensor", &moment_tensor_binding, py::arg("X"), py::arg("y"), py::arg("order"), py::arg("n_threads"));
}

}  // namespace limbeck
