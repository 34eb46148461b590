#include "bindings/registry.hpp"

PYBIND11_MODULE(LIMBECK_MODULE, m, pybind11::mod_gil_not_used()) {
  m.attr("level") = LIMBECK_LEVEL;
  limbeck::bind_core(m);
  limbeck::bind_dense(m);
  limbeck::bind_gauss_newton(m);
  limbeck::bind_least_squares(m);
  limbeck::bind_moments(m);
  limbeck::bind_network(m);
  limbeck::bind_run(m);
  limbeck::bind_simulation(m);
}
