/* The methods there are, their options, and the sanity check by random weights. */
#include <math.h>

#include "cam/method.h"
#include "cam/randomise.h"
#include "facade/facade.h"

int gcam_method_count(void) {
  int count = 0;
  while (gcam_method_at(count)) count++;
  return count;
}

const char *gcam_method_name(int index) {
  const gcam_method *method = gcam_method_at(index);
  return method ? method->name : NULL;
}

const char *gcam_method_title(int index) {
  const gcam_method *method = gcam_method_at(index);
  return method ? method->title : NULL;
}

const char *gcam_method_paper(int index) {
  const gcam_method *method = gcam_method_at(index);
  return method ? method->paper : NULL;
}

int gcam_option_count(void) { return GCAM_OPTION_COUNT; }

const char *gcam_option_name(int index) {
  const gcam_option_row *row = gcam_option_at(index);
  return row ? row->name : NULL;
}

const char *gcam_option_text(int index) {
  const gcam_option_row *row = gcam_option_at(index);
  return row ? row->text : NULL;
}

double gcam_option_default(int index) {
  const gcam_option_row *row = gcam_option_at(index);
  return row ? row->standard : 0;
}

gcam_status gcam_model_set_option(gcam_model *net, const char *name, double value) {
  gcam_error *err = gcam_fresh(net->ctx);
  int index = gcam_option_find(name);
  if (index < 0)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "there is no option '%.100s'; the first is '%s'", name,
                     gcam_option_name(0));
  const gcam_option_row *row = gcam_option_at(index);
  if (!(value >= row->least && value <= row->most) || (row->whole && value != floor(value)))
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "option '%s' is %g, but must be a %snumber from %g to "
                     "%g",
                     name, value, row->whole ? "whole " : "", row->least, row->most);
  net->options.value[index] = value;
  return GCAM_OK;
}

const char *gcam_model_weight_layer(const gcam_model *net, int index) {
  int n = net->session && index >= 0 ? gcam_weighted_layer(&net->graph, index) : -1;
  return n < 0 ? NULL : net->graph.nodes[n].name;
}

gcam_status gcam_model_randomise(gcam_model *net, int layers, double seed) {
  gcam_error *err = gcam_fresh(net->ctx);
  GCAM_TRY(gcam_model_finished(net, err));
  if (!(seed >= 0 && seed <= 0x1p53))
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "a seed is a number from 0 to 2^53, not %g", seed);
  GCAM_TRY(gcam_randomise(net->session, layers, (uint64_t)seed, err));
  gcam_model_forget(net);
  net->warnings.count = 0;
  return GCAM_OK;
}
