#include <Eigen/Version>
#include <cmath>

#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/core/finite.hpp"
#include "kernels/core/peak_flops.hpp"
#include "kernels/core/region_trace.hpp"

namespace limbeck {

namespace {

// Flat position of the first NaN or infinity, or -1.
py::object first_non_finite_binding(const py::array& values, int n_threads) {
  return by_dtype(values, "values", [&](auto type) -> py::object {
    using T = decltype(type);
    const T* data = checked_data<T>(values, "values", values.ndim());
    const Index size = values.size();
    Index first = -1;
    run(n_threads, [&](const Execution& exec) { first = core::first_non_finite(exec, data, size); });
    return py::int_(first);
  });
}

// The largest absolute value of any that is not NaN.
double largest_size_binding(const py::array& values, int n_threads) {
  double largest = 0;
  by_dtype(values, "values", [&](auto type) -> py::object {
    using T = decltype(type);
    const T* data = checked_data<T>(values, "values", values.ndim());
    const Index size = values.size();
    run(n_threads, [&](const Execution& exec) { largest = core::largest_size(exec, data, size); });
    return py::none();
  });
  return largest;
}

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
    rate = wide ? core::peak_flops<double>(exec, seconds) : core::peak_flops<float>(exec, seconds);
  });
  return rate;
}

// For each region since begin_trace() its seconds_before, the seconds of its tasks, and the tasks that each waits for;
// and seconds_after.
py::tuple end_trace_binding() {
  py::list regions;
  const core::Trace trace = core::end_trace();
  for (const core::TracedRegion& region : trace.regions) {
    py::list awaited;
    for (Index i = 0; i < region.awaited.size(); ++i) {
      awaited.append(py::cast(std::vector<Index>(region.awaited.begin(i), region.awaited.end(i))));
    }
    regions.append(py::make_tuple(region.seconds_before, py::cast(region.seconds), awaited));
  }
  return py::make_tuple(regions, trace.seconds_after);
}

}  // namespace

void bind_core(py::module_& m) {
  m.attr("version") = LIMBECK_VERSION;
  m.attr("eigen") = std::to_string(EIGEN_MAJOR_VERSION) + "." + std::to_string(EIGEN_MINOR_VERSION) + "." +
                    std::to_string(EIGEN_PATCH_VERSION);
  m.attr("openmp") = core::built_with_openmp();
  m.def("default_threads", &core::default_threads);
  m.def("first_non_finite", &first_non_finite_binding, py::arg("values"), py::arg("n_threads"));
  m.def("largest_size", &largest_size_binding, py::arg("values"), py::arg("n_threads"));
  m.def("begin_trace", &core::begin_trace, py::arg("seed") = 0);
  m.def("end_trace", &end_trace_binding);
  m.def("peak_flops", &peak_flops_binding, py::arg("dtype_name"), py::arg("seconds"));
}

}  // namespace limbeck
