// Included by force into XNNPACK's hardware-, gemm- and dwconv-config.c: answers their
// cpuinfo_*() questions by the compiler's own run-time checks, so that the cpuinfo library is not
// needed. Only what decides about float32 kernels is answered with more than "no".
#ifndef GRADCAM_CPU_FEATURES_H
#define GRADCAM_CPU_FEATURES_H

#if defined(__x86_64__) || defined(__i386__)
#define cpuinfo_has_x86_sse2() (__builtin_cpu_supports("sse2") != 0)
#define cpuinfo_has_x86_ssse3() (__builtin_cpu_supports("ssse3") != 0)
#define cpuinfo_has_x86_sse4_1() (__builtin_cpu_supports("sse4.1") != 0)
#define cpuinfo_has_x86_avx() (__builtin_cpu_supports("avx") != 0)
#define cpuinfo_has_x86_avx2() (__builtin_cpu_supports("avx2") != 0)
#define cpuinfo_has_x86_fma3() (__builtin_cpu_supports("fma") != 0)
#define cpuinfo_has_x86_f16c() cpuinfo_has_x86_fma3()  // every CPU with FMA3 has F16C
#define cpuinfo_has_x86_avx512f() (__builtin_cpu_supports("avx512f") != 0)
#endif

#if defined(__aarch64__)
#define cpuinfo_has_arm_vfpv3() 1
#define cpuinfo_has_arm_neon() 1
#define cpuinfo_has_arm_neon_fp16() 1
#define cpuinfo_has_arm_neon_fma() 1
#define cpuinfo_has_arm_neon_v8() 1
#define cpuinfo_has_arm_fp16_arith() 0
#define cpuinfo_has_arm_neon_fp16_arith() 0
#define cpuinfo_has_arm_neon_bf16() 0
#define cpuinfo_has_arm_neon_dot() 0
#define cpuinfo_has_arm_i8mm() 0
#define cpuinfo_has_arm_sve() 0
#define cpuinfo_has_arm_sve2() 0
#define cpuinfo_has_arm_sme() 0
#define cpuinfo_has_arm_sme2() 0
#endif

// Choices for single CPU models are a matter of a few percent: every core is "unknown".
enum {
  cpuinfo_uarch_unknown,
  cpuinfo_uarch_zen,
  cpuinfo_uarch_dhyana,
  cpuinfo_uarch_kryo,
  cpuinfo_uarch_cortex_a53,
  cpuinfo_uarch_cortex_a55,
  cpuinfo_uarch_cortex_a55r0
};
static const struct gcam_core { int uarch; } gcam_unknown_core = {cpuinfo_uarch_unknown};
#define cpuinfo_get_core(index) (&gcam_unknown_core)

#endif
