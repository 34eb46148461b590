# Flags, threads and the library of kernels for one instruction set, for the extensions of the Python package and for
# the library without Python alike.
include(CheckCXXCompilerFlag)
include("${CMAKE_CURRENT_LIST_DIR}/sources.cmake")

set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Any finding ends the process. Assertions of Eigen and of the standard library are on as well.
if(LIMBECK_SANITIZE)
  add_compile_options(-fsanitize=${LIMBECK_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g -UNDEBUG
                      -D_GLIBCXX_ASSERTIONS)
  add_link_options(-fsanitize=${LIMBECK_SANITIZE})
endif()

# Those of `ARGN` that the compiler knows: all at once where it knows all, which takes one question.
function(limbeck_known_flags result)
  string(MAKE_C_IDENTIFIER "limbeck_knows_${ARGN}" all)
  list(JOIN ARGN " " together)
  check_cxx_compiler_flag("${together}" ${all})
  set(known ${ARGN})
  if(NOT ${all})
    set(known)
    foreach(flag IN LISTS ARGN)
      string(MAKE_C_IDENTIFIER "limbeck_knows_${flag}" one)
      check_cxx_compiler_flag("${flag}" ${one})
      if(${one})
        list(APPEND known ${flag})
      endif()
    endforeach()
  endif()
  set(${result} "${known}" PARENT_SCOPE)
endfunction()

# ---- Threads: of the C++ library, as many as OpenMP would take ----
find_package(Threads REQUIRED)
add_library(limbeck_threads INTERFACE)
target_link_libraries(limbeck_threads INTERFACE Threads::Threads)
# ThreadSanitizer does not know OpenMP.
if(LIMBECK_OPENMP AND NOT LIMBECK_SANITIZE MATCHES "thread")
  find_package(OpenMP COMPONENTS CXX)
  if(OpenMP_CXX_FOUND)
    target_link_libraries(limbeck_threads INTERFACE OpenMP::OpenMP_CXX)
  else()
    message(WARNING "OpenMP was not found: limbeck will use as many threads as there are processors or the environment "
                    "variable OMP_NUM_THREADS says, whatever a program asks of OpenMP (threadpoolctl). Install OpenMP "
                    "(libomp for Clang), or set LIMBECK_OPENMP=OFF to say that this is meant.")
  endif()
endif()

# ---- Flags ----
# Contraction into FMA is wanted, reassociation and ignoring NaN are not: never -ffast-math.
limbeck_known_flags(limbeck_float_flags -ffp-contract=fast -fno-math-errno -fno-trapping-math)
set(limbeck_warning_flags -Wall -Wextra)
# GCC calls the undefined operands of its own AVX-512 intrinsics uninitialised.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND limbeck_warning_flags -Wno-uninitialized -Wno-maybe-uninitialized)
endif()
if(LIMBECK_WERROR)
  list(APPEND limbeck_warning_flags -Werror)
endif()

function(limbeck_level_flags result level)
  set(flags)
  if(level MATCHES "^x86-64-v")
    list(APPEND flags -march=${level})
  endif()
  if(level STREQUAL "x86-64-v4")
    limbeck_known_flags(wide -mprefer-vector-width=512)
    list(APPEND flags ${wide})
  endif()
  set(${result} "${flags}" PARENT_SCOPE)
endfunction()

# The one file that uses Eigen. For AVX-512 it takes three times as long to compile and is hardly faster for the small
# matrices that come here (a tenth for 64 rows, nothing for 32): compiled for AVX2 there, once for both levels.
function(limbeck_eigen_objects result level)
  if(level STREQUAL "x86-64-v4")
    set(level x86-64-v3)
  endif()
  set(name limbeck_eigen_${level})
  if(NOT TARGET ${name})
    limbeck_level_flags(level_flags ${level})
    add_library(${name} OBJECT ${limbeck_eigen_sources})
    target_include_directories(${name} PRIVATE "${limbeck_cpp_dir}")
    target_include_directories(${name} SYSTEM PRIVATE "${eigen_dir}")
    target_compile_definitions(${name} PRIVATE EIGEN_MPL2_ONLY EIGEN_DONT_PARALLELIZE)
    target_compile_options(${name} PRIVATE ${level_flags} ${limbeck_float_flags} ${limbeck_warning_flags})
  endif()
  set(${result} $<TARGET_OBJECTS:${name}> PARENT_SCOPE)
endfunction()

# Headers of the standard library, which take a fourth of the time that kernels take to compile. Each file includes
# what it needs all the same, which a build with CMAKE_DISABLE_PRECOMPILE_HEADERS tells.
function(limbeck_precompile_headers name)
  target_precompile_headers(${name} PRIVATE <algorithm> <atomic> <chrono> <cmath> <functional> <limits> <memory>
                            <mutex> <optional> <utility> <vector>)
endfunction()

# A static library for one instruction set. What links to it is compiled for the same one: headers depend on it.
function(limbeck_kernels_library name level)
  if(TARGET ${name})
    return()
  endif()
  limbeck_level_flags(level_flags ${level})
  limbeck_eigen_objects(eigen_objects ${level})
  add_library(${name} STATIC ${limbeck_kernel_sources} ${eigen_objects})
  target_include_directories(${name} PUBLIC "${limbeck_cpp_dir}")
  target_compile_definitions(${name} PUBLIC LIMBECK_LEVEL="${level}")
  target_compile_options(${name} PUBLIC ${level_flags} ${limbeck_float_flags} PRIVATE ${limbeck_warning_flags})
  target_link_libraries(${name} PUBLIC limbeck_threads)
  limbeck_precompile_headers(${name})
endfunction()
