/* model.c: ModelProto -> the structs of model.h. The depth of nesting is fixed (model, graph, node,
 * attribute, tensor): subgraphs and functions are noticed, never opened. Where protobuf says that
 * a message field that comes twice is merged (ModelProto.graph), the second is read into the same
 * struct: lists grow, single values are replaced. */
#include "onnx/model.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* Far above any real network; they bound what a small hostile file can make us allocate. */
enum {
  MAX_NODES = 1 << 17,
  MAX_TENSORS = 1 << 17,
  MAX_LIST = 1 << 12, /* inputs, outputs or attributes of one node */
  MAX_INTS = 1 << 20,
  MAX_NAME = 4096
};

static gcam_status broken(const gcam_onnx *file, const gcam_proto *at, const char *what,
                          gcam_error *err) {
  size_t offset = (size_t)(at->at - file->bytes);
  if (file->size < 16 || (!file->graphs && !file->opset_count && !file->ir_version))
    return gcam_fail(err, GCAM_ERR_MODEL, "this is not an ONNX file (%zu bytes, unreadable at %zu)",
                     file->size, offset);
  return gcam_fail(err, GCAM_ERR_MODEL,
                   "the ONNX file is broken or was cut off: its %s cannot be read at byte %zu of "
                   "%zu; fetch it again",
                   what, offset, file->size);
}

static gcam_status no_memory(gcam_error *err) {
  return gcam_fail(err, GCAM_ERR_MEMORY, "out of memory while reading the ONNX file");
}

/* The next element of a growing array, zeroed; NULL without memory. */
static void *grow(void **array, int *count, int *room, size_t size) {
  if (*count == *room) {
    int more = *room ? *room * 2 : 16;
    void *bigger = gcam_alloc_again(*array, more, (int64_t)size);
    if (!bigger) return NULL;
    *array = bigger;
    *room = more;
  }
  void *element = (char *)*array + (size_t)*count * size;
  memset(element, 0, size);
  (*count)++;
  return element;
}

/* Length of the UTF-8 character at p, 0 where it is none. Control characters count as none. */
static size_t utf8_length(const uint8_t *p, size_t left) {
  if (p[0] < 0x20 || p[0] == 0x7f) return 0;
  if (p[0] < 0x80) return 1;
  size_t n = p[0] >= 0xf0 && p[0] < 0xf5   ? 4
             : p[0] >= 0xe0 && p[0] < 0xf0 ? 3
             : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                                           : 0;
  if (!n || n > left) return 0;
  for (size_t i = 1; i < n; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
      (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
    return 0;
  return n;
}

/* Copies a name; bytes that are no text become '?', so that messages and JSON stay valid. */
static gcam_status read_text(gcam_onnx *file, const gcam_proto_field *field, const char **text,
                             gcam_error *err) {
  if (field->wire != GCAM_WIRE_BYTES) return broken(file, &field->bytes, "text", err);
  size_t n = gcam_proto_size(&field->bytes);
  if (n > MAX_NAME)
    return gcam_fail(err, GCAM_ERR_MODEL, "the ONNX file holds a name of %zu bytes: '%.32s...'", n,
                     (const char *)field->bytes.at);
  char *copy = gcam_arena_strndup(&file->arena, (const char *)field->bytes.at, n);
  if (!copy) return no_memory(err);
  for (size_t i = 0; i < n;) {
    size_t step = utf8_length((const uint8_t *)copy + i, n - i);
    if (!step) copy[i] = '?';
    i += step ? step : 1;
  }
  *text = copy;
  return GCAM_OK;
}

/* Opens each field of `message` in turn; `broken` gives the words when the span is bad. */
#define EACH_FIELD(file, message, field, what, err)                               \
  for (gcam_proto_result more_; (more_ = gcam_proto_next(&(message), &(field)));) \
    if (more_ == GCAM_PROTO_BROKEN)                                               \
      return broken(file, &(message), what, err);                                 \
    else

#define WANT(file, message, field, kind, what, err) \
  if ((field).wire != (kind)) return broken(file, &(message), what, err)

/* ---- Tensors -------------------------------------------------------------------------------- */

static gcam_status add_dim(onnx_tensor *tensor, uint64_t value, gcam_error *err) {
  if (tensor->shape.rank == GCAM_MAX_RANK)
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "tensor '" GCAM_NAME_FORMAT "' has more than %d dimensions", tensor->name,
                     GCAM_MAX_RANK);
  tensor->shape.dim[tensor->shape.rank++] = (int64_t)value;
  return GCAM_OK;
}

/* Decimal digits alone; -1 for anything else. */
static int64_t read_decimal(const char *text) {
  int64_t v = 0;
  if (!*text || strlen(text) > 18) return -1;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return -1;
    v = v * 10 + (*text - '0');
  }
  return v;
}

/* A location is handed to whoever opens files or addresses: it must stay beside the model, in the
 * address's spelling too ("%2e%2e" is ".."). */
static bool location_is_safe(const char *path) {
  if (!*path || *path == '/' || strpbrk(path, "\\:?#")) return false;
  for (const char *at = path; (at = strchr(at, '%')); at++)
    if ((at[1] == '2' && strchr("eEfF", at[2])) || (at[1] == '5' && strchr("cC", at[2])))
      return false; /* a dot, a slash or a backslash; strchr finds the end, too */
  for (const char *part = path; part; part = strchr(part, '/')) {
    if (*part == '/') part++;
    if (!strncmp(part, "..", 2) && (part[2] == '/' || !part[2])) return false;
  }
  return true;
}

typedef struct external_text {
  const char *location, *offset, *length;
} external_text;

static gcam_status read_external_entry(gcam_onnx *file, gcam_proto entry, external_text *text,
                                       gcam_error *err) {
  const char *key = "", *value = "";
  gcam_proto_field field;
  EACH_FIELD(file, entry, field, "external data", err) {
    if (field.number == 1) GCAM_TRY(read_text(file, &field, &key, err));
    if (field.number == 2) GCAM_TRY(read_text(file, &field, &value, err));
  }
  if (!strcmp(key, "location")) text->location = value;
  if (!strcmp(key, "offset")) text->offset = value;
  if (!strcmp(key, "length")) text->length = value;
  return GCAM_OK;
}

static gcam_status add_external(gcam_onnx *file, onnx_tensor *tensor, const external_text *text,
                                gcam_error *err) {
  int64_t offset = text->offset ? read_decimal(text->offset) : 0;
  int64_t need = gcam_numel(&tensor->shape) * gcam_onnx_type_bytes(tensor->type);
  int64_t length = text->length ? read_decimal(text->length) : need;
  if (!gcam_onnx_type_bytes(tensor->type))
    return gcam_fail(err, GCAM_ERR_UNSUPPORTED,
                     "tensor '" GCAM_NAME_FORMAT "' is %s, which the engine does not read",
                     tensor->name, gcam_onnx_type_name(tensor->type));
  if (!text->location || !location_is_safe(text->location))
    return gcam_fail(err, GCAM_ERR_MODEL,
                     "tensor '" GCAM_NAME_FORMAT "' lies in '" GCAM_NAME_FORMAT
                     "', which is not a "
                     "file name beside the model",
                     tensor->name, text->location ? text->location : "");
  if (offset < 0 || length != need)
    return gcam_fail(err, GCAM_ERR_MODEL,
                     "tensor '" GCAM_NAME_FORMAT
                     "' needs %lld bytes, but its external data is "
                     "given as offset '%.24s', length '%.24s'",
                     tensor->name, (long long)need, text->offset ? text->offset : "0",
                     text->length ? text->length : "");
  onnx_external *external = grow((void **)&file->externals, &file->external_count,
                                 &file->external_room, sizeof *external);
  if (!external) return no_memory(err);
  external->tensor = tensor->name;
  external->location = text->location;
  external->offset = offset;
  external->length = length;
  tensor->external = file->external_count - 1;
  return GCAM_OK;
}

static gcam_status read_tensor(gcam_onnx *file, gcam_proto message, onnx_tensor *tensor,
                               gcam_error *err) {
  external_text text = {0};
  bool external = false;
  gcam_proto_field field;
  memset(tensor, 0, sizeof *tensor);
  tensor->name = "";
  tensor->external = -1;
  tensor->message = message;
  EACH_FIELD(file, message, field, "tensor", err) {
    uint64_t dim;
    switch (field.number) {
      case 1:
        if (field.wire == GCAM_WIRE_VARINT)
          GCAM_TRY(add_dim(tensor, field.value, err));
        else if (field.wire == GCAM_WIRE_BYTES)
          while (gcam_proto_size(&field.bytes)) {
            if (!gcam_proto_varint(&field.bytes, &dim))
              return broken(file, &field.bytes, "tensor", err);
            GCAM_TRY(add_dim(tensor, dim, err));
          }
        else
          return broken(file, &message, "tensor", err);
        break;
      case 2:
        WANT(file, message, field, GCAM_WIRE_VARINT, "tensor", err);
        tensor->type = (int64_t)field.value;
        break;
      case 3:
        return gcam_fail(err, GCAM_ERR_UNSUPPORTED, "the file holds a tensor in segments");
      case 8:
        GCAM_TRY(read_text(file, &field, &tensor->name, err));
        break;
      case 9:
        WANT(file, message, field, GCAM_WIRE_BYTES, "tensor", err);
        tensor->raw = field.bytes;
        tensor->has_raw = true;
        break;
      case 13:
        WANT(file, message, field, GCAM_WIRE_BYTES, "external data", err);
        GCAM_TRY(read_external_entry(file, field.bytes, &text, err));
        break;
      case 14:
        WANT(file, message, field, GCAM_WIRE_VARINT, "tensor", err);
        external = field.value == 1;
        break;
      default:
        break;
    }
  }
  char what[160];
  strcpy(what, "tensor '");
  strncat(what, tensor->name, 96);
  strcat(what, "'");
  GCAM_TRY(gcam_shape_check(&tensor->shape, what, err));
  /* Eight bytes is the widest element: after this no byte count overflows, in 32 bits either. */
  if ((uint64_t)gcam_numel(&tensor->shape) > (SIZE_MAX - 65536) / 8)
    return gcam_fail(err, GCAM_ERR_MEMORY, "%s does not fit into memory", what);
  return external ? add_external(file, tensor, &text, err) : GCAM_OK;
}

/* ---- Nodes ---------------------------------------------------------------------------------- */

/* Appends the varints or floats of one field (packed or single) to a list whose room is known. */
static gcam_status read_numbers(const gcam_onnx *file, gcam_proto_field *field, bool floats,
                                gcam_attr *attr, int64_t *ints, float *reals, gcam_error *err) {
  gcam_proto one = field->bytes;
  bool packed = field->wire == GCAM_WIRE_BYTES;
  while (!packed || gcam_proto_size(&one)) {
    uint64_t value = field->value;
    bool good = packed
                    ? floats ? gcam_proto_fixed(&one, 4, &value) : gcam_proto_varint(&one, &value)
                    : field->wire == (floats ? GCAM_WIRE_32 : GCAM_WIRE_VARINT);
    if (!good) return broken(file, &one, "attribute", err);
    if (attr->count >= MAX_INTS)
      return gcam_fail(err, GCAM_ERR_MODEL, "an attribute of the ONNX file is too long");
    if (floats && reals) {
      uint32_t bits = (uint32_t)value;
      memcpy(&reals[attr->count], &bits, 4);
    } else if (!floats && ints) {
      ints[attr->count] = (int64_t)value;
    }
    attr->count++;
    if (!packed) break;
  }
  return GCAM_OK;
}

/* AttributeProto.AttributeType */
enum { TYPE_FLOAT = 1, TYPE_INT, TYPE_STRING, TYPE_TENSOR, TYPE_GRAPH, TYPE_FLOATS, TYPE_INTS, TYPE_STRINGS };

/* A list of texts is kept as one, with commas between: the names of a recurrent layer's activations
 * are all there is. One that is longer than that is none of those. */
static gcam_status read_texts(gcam_onnx *file, const gcam_proto_field *field, const char **list,
                              gcam_error *err) {
  const char *more;
  GCAM_TRY(read_text(file, field, &more, err));
  if (!*list) return *list = more, GCAM_OK;
  size_t size = strlen(*list) + strlen(more) + 2;
  if (size > 512) return *list = "...", GCAM_OK;
  char *both = gcam_arena_alloc(&file->arena, size, 1);
  if (!both) return no_memory(err);
  snprintf(both, size, "%s,%s", *list, more);
  *list = both;
  return GCAM_OK;
}

/* *known is false for an attribute of a kind that no operator here has (graphs, strings, ...). */
static gcam_status read_attribute(gcam_onnx *file, gcam_proto message, gcam_attr *attr,
                                  onnx_tensor **tensor, bool *known, gcam_error *err) {
  gcam_proto again = message;
  gcam_proto_field field;
  int64_t type = 0;
  int guess = 0;
  gcam_attr ints = {0}, floats = {0};
  attr->name = "";
  /* First pass: single values, and how long the lists are. */
  EACH_FIELD(file, message, field, "attribute", err) {
    uint32_t bits;
    switch (field.number) {
      case 1:
        GCAM_TRY(read_text(file, &field, &attr->name, err));
        break;
      case 2:
        WANT(file, message, field, GCAM_WIRE_32, "attribute", err);
        bits = (uint32_t)field.value;
        memcpy(&attr->f, &bits, 4);
        guess = TYPE_FLOAT;
        break;
      case 3:
        WANT(file, message, field, GCAM_WIRE_VARINT, "attribute", err);
        attr->i = (int64_t)field.value;
        guess = TYPE_INT;
        break;
      case 4:
        GCAM_TRY(read_text(file, &field, &attr->s, err));
        guess = TYPE_STRING;
        break;
      case 5:
        WANT(file, message, field, GCAM_WIRE_BYTES, "attribute", err);
        *tensor = gcam_arena_alloc(&file->arena, 1, sizeof **tensor);
        if (!*tensor) return no_memory(err);
        GCAM_TRY(read_tensor(file, field.bytes, *tensor, err));
        guess = TYPE_TENSOR;
        break;
      case 7:
        GCAM_TRY(read_numbers(file, &field, true, &floats, NULL, NULL, err));
        guess = TYPE_FLOATS;
        break;
      case 8:
        GCAM_TRY(read_numbers(file, &field, false, &ints, NULL, NULL, err));
        guess = TYPE_INTS;
        break;
      case 9:
        GCAM_TRY(read_texts(file, &field, &attr->s, err));
        guess = TYPE_STRINGS;
        break;
      case 20:
        WANT(file, message, field, GCAM_WIRE_VARINT, "attribute", err);
        type = (int64_t)field.value;
        break;
      default:
        break;
    }
  }
  if (!type) type = guess; /* IR 1 did not write it */
  *known = true;
  switch (type) {
    case TYPE_FLOAT:
      attr->kind = GCAM_ATTR_FLOAT;
      break;
    case TYPE_INT:
      attr->kind = GCAM_ATTR_INT;
      break;
    case TYPE_STRING:
    case TYPE_STRINGS:
      attr->kind = GCAM_ATTR_STRING;
      if (!attr->s) attr->s = "";
      break;
    case TYPE_TENSOR:
      attr->kind = GCAM_ATTR_TENSOR;
      *known = *tensor != NULL;
      break;
    case TYPE_FLOATS:
      attr->kind = GCAM_ATTR_FLOATS;
      break;
    case TYPE_INTS:
      attr->kind = GCAM_ATTR_INTS;
      break;
    default:
      *known = false;
  }
  if (attr->kind != GCAM_ATTR_INTS && attr->kind != GCAM_ATTR_FLOATS) return GCAM_OK;
  /* Second pass: the lists. */
  bool real = attr->kind == GCAM_ATTR_FLOATS;
  size_t room = (size_t)(real ? floats.count : ints.count);
  int64_t *to_ints = real ? NULL : gcam_arena_alloc(&file->arena, room, sizeof *to_ints);
  float *to_floats = real ? gcam_arena_alloc(&file->arena, room, sizeof *to_floats) : NULL;
  if (!to_ints && !to_floats) return no_memory(err);
  EACH_FIELD(file, again, field, "attribute", err) {
    if (field.number == (real ? 7u : 8u))
      GCAM_TRY(read_numbers(file, &field, real, attr, to_ints, to_floats, err));
  }
  attr->ints = to_ints;
  attr->floats = to_floats;
  return GCAM_OK;
}

static gcam_status read_node(gcam_onnx *file, gcam_proto message, onnx_node *node,
                             gcam_error *err) {
  gcam_proto again = message;
  gcam_proto_field field;
  int inputs = 0, outputs = 0, attrs = 0;
  node->name = node->op = node->domain = "";
  EACH_FIELD(file, message, field, "node", err) {
    switch (field.number) {
      case 1:
        inputs++;
        break;
      case 2:
        outputs++;
        break;
      case 3:
        GCAM_TRY(read_text(file, &field, &node->name, err));
        break;
      case 4:
        GCAM_TRY(read_text(file, &field, &node->op, err));
        break;
      case 5:
        attrs++;
        break;
      case 7:
        GCAM_TRY(read_text(file, &field, &node->domain, err));
        break;
      default:
        break;
    }
    if (inputs > MAX_LIST || outputs > MAX_LIST || attrs > MAX_LIST)
      return gcam_fail(err, GCAM_ERR_MODEL,
                       "node '" GCAM_NAME_FORMAT "' has too many inputs, outputs or attributes",
                       node->name);
  }
  if (!strcmp(node->domain, "ai.onnx")) node->domain = "";
  node->inputs = gcam_arena_alloc(&file->arena, (size_t)inputs, sizeof *node->inputs);
  node->outputs = gcam_arena_alloc(&file->arena, (size_t)outputs, sizeof *node->outputs);
  node->attrs = gcam_arena_alloc(&file->arena, (size_t)attrs, sizeof *node->attrs);
  node->tensors = gcam_arena_alloc(&file->arena, (size_t)attrs, sizeof *node->tensors);
  if (!node->inputs || !node->outputs || !node->attrs || !node->tensors) return no_memory(err);
  EACH_FIELD(file, again, field, "node", err) {
    bool known = false;
    switch (field.number) {
      case 1:
        GCAM_TRY(read_text(file, &field, &node->inputs[node->input_count++], err));
        break;
      case 2:
        GCAM_TRY(read_text(file, &field, &node->outputs[node->output_count++], err));
        break;
      case 5:
        WANT(file, again, field, GCAM_WIRE_BYTES, "node", err);
        GCAM_TRY(read_attribute(file, field.bytes, &node->attrs[node->attr_count],
                                &node->tensors[node->attr_count], &known, err));
        if (known)
          node->attr_count++;
        else
          memset(&node->attrs[node->attr_count], 0, sizeof *node->attrs);
        break;
      default:
        break;
    }
  }
  return GCAM_OK;
}

/* ---- Graph ---------------------------------------------------------------------------------- */

static gcam_status read_dim(gcam_onnx *file, gcam_proto message, onnx_value_info *info,
                            gcam_error *err) {
  gcam_proto_field field;
  int64_t dim = -1;
  const char *param = NULL;
  bool given = false;
  EACH_FIELD(file, message, field, "shape", err) {
    if (field.number == 1) {
      WANT(file, message, field, GCAM_WIRE_VARINT, "shape", err);
      dim = (int64_t)field.value;
      given = true;
    }
    if (field.number == 2) GCAM_TRY(read_text(file, &field, &param, err));
  }
  if (given && dim < 0)
    return gcam_fail(err, GCAM_ERR_MODEL,
                     "input or output '" GCAM_NAME_FORMAT "' has a negative size", info->name);
  if (info->rank < GCAM_MAX_RANK) {
    info->dim[info->rank] = dim;
    info->param[info->rank] = param;
  }
  info->rank++; /* may pass the limit: that is said when the input is used */
  return GCAM_OK;
}

static gcam_status read_shape(gcam_onnx *file, gcam_proto message, onnx_value_info *info,
                              gcam_error *err) {
  gcam_proto_field field;
  if (info->rank < 0) info->rank = 0;
  EACH_FIELD(file, message, field, "shape", err) {
    if (field.number != 1) continue;
    WANT(file, message, field, GCAM_WIRE_BYTES, "shape", err);
    GCAM_TRY(read_dim(file, field.bytes, info, err));
    if (info->rank > MAX_LIST) return broken(file, &message, "shape", err);
  }
  return GCAM_OK;
}

static gcam_status read_tensor_type(gcam_onnx *file, gcam_proto message, onnx_value_info *info,
                                    gcam_error *err) {
  gcam_proto_field field;
  info->is_tensor = true;
  EACH_FIELD(file, message, field, "type", err) {
    if (field.number == 1) {
      WANT(file, message, field, GCAM_WIRE_VARINT, "type", err);
      info->type = (int64_t)field.value;
    } else if (field.number == 2) {
      WANT(file, message, field, GCAM_WIRE_BYTES, "type", err);
      GCAM_TRY(read_shape(file, field.bytes, info, err));
    }
  }
  return GCAM_OK;
}

static gcam_status read_type(gcam_onnx *file, gcam_proto message, onnx_value_info *info,
                             gcam_error *err) {
  gcam_proto_field field;
  EACH_FIELD(file, message, field, "type", err) {
    if (field.number != 1) continue; /* sequences, maps and optionals are no tensors */
    WANT(file, message, field, GCAM_WIRE_BYTES, "type", err);
    GCAM_TRY(read_tensor_type(file, field.bytes, info, err));
  }
  return GCAM_OK;
}

static gcam_status read_value_info(gcam_onnx *file, gcam_proto message, onnx_value_info *info,
                                   gcam_error *err) {
  gcam_proto_field field;
  info->name = "";
  info->rank = -1;
  EACH_FIELD(file, message, field, "input", err) {
    if (field.number == 1) GCAM_TRY(read_text(file, &field, &info->name, err));
    if (field.number == 2) {
      WANT(file, message, field, GCAM_WIRE_BYTES, "input", err);
      GCAM_TRY(read_type(file, field.bytes, info, err));
    }
  }
  return GCAM_OK;
}

static gcam_status read_graph(gcam_onnx *file, gcam_proto message, gcam_error *err) {
  gcam_proto_field field;
  file->graphs++;
  EACH_FIELD(file, message, field, "graph", err) {
    void *element = NULL;
    bool ours = field.number == 1 || field.number == 5 || field.number == 11 || field.number == 12;
    if (field.number == 15) file->sparse++;
    if (!ours) continue;
    WANT(file, message, field, GCAM_WIRE_BYTES, "graph", err);
    if (file->node_count >= MAX_NODES || file->tensor_count >= MAX_TENSORS ||
        file->input_count >= MAX_TENSORS || file->output_count >= MAX_TENSORS)
      return gcam_fail(err, GCAM_ERR_MODEL, "the ONNX file holds more than %d nodes or tensors",
                       MAX_NODES);
    switch (field.number) {
      case 1:
        element =
            grow((void **)&file->nodes, &file->node_count, &file->node_room, sizeof *file->nodes);
        if (!element) return no_memory(err);
        GCAM_TRY(read_node(file, field.bytes, element, err));
        break;
      case 5:
        element = grow((void **)&file->tensors, &file->tensor_count, &file->tensor_room,
                       sizeof *file->tensors);
        if (!element) return no_memory(err);
        GCAM_TRY(read_tensor(file, field.bytes, element, err));
        break;
      case 11:
        element = grow((void **)&file->inputs, &file->input_count, &file->input_room,
                       sizeof *file->inputs);
        if (!element) return no_memory(err);
        GCAM_TRY(read_value_info(file, field.bytes, element, err));
        break;
      default:
        element = grow((void **)&file->outputs, &file->output_count, &file->output_room,
                       sizeof *file->outputs);
        if (!element) return no_memory(err);
        GCAM_TRY(read_value_info(file, field.bytes, element, err));
    }
  }
  return GCAM_OK;
}

static gcam_status read_opset(gcam_onnx *file, gcam_proto message, gcam_error *err) {
  gcam_proto_field field;
  if (file->opset_count > 1000) return broken(file, &message, "opset", err);
  onnx_opset *opset =
      grow((void **)&file->opsets, &file->opset_count, &file->opset_room, sizeof *opset);
  if (!opset) return no_memory(err);
  opset->domain = "";
  EACH_FIELD(file, message, field, "opset", err) {
    if (field.number == 1) GCAM_TRY(read_text(file, &field, &opset->domain, err));
    if (field.number == 2) {
      WANT(file, message, field, GCAM_WIRE_VARINT, "opset", err);
      opset->version = (int64_t)field.value;
    }
  }
  if (!strcmp(opset->domain, "ai.onnx")) opset->domain = "";
  return GCAM_OK;
}

static gcam_status read_model(gcam_onnx *file, gcam_error *err) {
  gcam_proto message = {file->bytes, file->bytes + file->size};
  gcam_proto_field field;
  EACH_FIELD(file, message, field, "model", err) {
    switch (field.number) {
      case 1:
        WANT(file, message, field, GCAM_WIRE_VARINT, "model", err);
        file->ir_version = (int64_t)field.value;
        break;
      case 2:
        GCAM_TRY(read_text(file, &field, &file->producer, err));
        break;
      case 3:
        GCAM_TRY(read_text(file, &field, &file->producer_version, err));
        break;
      case 7:
        WANT(file, message, field, GCAM_WIRE_BYTES, "graph", err);
        GCAM_TRY(read_graph(file, field.bytes, err));
        break;
      case 8:
        WANT(file, message, field, GCAM_WIRE_BYTES, "opset", err);
        GCAM_TRY(read_opset(file, field.bytes, err));
        break;
      case 25:
        file->functions++;
        break;
      default:
        break;
    }
  }
  if (!file->graphs)
    return gcam_fail(err, GCAM_ERR_MODEL, "this is not an ONNX file: it holds no graph");
  if (!file->node_count && !file->output_count)
    return gcam_fail(err, GCAM_ERR_MODEL, "the ONNX file's graph is empty");
  return GCAM_OK;
}

/* ---- Files of other kinds ------------------------------------------------------------------- */

/* What bytes that are no ONNX file are, by how they begin, and what to do; NULL: unknown. */
static const char *other_kind(const gcam_onnx *file) {
  static const struct {
    size_t at;
    const char *magic, *words;
  } kinds[] = {
      {4, "ORTM", "an ONNX Runtime file (.ort); give the .onnx file it was made from"},
      {4, "TFL3", "a TensorFlow Lite file; convert it to ONNX (tf2onnx reads it)"},
      {0, "\x89HDF", "an HDF5 file (Keras); give it as .h5 or .keras"},
      {0, "PK\x03\x04",
       "a zip archive; PyTorch's .pt and .pth are exported with torch.onnx.export"},
      {0, "\x80\x02", "a Python pickle; export the model with torch.onnx.export"},
      {0, "\x1f\x8b", "a gzip archive; unpack it first"},
      {0, "version https://git-lfs", "a Git LFS pointer; fetch the file itself (git lfs pull)"},
      {8, "{\"", "a safetensors file: weights without a network; export the model as ONNX"},
      {0, "<", "a page of HTML or XML: an address that gives something else than the file"},
      {0, "{", "JSON, not a network"},
      {0, "\xff\xd8\xff", "a JPEG picture"},
      {0, "\x89PNG", "a PNG picture"}};
  for (int i = 0; i < (int)(sizeof kinds / sizeof *kinds); i++) {
    size_t n = strlen(kinds[i].magic);
    if (file->size >= kinds[i].at + n && !memcmp(file->bytes + kinds[i].at, kinds[i].magic, n))
      return kinds[i].words;
  }
  return NULL;
}

/* ---- Open, close, reports ------------------------------------------------------------------- */

/* "pytorch", "1.13.1" -> "pytorch 1.13.1" */
static gcam_status join_producer(gcam_onnx *file, gcam_error *err) {
  size_t a = strlen(file->producer), b = strlen(file->producer_version);
  if (!b) return GCAM_OK;
  char *both = gcam_arena_alloc(&file->arena, a + b + 2, 1);
  if (!both) return no_memory(err);
  memcpy(both, file->producer, a);
  both[a] = ' ';
  memcpy(both + a + 1, file->producer_version, b);
  file->producer = both;
  return GCAM_OK;
}

gcam_status gcam_onnx_open(gcam_onnx **result, const void *bytes, size_t size, gcam_ownership own,
                           gcam_error *err) {
  *result = NULL;
  gcam_onnx *file = gcam_alloc_zeroed(1, sizeof *file);
  if (!file) {
    if (own == GCAM_TAKE) gcam_free((void *)(uintptr_t)bytes);
    return no_memory(err);
  }
  file->bytes = bytes;
  file->size = size;
  file->owned = own == GCAM_TAKE;
  file->producer = file->producer_version = "";
  gcam_status status = size && bytes ? read_model(file, err)
                                     : gcam_fail(err, GCAM_ERR_MODEL, "the model file is empty");
  const char *kind = status == GCAM_ERR_MODEL && size ? other_kind(file) : NULL;
  if (kind) gcam_fail(err, status, "this is not an ONNX file, but %s", kind);
  if (status == GCAM_OK) status = join_producer(file, err);
  if (status != GCAM_OK) {
    gcam_onnx_close(file);
    return status;
  }
  *result = file;
  return GCAM_OK;
}

void gcam_onnx_close(gcam_onnx *file) {
  if (!file) return;
  for (int i = 0; i < file->external_count; i++) {
    gcam_free(file->externals[i].data);
    gcam_free(file->externals[i].ranges);
  }
  gcam_free(file->externals);
  gcam_free(file->opsets);
  gcam_free(file->nodes);
  gcam_free(file->tensors);
  gcam_free(file->inputs);
  gcam_free(file->outputs);
  gcam_arena_free(&file->arena);
  if (file->owned) gcam_free((void *)(uintptr_t)file->bytes);
  gcam_free(file);
}

int gcam_onnx_output_count(const gcam_onnx *file) { return file->output_count; }

const char *gcam_onnx_output_name(const gcam_onnx *file, int index) {
  return index >= 0 && index < file->output_count ? file->outputs[index].name : NULL;
}

const char *gcam_onnx_producer(const gcam_onnx *file) { return file->producer; }

int64_t gcam_onnx_ir_version(const gcam_onnx *file) { return file->ir_version; }

int64_t gcam_onnx_opset(const gcam_onnx *file, const char *domain) {
  int64_t version = 0; /* merged files may import twice: the newest counts */
  for (int i = 0; i < file->opset_count; i++)
    if (!strcmp(file->opsets[i].domain, domain) && file->opsets[i].version > version)
      version = file->opsets[i].version;
  return version;
}
