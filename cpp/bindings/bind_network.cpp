#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/network/gaussian_moments.hpp"
#include "kernels/network/relu_network.hpp"

namespace limbeck {

namespace {

template <class T>
network::ReluNetwork<T> checked_network(const py::array& weights, const py::array& thresholds, const py::array& output,
                                        const py::array& linear, double bias) {
  network::ReluNetwork<T> net{};
  net.weights = matrix<T>(weights, "weights");
  net.thresholds = vector<T>(thresholds, "thresholds");
  net.output = vector<T>(output, "output");
  net.linear = vector<T>(linear, "linear");
  same_length(weights, "weights", 0, thresholds, "thresholds", 0, "neurons");
  same_length(weights, "weights", 0, output, "output", 0, "neurons");
  same_length(weights, "weights", 1, linear, "linear", 0, "features");
  net.k = weights.shape(0);
  net.d = weights.shape(1);
  net.bias = static_cast<T>(bias);
  return net;
}

py::object network_forward_binding(const py::array& weights, const py::array& thresholds, const py::array& output,
                                   const py::array& linear, double bias, const py::array& X, int n_threads) {
  return by_dtype(X, "X", [&](auto type) -> py::object {
    using T = decltype(type);
    const auto net = checked_network<T>(weights, thresholds, output, linear, bias);
    const T* x = matrix<T>(X, "X");
    same_length(X, "X", 1, weights, "weights", 1, "features");
    const Index n = X.shape(0);
    auto out = new_array<T>({n});
    T* to = out.mutable_data();
    run(n_threads, [&](const Execution& exec) { network::forward<T>(exec, net, x, n, to); });
    return std::move(out);
  });
}

py::tuple gaussian_moments_binding(const py::array& weights, const py::array& thresholds, const py::array& output,
                                   const py::array& linear, double bias) {
  const auto net = checked_network<double>(weights, thresholds, output, linear, bias);
  network::GaussianMoments moments{};
  run(1, [&](const Execution& exec) { moments = network::gaussian_moments(exec, net); });
  return py::make_tuple(moments.mean, moments.second_moment, moments.variance);
}

}  // namespace

void bind_network(py::module_& m) {
  m.def("network_forward", &network_forward_binding, py::arg("weights"), py::arg("thresholds"), py::arg("output"),
        py::arg("linear"), py::arg("bias"), py::arg("X"), py::arg("n_threads"));
  m.def("gaussian_moments", &gaussian_moments_binding, py::arg("weights"), py::arg("thresholds"), py::arg("output"),
        py::arg("linear"), py::arg("bias"));
}

}  // namespace limbeck
