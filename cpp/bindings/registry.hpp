// One function per topic; module.cpp calls them all.
#pragma once

#include <pybind11/pybind11.h>

namespace limbeck {

void bind_core(pybind11::module_& m);
void bind_dense(pybind11::module_& m);
void bind_gauss_newton(pybind11::module_& m);
void bind_least_squares(pybind11::module_& m);
void bind_moments(pybind11::module_& m);
void bind_network(pybind11::module_& m);
void bind_run(pybind11::module_& m);
void bind_simulation(pybind11::module_& m);

}  // namespace limbeck
