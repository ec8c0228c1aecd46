#include "session/plan.h"

#include <string.h>

#include "base/memory.h"
#include "session/place.h"

gcam_status gcam_plan_make(gcam_plan *plan, const gcam_graph *g, const gcam_wishes *wishes,
                           const gcam_plan *before, const bool *stale, gcam_error *err) {
  *plan = (gcam_plan){.slots = gcam_alloc_zeroed((int64_t)g->value_count + 1, sizeof(gcam_slot))};
  if (!plan->slots)
    return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory for the plan; close other models");
  gcam_status status = gcam_fuse(g, wishes, plan->slots, &plan->steps, &plan->step_count, err);
  if (!status)
    status = gcam_place(g, plan->steps, plan->step_count, plan->slots,
                        before ? before->slots : NULL, wishes->apart, err);
  if (!status)
    status = gcam_pack(g, plan->steps, plan->step_count, before ? before->steps : NULL,
                       before ? before->step_count : 0, stale, &plan->changes, err);
  if (status) gcam_plan_free(plan, g);
  return status;
}

void gcam_plan_replace(gcam_plan *plan, gcam_plan *next, const gcam_graph *g) {
  gcam_pack_apply(&next->changes);
  /* what is shared changes hands */
  for (int i = 0; i < next->step_count; i++)
    for (int k = 0; next->steps[i].shared && k < plan->step_count; k++)
      if (plan->steps[k].forward == next->steps[i].forward) {
        plan->steps[k].shared = true;
        next->steps[i].shared = false;
      }
  for (int v = 0; v < g->value_count; v++)
    if (next->slots[v].shared) {
      plan->slots[v].shared = true;
      next->slots[v].shared = false;
    }
  gcam_plan_free(plan, g);
  *plan = *next;
  *next = (gcam_plan){0};
}

void gcam_plan_free(gcam_plan *plan, const gcam_graph *g) {
  gcam_pack_free(g, plan->steps, plan->step_count, &plan->changes);
  gcam_place_free(g, plan->slots);
  *plan = (gcam_plan){0};
}
