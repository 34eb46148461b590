#include <Eigen/Version>
#include <cmath>

#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"

namespace limbeck {

namespace {

// Flat position of the first NaN or infinity, or -1.
py::object first_non_finite(const py::array& values, int n_threads) {
  return by_dtype(values, "values", [&](auto type) -> py::object {
    using T = decltype(type);
    constexpr Index block = 65536;
    const T* data = checked_data<T>(values, "values", values.ndim());
    const Index size = values.size(), blocks = (size + block - 1) / block;
    std::atomic<Index> first{size};
    run(n_threads, [&](const Execution& exec) {
      exec.for_each(blocks, static_cast<double>(size), [&](Index b) {
        for (Index i = b * block; i < std::min(size, (b + 1) * block); ++i) {
          if (std::isfinite(data[i])) continue;
          Index seen = first;
          while (i < seen && !first.compare_exchange_weak(seen, i)) {
          }
          return;
        }
      });
    });
    return py::int_(first == size ? Index{-1} : first.load());
  });
}

}  // namespace

void bind_config(py::module_& m) {
  m.attr("version") = LIMBECK_VERSION;
  m.attr("eigen") = std::to_string(EIGEN_MAJOR_VERSION) + "." + std::to_string(EIGEN_MINOR_VERSION) + "." +
                    std::to_string(EIGEN_PATCH_VERSION);
  m.attr("openmp") = built_with_openmp();
  m.def("default_threads", &default_threads);
  m.def("first_non_finite", &first_non_finite, py::arg("values"), py::arg("n_threads"));
}

}  // namespace limbeck
