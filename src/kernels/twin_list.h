/* twin_list.h: the one list of twins; a row is GCAM_TWIN(symbol) for gcam_twin_<symbol>. */
GCAM_TWIN(gemm)
GCAM_TWIN(matmul)
GCAM_TWIN(max_pool)
GCAM_TWIN(global_average_pool)
GCAM_TWIN(lrn)
GCAM_TWIN(sigmoid)
