// One function per topic; module.cpp calls them all.
#pragma once

#include <pybind11/pybind11.h>

namespace limbeck {

void bind_config(pybind11::module_& m);
void bind_contraction(pybind11::module_& m);
void bind_dense(pybind11::module_& m);
void bind_gram(pybind11::module_& m);
void bind_hermite(pybind11::module_& m);
void bind_machine(pybind11::module_& m);
void bind_network(pybind11::module_& m);
void bind_refine(pybind11::module_& m);
void bind_ridgeless(pybind11::module_& m);
void bind_run(pybind11::module_& m);
void bind_simulate(pybind11::module_& m);

}  // namespace limbeck
