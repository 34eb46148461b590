// The array contract at the border between Python and the kernels.
//
// limbeck's Python layer converts what users pass (lists, integers, Fortran order) into aligned, C-contiguous float32
// or float64 arrays. Bindings check that this was done and that shapes agree, and name the argument and the values that
// do not. The order in every binding: check, allocate, release the GIL, run, return.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <functional>
#include <string>
#include <vector>

#include "kernels/core/execution.hpp"

namespace limbeck {

namespace py = pybind11;

inline std::string shape_text(const py::array& a) {
  std::string text = "(";
  for (py::ssize_t i = 0; i < a.ndim(); ++i) text += (i ? ", " : "") + std::to_string(a.shape(i));
  return text + (a.ndim() == 1 ? ",)" : ")");
}

// Unpickled arrays carry a dtype object of their own.
template <class T>
bool has_dtype(const py::array& a) {
  const py::dtype wanted = py::dtype::of<T>(), given = a.dtype();
  return wanted.is(given) || wanted.equal(given);
}

template <class T>
const T* checked_data(const py::array& a, const char* name, py::ssize_t ndim) {
  if (!has_dtype<T>(a)) {
    throw py::type_error(std::string(name) + " has dtype " + py::str(a.dtype()).cast<std::string>() + ", expected " +
                         py::str(py::dtype::of<T>()).cast<std::string>());
  }
  if (a.ndim() != ndim) {
    throw py::value_error(std::string(name) + " must have " + std::to_string(ndim) + " dimension(s), got shape " +
                          shape_text(a));
  }
  constexpr int wanted = py::array::c_style | py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  if ((a.flags() & wanted) != wanted) {
    throw py::value_error(std::string(name) + " must be C-contiguous and aligned, got shape " + shape_text(a));
  }
  return static_cast<const T*>(a.data());
}

template <class T>
const T* matrix(const py::array& a, const char* name) {
  return checked_data<T>(a, name, 2);
}

template <class T>
const T* vector(const py::array& a, const char* name) {
  return checked_data<T>(a, name, 1);
}

// The length of axis `axis` of a must be that of axis `other_axis` of b.
inline void same_length(const py::array& a, const char* a_name, py::ssize_t axis, const py::array& b,
                        const char* b_name, py::ssize_t other_axis, const char* what) {
  if (a.shape(axis) == b.shape(other_axis)) return;
  throw py::value_error(std::string(a_name) + " and " + b_name + " must have the same number of " + what + ", got " +
                        a_name + " of shape " + shape_text(a) + " and " + b_name + " of shape " + shape_text(b));
}

// Calls f(T()) with the floating-point type of `a`, the array that decides for the others.
template <class F>
py::object by_dtype(const py::array& a, const char* name, F&& f) {
  if (has_dtype<double>(a)) return f(double());
  if (has_dtype<float>(a)) return f(float());
  throw py::type_error(std::string(name) + " has dtype " + py::str(a.dtype()).cast<std::string>() +
                       ", expected float32 or float64");
}

void run_without_gil(int n_threads, const std::function<void(const Execution&)>& kernel);

// Runs a kernel without the GIL. On Python's main thread Ctrl-C stops it and becomes KeyboardInterrupt.
template <class F>
void run(int n_threads, const F& kernel) {
  run_without_gil(n_threads, std::cref(kernel));  // no copy, which would be a call of malloc
}

template <class T>
py::array_t<T> new_array(std::vector<py::ssize_t> shape) {
  return py::array_t<T>(std::move(shape));
}

}  // namespace limbeck
