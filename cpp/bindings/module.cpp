// The extension modules: one function of initialisation for each, in an object that is linked into every one of them.
#include "bindings/registry.hpp"

namespace {

void fill(pybind11::module_& m, const char* level) {
  m.attr("level") = level;
  limbeck::bind_core(m);
  limbeck::bind_dense(m);
  limbeck::bind_gauss_newton(m);
  limbeck::bind_least_squares(m);
  limbeck::bind_moments(m);
  limbeck::bind_network(m);
  limbeck::bind_run(m);
  limbeck::bind_simulation(m);
}

}  // namespace

#if defined(__x86_64__)
PYBIND11_MODULE(_v2, m, pybind11::mod_gil_not_used()) { fill(m, "x86-64-v2"); }
PYBIND11_MODULE(_v3, m, pybind11::mod_gil_not_used()) { fill(m, "x86-64-v3"); }
PYBIND11_MODULE(_v4, m, pybind11::mod_gil_not_used()) { fill(m, "x86-64-v4"); }
#else
PYBIND11_MODULE(_native, m, pybind11::mod_gil_not_used()) { fill(m, "native"); }
#endif
