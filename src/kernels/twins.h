/* twins.h: the one list of twins; a row is GCAM_TWIN(symbol) for gcam_twin_<symbol>. */
#ifndef GCAM_KERNELS_TWINS_H
#define GCAM_KERNELS_TWINS_H

#define GCAM_TWINS               \
  GCAM_TWIN(gemm)                \
  GCAM_TWIN(matmul)              \
  GCAM_TWIN(max_pool)            \
  GCAM_TWIN(global_average_pool) \
  GCAM_TWIN(lrn)                 \
  GCAM_TWIN(sigmoid)

struct gcam_twin;
#define GCAM_TWIN(symbol) extern const struct gcam_twin gcam_twin_##symbol;
GCAM_TWINS
#undef GCAM_TWIN

#endif
