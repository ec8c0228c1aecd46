/* external.c: tensor data that lies outside of the ONNX file and is pushed in pieces. */
#include "onnx/external.h"

#include <string.h>

#include "base/memory.h"

int gcam_onnx_external_count(const gcam_onnx *file) { return file->external_count; }

const char *gcam_onnx_external_location(const gcam_onnx *file, int index) {
  return index >= 0 && index < file->external_count ? file->externals[index].location : NULL;
}

int64_t gcam_onnx_external_offset(const gcam_onnx *file, int index) {
  return index >= 0 && index < file->external_count ? file->externals[index].offset : 0;
}

int64_t gcam_onnx_external_length(const gcam_onnx *file, int index) {
  return index >= 0 && index < file->external_count ? file->externals[index].length : 0;
}

/* Notes that [begin, end) of the tensor is there, joining it with what it touches: counting bytes
 * would take a piece that is pushed twice for two pieces. */
static bool note_range(onnx_external *e, int64_t begin, int64_t end) {
  int first = 0;
  while (first < e->range_count && e->ranges[2 * first + 1] < begin) first++;
  int last = first; /* ranges [first, last) are swallowed */
  while (last < e->range_count && e->ranges[2 * last] <= end) {
    if (e->ranges[2 * last] < begin) begin = e->ranges[2 * last];
    if (e->ranges[2 * last + 1] > end) end = e->ranges[2 * last + 1];
    last++;
  }
  if (first == last && e->range_count == e->range_capacity) {
    int room = e->range_capacity ? e->range_capacity * 2 : 4;
    int64_t *ranges = gcam_alloc_again(e->ranges, (int64_t)room * 2, sizeof *ranges);
    if (!ranges) return false;
    e->ranges = ranges;
    e->range_capacity = room;
  }
  memmove(&e->ranges[2 * (first + 1)], &e->ranges[2 * last],
          (size_t)(e->range_count - last) * 2 * sizeof *e->ranges);
  e->range_count += 1 - (last - first);
  e->ranges[2 * first] = begin;
  e->ranges[2 * first + 1] = end;
  return true;
}

gcam_status gcam_onnx_push(gcam_onnx *file, const char *location, int64_t offset, const void *bytes,
                           size_t size, gcam_error *err) {
  if (!location || (!bytes && size) || offset < 0 || (uint64_t)size > (uint64_t)INT64_MAX ||
      offset > INT64_MAX - (int64_t)size)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "external data needs a location, bytes and an offset of 0 or more");
  if (file->imported)
    return gcam_fail(err, GCAM_ERR_STATE, "external data comes too late: the model is finished");
  bool known = false;
  int64_t end = offset + (int64_t)size;
  for (int i = 0; i < file->external_count; i++) {
    onnx_external *e = &file->externals[i];
    if (strcmp(e->location, location)) continue;
    known = true;
    /* [from, to): the part of the tensor that this piece holds, in the tensor's own bytes. */
    int64_t from = offset > e->offset ? offset - e->offset : 0;
    int64_t to = end > e->offset ? end - e->offset : 0;
    if (to > e->length) to = e->length;
    if (from >= to) continue;
    if (!e->data && !(e->data = gcam_alloc(e->length, 1)))
      return gcam_fail(err, GCAM_ERR_MEMORY,
                       "out of memory: tensor '" GCAM_NAME_FORMAT "' takes %lld bytes", e->tensor,
                       (long long)e->length);
    if (!note_range(e, from, to))
      return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while taking external data");
    memcpy(e->data + from, (const uint8_t *)bytes + (e->offset + from - offset),
           (size_t)(to - from));
  }
  if (!known)
    return gcam_fail(err, GCAM_ERR_ARGUMENT,
                     "the model asks for no external data from '" GCAM_NAME_FORMAT "'", location);
  return GCAM_OK;
}

bool gcam_onnx_external_complete(const onnx_external *e) {
  return !e->length || (e->range_count == 1 && e->ranges[0] == 0 && e->ranges[1] == e->length);
}
