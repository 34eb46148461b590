# The sources of the kernels, for the extensions of the Python package and for the library without Python alike.
set(limbeck_kernel_sources
    kernels/core/execution.cpp kernels/core/finite.cpp kernels/core/huge_pages.cpp
    kernels/core/independent_problems.cpp kernels/core/peak_flops.cpp kernels/core/processor_quota.cpp
    kernels/core/region_trace.cpp kernels/core/worker_pool.cpp
    kernels/dense/cholesky.cpp kernels/dense/complete_orthogonal.cpp kernels/dense/gemm_syrk.cpp
    kernels/dense/narrow_syrk.cpp kernels/dense/project.cpp kernels/dense/randomized_qrcp.cpp
    kernels/dense/strip_syrk.cpp kernels/dense/syrk_lower.cpp kernels/dense/syrk_packed.cpp
    kernels/dense/tall_skinny_gemm.cpp kernels/dense/triangular_solve.cpp
    kernels/dense/triangular_sweeps.cpp
    kernels/gauss_newton/damped_normal_equations.cpp kernels/gauss_newton/gate_pattern_grams.cpp
    kernels/gauss_newton/gauss_newton_matrix.cpp kernels/gauss_newton/gauss_newton_operator.cpp
    kernels/gauss_newton/kronecker_preconditioner.cpp kernels/gauss_newton/levenberg_marquardt.cpp
    kernels/gauss_newton/relu_fit_problem.cpp kernels/least_squares/condition_estimate.cpp
    kernels/least_squares/iterative_refinement.cpp kernels/least_squares/leave_one_out.cpp
    kernels/least_squares/minimum_norm.cpp kernels/least_squares/normal_equations_factor.cpp
    kernels/least_squares/ranked_factors.cpp kernels/least_squares/row_update.cpp kernels/moments/contract_apply.cpp
    kernels/moments/contraction.cpp kernels/moments/gram_plan.cpp kernels/moments/hermite.cpp
    kernels/moments/moment_batches.cpp kernels/moments/moment_tensor.cpp kernels/moments/weighted_grams.cpp
    kernels/network/gaussian_moments.cpp kernels/network/relu_network.cpp kernels/precision/dot2.cpp
    kernels/simulation/bartlett_design.cpp kernels/simulation/block_cholesky.cpp
    kernels/simulation/distillation_trials.cpp kernels/simulation/normal_rng.cpp
    kernels/simulation/random_design_fit.cpp)
set(limbeck_cpp_dir "${CMAKE_CURRENT_LIST_DIR}")
list(TRANSFORM limbeck_kernel_sources PREPEND "${limbeck_cpp_dir}/")
set(limbeck_eigen_sources "${limbeck_cpp_dir}/kernels/dense/symmetric_eigen.cpp")

# Error-free transformations (double-double) break when a product is fused into a sum; their headers refuse to be
# compiled without the definition.
set_source_files_properties(
    "${CMAKE_CURRENT_LIST_DIR}/kernels/network/gaussian_moments.cpp"
    "${CMAKE_CURRENT_LIST_DIR}/kernels/precision/dot2.cpp"
    PROPERTIES COMPILE_OPTIONS -ffp-contract=off COMPILE_DEFINITIONS LIMBECK_NO_CONTRACTION
               SKIP_PRECOMPILE_HEADERS ON)
