// Included by force into XNNPACK's src/configs/gemm-config.c (and two like it). There an EM_JS
// function asks navigator.hardwareConcurrency, and 4 or fewer is taken to mean "no AVX": the
// "splat" GEMM kernels are chosen, 15 to 17 % slower on every CPU measured (and in Node, where the
// question always yields 1). Answering 16 without any JavaScript takes the "loadsplat" kernels
// everywhere.
#include <emscripten.h>
#undef EM_JS
#define EM_JS(ret, name, params, ...) \
  static ret name params { return 16; }
