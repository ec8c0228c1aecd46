/* twin_list.h: the one list of twins; a row is GCAM_TWIN(symbol) for gcam_twin_<symbol>. Of
 * several that apply to a node the first is taken. */
GCAM_TWIN(gemm)
GCAM_TWIN(matmul)
GCAM_TWIN(batch_matmul)
GCAM_TWIN(max_pool)
GCAM_TWIN(global_average_pool)
GCAM_TWIN(lrn)
GCAM_TWIN(layer_norm)
GCAM_TWIN(rms_norm)
GCAM_TWIN(softmax)
GCAM_TWIN(sigmoid)
GCAM_TWIN(erf)
GCAM_TWIN(gelu)
