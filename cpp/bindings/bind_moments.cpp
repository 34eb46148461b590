#include <algorithm>
#include <functional>

#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/moments/contraction.hpp"
#include "kernels/moments/hermite.hpp"
#include "kernels/moments/moment_batches.hpp"
#include "kernels/moments/moment_tensor.hpp"
#include "kernels/moments/weighted_grams.hpp"

namespace limbeck {

namespace {

void check_order(int order, int least) {
  constexpr int most = 1000000;  // far beyond where the polynomials leave the range of float64, and of sums with an int
  if (order < least) {
    throw py::value_error("order must be at least " + std::to_string(least) + ", got " + std::to_string(order));
  }
  if (order > most) {
    throw py::value_error("order must be at most " + std::to_string(most) + ", got " + std::to_string(order));
  }
}

template <class T>
moments::ContractionData<T> checked_moments(const py::array& X, const py::array& y, const py::array& directions) {
  moments::ContractionData<T> data{};
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
  check_order(order, 2);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto data = checked_moments<T>(X, y, directions);
    auto out = new_array<T>({data.q, data.m, data.d, data.d});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { moments::contract<T>(exec, data, order, to); });
    return std::move(out);
  });
}

py::object contract_to_vector_binding(const py::array& X, const py::array& y, const py::array& directions, int order,
                                      int n_threads) {
  check_order(order, 1);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto data = checked_moments<T>(X, y, directions);
    auto out = new_array<T>({data.q, data.m, data.d});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { moments::contract_to_vector<T>(exec, data, order, to); });
    return std::move(out);
  });
}

py::object contract_to_scalar_binding(const py::array& X, const py::array& y, const py::array& directions,
                                      const std::vector<int>& orders, int n_threads) {
  for (int order : orders) check_order(order, 0);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto data = checked_moments<T>(X, y, directions);
    const auto n_orders = static_cast<Index>(orders.size());
    auto out = new_array<T>({data.q, data.m, n_orders});
    T* to = out.mutable_data();
    run(n_threads,
        [&](const Execution& exec) { moments::contract_to_scalar<T>(exec, data, orders.data(), n_orders, to); });
    return std::move(out);
  });
}

py::object contract_apply_binding(const py::array& X, const py::array& y, const py::array& directions, int order,
                                  const py::array& B, int n_threads) {
  check_order(order, 2);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto data = checked_moments<T>(X, y, directions);
    const T* b = matrix<T>(B, "B");
    same_length(X, "X", 1, B, "B", 0, "features");
    const Index s = B.shape(1);
    auto out = new_array<T>({data.q, data.m, data.d, s});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { moments::contract_apply<T>(exec, data, order, b, s, to); });
    return std::move(out);
  });
}

// (sums, squares), each (q, m, d, d) in float64: those before, which may be None for zeros, and what the rows add.
py::object contract_batches_binding(const py::array& X, const py::array& y, const py::array& directions, int order,
                                    const std::vector<Index>& cuts, const py::object& sums_before,
                                    const py::object& squares_before, int n_threads) {
  check_order(order, 2);
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto data = checked_moments<T>(X, y, directions);
    if (cuts.size() < 2 || cuts.front() != 0 || cuts.back() != data.n ||
        std::adjacent_find(cuts.begin(), cuts.end(), std::greater_equal<Index>()) != cuts.end()) {
      throw py::value_error("cuts must rise from 0 to the number of rows of X, " + std::to_string(data.n));
    }
    const std::vector<py::ssize_t> shape{data.q, data.m, data.d, data.d};
    const auto sums_of = [&](const py::object& object, const char* name) -> const double* {
      if (object.is_none()) return nullptr;
      const auto array = object.cast<py::array>();
      const double* sums = checked_data<double>(array, name, 4);
      if (std::equal(shape.begin(), shape.end(), array.shape())) return sums;
      throw py::value_error("sums before must have the shape of those of the rows, got " + shape_text(array));
    };
    const moments::MomentSums<const double> before{sums_of(sums_before, "sums_before"),
                                                   sums_of(squares_before, "squares_before")};
    auto sums = new_array<double>(shape);
    auto squares = new_array<double>(shape);
    double *to_sums = sums.mutable_data(), *to_squares = squares.mutable_data();
    run(n_threads, [&](const Execution& exec) {
      moments::add_batches<T>(exec, data, order, cuts, before, {to_sums, to_squares});
    });
    return py::make_tuple(sums, squares);
  });
}

py::object moment_tensor_binding(const py::array& X, const py::array& y, int order, int n_threads) {
  check_order(order, 0);
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
    run(n_threads, [&](const Execution& exec) { moments::moment_tensor<T>(exec, x, n, d, targets, q, order, to); });
    return std::move(out);
  });
}

py::object weighted_grams_binding(const py::array& X, const py::array& W, int n_threads) {
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const T *x = matrix<T>(X, "X"), *w = matrix<T>(W, "W");
    same_length(X, "X", 0, W, "W", 0, "rows");
    const Index n = X.shape(0), d = X.shape(1), J = W.shape(1);
    auto out = new_array<T>({J, d, d});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { moments::weighted_grams<T>(exec, x, n, d, w, J, to); });
    return std::move(out);
  });
}

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
    run(n_threads, [&](const Execution& exec) { moments::hermite_normalized<T>(exec, values, n, order, to); });
    return std::move(out);
  });
}

}  // namespace

void bind_moments(py::module_& m) {
  m.def("contract", &contract_binding, py::arg("X"), py::arg("y"), py::arg("directions"), py::arg("order"),
        py::arg("n_threads"));
  m.def("contract_to_vector", &contract_to_vector_binding, py::arg("X"), py::arg("y"), py::arg("directions"),
        py::arg("order"), py::arg("n_threads"));
  m.def("contract_to_scalar", &contract_to_scalar_binding, py::arg("X"), py::arg("y"), py::arg("directions"),
        py::arg("orders"), py::arg("n_threads"));
  m.def("contract_apply", &contract_apply_binding, py::arg("X"), py::arg("y"), py::arg("directions"), py::arg("order"),
        py::arg("B"), py::arg("n_threads"));
  m.def("contract_batches", &contract_batches_binding, py::arg("X"), py::arg("y"), py::arg("directions"),
        py::arg("order"), py::arg("cuts"), py::arg("sums_before").none(true), py::arg("squares_before").none(true),
        py::arg("n_threads"));
  m.def("moment_tensor", &moment_tensor_binding, py::arg("X"), py::arg("y"), py::arg("order"), py::arg("n_threads"));
  m.def("weighted_grams", &weighted_grams_binding, py::arg("X"), py::arg("W"), py::arg("n_threads"));
  m.def("hermite_normalized", &hermite_normalized_binding, py::arg("t"), py::arg("order"), py::arg("n_threads"));
}

}  // namespace limbeck
