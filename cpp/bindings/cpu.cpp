// Which x86-64 levels this processor and its operating system support. Compiled for any x86-64, so that it can be asked
// before another extension is loaded, and against Python's C interface alone, whose header takes no time to compile.
#include <Python.h>

#include <initializer_list>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace {

#if defined(__x86_64__)
// The registers that the operating system keeps for every thread (XCR0).
unsigned kept_registers() {
  unsigned low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

constexpr unsigned bits(unsigned a, unsigned b, unsigned c = 31, unsigned d = 31, unsigned e = 31, unsigned f = 31) {
  unsigned all = 0;
  for (const unsigned bit : {a, b, c, d, e, f}) all |= bit == 31 ? 0u : 1u << bit;
  return all;
}

bool has(unsigned word, unsigned wanted) { return (word & wanted) == wanted; }

// The features of each level by the x86-64 psABI. Bits of CPUID: Intel's manual, volume 2, chapter 3.
int x86_level() {
  constexpr unsigned avx512vl = 1u << 31, sse = 1, avx = 2, opmask = 5, upper_halves = 6, upper_registers = 7;
  unsigned a = 0, b = 0, c = 0, d = 0, extended = 0, features = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0) return 1;
  // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT
  if (!has(c, bits(0, 9, 13, 19, 20, 23))) return 1;
  // FMA, MOVBE, OSXSAVE, AVX, F16C
  if (!has(c, bits(12, 22, 27, 28, 29)) || !has(kept_registers(), bits(sse, avx))) return 2;
  if (__get_cpuid(0x80000001, &a, &b, &extended, &d) == 0 || !has(extended, bits(0, 5))) return 2;  // LAHF, LZCNT
  if (__get_cpuid_count(7, 0, &a, &features, &c, &d) == 0) return 2;
  if (!has(features, bits(3, 5, 8))) return 2;  // BMI1, AVX2, BMI2
  // AVX512F, AVX512DQ, AVX512CD, AVX512BW, AVX512VL
  if (!has(features, bits(16, 17, 28, 30) | avx512vl)) return 3;
  return has(kept_registers(), bits(opmask, upper_halves, upper_registers)) ? 4 : 3;
}
#else
int x86_level() { return 0; }
#endif

PyObject* level(PyObject*, PyObject*) { return PyLong_FromLong(x86_level()); }

PyMethodDef methods[] = {
    {"x86_level", level, METH_NOARGS, "0: not x86-64; 1: below x86-64-v2, which no extension is built for."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef_Slot slots[] = {
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, nullptr}};

PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_cpu", nullptr, 0, methods, slots, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__cpu() { return PyModuleDef_Init(&definition); }
