#include "bindings/arrays.hpp"
#include "bindings/registry.hpp"
#include "kernels/simulation/distillation_trials.hpp"
#include "kernels/simulation/normal_rng.hpp"

namespace limbeck {

namespace {

const double* features(const py::array& a, const char* name, const py::array& variances) {
  const double* data = vector<double>(a, name);
  same_length(a, name, 0, variances, "variances", 0, "features");
  return data;
}

// Data of a square matrix, null for None.
const double* directions(const py::object& given, const char* name, Index p) {
  if (given.is_none()) return nullptr;
  const auto a = given.cast<py::array>();
  const double* data = matrix<double>(a, name);
  if (a.shape(0) != p || a.shape(1) != p) {
    throw py::value_error(std::string(name) + " must be square, of one row for each of " + std::to_string(p) +
                          " features, got shape " + shape_text(a));
  }
  return data;
}

py::object simulate_binding(const py::array& variances, const py::array& test_variances, const py::array& truth,
                            const py::object& surrogate, Index n, double noise, double ridge,
                            const py::object& first_stage, std::uint64_t seed, Index first, Index count, int n_threads,
                            const py::object& basis, const py::object& first_basis, double budget) {
  simulation::Trials trials{};
  trials.variances = vector<double>(variances, "variances");
  trials.test_variances = features(test_variances, "test_variances", variances);
  trials.truth = features(truth, "truth", variances);
  trials.p = variances.shape(0);
  trials.n = n;
  trials.noise = noise;
  trials.ridge = ridge;
  py::tuple stage;
  if (first_stage.is_none()) {
    trials.surrogate = features(surrogate.cast<py::array>(), "surrogate", variances);
  } else {
    // (variances, truth, seen, m, noise, ridge)
    stage = first_stage.cast<py::tuple>();
    trials.first_variances = features(stage[0].cast<py::array>(), "first variances", variances);
    trials.first_truth = features(stage[1].cast<py::array>(), "first truth", variances);
    const auto seen = stage[2].cast<py::array>();
    // Of a view of other bytes, a bool may be any byte: reading it as C++'s bool would be undefined.
    trials.first_seen = reinterpret_cast<const std::uint8_t*>(vector<bool>(seen, "seen"));
    same_length(seen, "seen", 0, variances, "variances", 0, "features");
    trials.m = stage[3].cast<Index>();
    trials.first_noise = stage[4].cast<double>();
    trials.first_ridge = stage[5].cast<double>();
  }
  trials.basis = directions(basis, "basis", trials.p);
  trials.first_basis = directions(first_basis, "first_basis", trials.p);
  if (n < 1 || count < 0 || (!trials.surrogate && trials.m < 1)) {
    throw py::value_error("n and m must be at least 1 and count at least 0");
  }
  auto risks = new_array<double>({count});
  double* to = risks.mutable_data();
  run(n_threads, [&](const Execution& exec) { simulation::run_trials(exec, trials, seed, first, count, budget, to); });
  return risks;
}

py::object normal_numbers_binding(std::uint64_t seed, std::uint64_t number, Index count) {
  auto result = new_array<float>({count});
  simulation::NormalRng(seed, number).fill(result.mutable_data(), count);
  return result;
}

}  // namespace

void bind_simulation(py::module_& m) {
  m.def("simulate", &simulate_binding, py::arg("variances"), py::arg("test_variances"), py::arg("truth"),
        py::arg("surrogate").none(true), py::arg("n"), py::arg("noise"), py::arg("ridge"),
        py::arg("first_stage").none(true), py::arg("seed"), py::arg("first"), py::arg("count"), py::arg("n_threads"),
        py::arg("basis") = py::none(), py::arg("first_basis") = py::none(),
        py::arg("budget") = simulation::simulation_budget);
  m.def("normal_numbers", &normal_numbers_binding, py::arg("seed"), py::arg("number"), py::arg("count"));
}

}  // namespace limbeck
