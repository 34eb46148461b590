#include "bindings/registry.hpp"

PYBIND11_MODULE(LIMBECK_MODULE, m, pybind11::mod_gil_not_used()) {
  m.attr("level") = LIMBECK_LEVEL;
  limbeck::bind_config(m);
  limbeck::bind_contraction(m);
  limbeck::bind_dense(m);
  limbeck::bind_gram(m);
  limbeck::bind_hermite(m);
  limbeck::bind_machine(m);
  limbeck::bind_network(m);
  limbeck::bind_refine(m);
  limbeck::bind_ridgeless(m);
  limbeck::bind_run(m);
  limbeck::bind_simulate(m);
}
