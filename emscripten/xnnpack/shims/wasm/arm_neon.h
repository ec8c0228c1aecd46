// Two of XNNPACK's wasmsimd kernels include <arm_neon.h> by mistake: they use the wasm intrinsics.
#include <wasm_simd128.h>
