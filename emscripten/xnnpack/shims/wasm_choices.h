// Included by force into XNNPACK's src/configs/gemm-config.c (and two like it). There an EM_JS
// function asks navigator.hardwareConcurrency, and 4 or fewer is taken to mean "no AVX": the
// "splat" GEMM kernels are chosen, 15 to 17 % slower on every CPU measured (and in Node, where the
// question always yields 1). Answering 16 without any JavaScript takes the "loadsplat" kernels
// everywhere.
#include <emscripten.h>
#undef EM_JS
#define EM_JS(ret, name, params, ...) \
  static ret name params { return 16; }

// And XNNPACK asks what the machine's relaxed SIMD does in the cases that are left open, to choose
// int8 kernels, of which there are none here: all answers are plain SIMD's. What remains of relaxed
// SIMD in the whole library are the multiply-add, minimum and maximum that web/worker/relaxed.js rewrites.
#ifdef __wasm_relaxed_simd__
#include <wasm_simd128.h>
#define wasm_i8x16_relaxed_swizzle wasm_i8x16_swizzle
#define wasm_i32x4_relaxed_laneselect wasm_v128_bitselect
#define wasm_i32x4_relaxed_dot_i8x16_i7x16_add(a, b, c) ((void)(a), (void)(b), (c))
#endif

// Matrix products have kernels of their own for no activation and for ReLU; left out, the one with
// limits does the same, two instructions more to each output. 17 KB of code.
#include "xnnpack/gemm.h"
#include "xnnpack/igemm.h"
#define xnn_f32_gemm_ukernel_1x8__wasmrelaxedsimd_fma_loadsplat 0
#define xnn_f32_gemm_ukernel_4x8__wasmrelaxedsimd_fma_loadsplat 0
#define xnn_f32_gemm_ukernel_1x8__wasmrelaxedsimd_fma_splat 0
#define xnn_f32_gemm_ukernel_6x8__wasmrelaxedsimd_fma_splat 0
#define xnn_f32_gemm_relu_ukernel_1x8__wasmrelaxedsimd_fma_loadsplat 0
#define xnn_f32_gemm_relu_ukernel_4x8__wasmrelaxedsimd_fma_loadsplat 0
#define xnn_f32_gemm_relu_ukernel_1x8__wasmrelaxedsimd_fma_splat 0
#define xnn_f32_gemm_relu_ukernel_6x8__wasmrelaxedsimd_fma_splat 0
#define xnn_f32_gemm_ukernel_4x2c4__wasmrelaxedsimd_fma 0
#define xnn_f32_igemm_ukernel_1x8__wasmrelaxedsimd_fma_loadsplat 0
#define xnn_f32_igemm_ukernel_4x8__wasmrelaxedsimd_fma_loadsplat 0
#define xnn_f32_igemm_ukernel_1x8__wasmrelaxedsimd_fma_splat 0
#define xnn_f32_igemm_ukernel_6x8__wasmrelaxedsimd_fma_splat 0
#define xnn_f32_igemm_relu_ukernel_1x8__wasmrelaxedsimd_fma_loadsplat 0
#define xnn_f32_igemm_relu_ukernel_4x8__wasmrelaxedsimd_fma_loadsplat 0
#define xnn_f32_igemm_relu_ukernel_1x8__wasmrelaxedsimd_fma_splat 0
#define xnn_f32_igemm_relu_ukernel_6x8__wasmrelaxedsimd_fma_splat 0
#define xnn_f32_igemm_ukernel_4x2c4__wasmrelaxedsimd_fma 0

// So have depthwise convolutions. Those of 9 and 25 taps are left out altogether: the engine's own
// (src/kernels/depthwise.c) takes every depthwise convolution of more than 4 taps that they would. 5 KB.
#include "xnnpack/dwconv.h"
#define xnn_f32_dwconv_ukernel_25p8c__wasmrelaxedsimd_fma 0
#define xnn_f32_dwconv_minmax_ukernel_25p8c__wasmrelaxedsimd_fma 0
#define xnn_f32_dwconv_ukernel_9p8c__wasmrelaxedsimd_fma 0
#define xnn_f32_dwconv_minmax_ukernel_9p8c__wasmrelaxedsimd_fma 0
#define xnn_f32_dwconv_ukernel_4p8c__wasmrelaxedsimd_fma 0
#define xnn_f32_dwconv_ukernel_3p8c__wasmrelaxedsimd_fma 0
