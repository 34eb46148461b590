#include <cmath>

#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/machine.hpp"

namespace limbeck {

namespace {

double peak_flops_binding(const std::string& dtype_name, double seconds) {
  if (!(std::isfinite(seconds) && seconds > 0)) {
    throw py::value_error("seconds must be positive and finite, got " + std::to_string(seconds));
  }
  const bool wide = dtype_name == "float64";
  if (!wide && dtype_name != "float32") {
    throw py::value_error("dtype_name must be 'float32' or 'float64', got '" + dtype_name + "'");
  }
  double rate = 0;
  run(1, [&](const Execution& exec) {
    rate = wide ? peak_flops<double>(exec, seconds) : peak_flops<float>(exec, seconds);
  });
  return rate;
}

}  // namespace

void bind_machine(py::module_& m) {
  m.def("peak_flops", &peak_flops_binding, py::arg("dtype_name"), py::arg("seconds"));
}

}  // namespace limbeck
