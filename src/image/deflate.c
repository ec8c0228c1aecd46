#include "image/deflate.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
  LITERALS = 286,
  DISTANCES = 30,
  LENGTH_CODES = 19,
  END = 256,
  MIN_MATCH = 4, /* the hash's width; matches of 3 gain next to nothing on filtered pixels */
  MAX_MATCH = 258,
  WINDOW = 32768,
  HASH_BITS = 15,
  CHAIN = 8, /* candidates looked at */
  TOKENS = 1 << 16
};

struct gcam_deflate {
  gcam_bytes *to;
  uint64_t bits;
  int bit_count;
  uint32_t adler_a, adler_b;
  int token_count;
  int32_t head[1 << HASH_BITS], previous[WINDOW];
  uint32_t tokens[TOKENS]; /* a literal, or distance << 9 | length */
  uint32_t literal_freq[LITERALS], distance_freq[DISTANCES];
};

void gcam_bytes_put(gcam_bytes *to, const void *data, size_t size) {
  if (to->failed) return;
  if (size > to->capacity - to->size) {
    size_t capacity = to->capacity + to->capacity / 2 + size + 4096;
    uint8_t *grown = capacity > to->size ? gcam_alloc_again(to->data, capacity, 1) : NULL;
    if (!grown) {
      to->failed = true;
      return;
    }
    to->data = grown;
    to->capacity = capacity;
  }
  memcpy(to->data + to->size, data, size);
  to->size += size;
}

static void put_bits(gcam_deflate *z, uint32_t value, int count) {
  z->bits |= (uint64_t)value << z->bit_count;
  z->bit_count += count;
  if (z->bit_count >= 32) {
    uint8_t out[4];
    for (int i = 0; i < 4; i++) out[i] = (uint8_t)(z->bits >> (8 * i));
    gcam_bytes_put(z->to, out, 4);
    z->bits >>= 32;
    z->bit_count -= 32;
  }
}

/* ---- Huffman codes -------------------------------------------------------------------------- */

typedef struct code {
  uint16_t bits; /* reversed, ready to be written */
  uint8_t length;
} code;

typedef struct leaf {
  uint32_t freq;
  int symbol;
} leaf;

static int compare_leaves(const void *a, const void *b) {
  const leaf *x = a, *y = b;
  if (x->freq != y->freq) return x->freq < y->freq ? -1 : 1;
  return x->symbol - y->symbol;
}

/* Canonical codes of at most `limit` bits: Huffman by two queues, then the lengths over the limit
 * are cut and Kraft's sum is paid back by lengthening the rarest of the others. */
static void make_codes(const uint32_t *freq, int count, int limit, code *codes) {
  leaf leaves[LITERALS];
  int n = 0;
  memset(codes, 0, (size_t)count * sizeof *codes);
  for (int s = 0; s < count; s++)
    if (freq[s]) leaves[n++] = (leaf){freq[s], s};
  /* Decoders want a complete code: one symbol gets a companion that is never sent. */
  for (int s = 0; n < 2; s++)
    if (!freq[s]) leaves[n++] = (leaf){1, s};
  qsort(leaves, (size_t)n, sizeof *leaves, compare_leaves);

  uint32_t weight[2 * LITERALS];
  int parent[2 * LITERALS], depth[2 * LITERALS];
  for (int i = 0; i < n; i++) weight[i] = leaves[i].freq;
  int next_leaf = 0, next_node = n, nodes = n;
  while (nodes < 2 * n - 1) {
    weight[nodes] = 0;
    for (int k = 0; k < 2; k++) {
      bool from_leaf =
          next_leaf < n && (next_node >= nodes || weight[next_leaf] <= weight[next_node]);
      int child = from_leaf ? next_leaf++ : next_node++;
      weight[nodes] += weight[child];
      parent[child] = nodes;
    }
    nodes++;
  }
  depth[nodes - 1] = 0;
  int64_t kraft = 0, one = (int64_t)1 << limit;
  for (int i = nodes - 2; i >= 0; i--) {
    depth[i] = depth[parent[i]] + 1;
    if (i < n && depth[i] > limit) depth[i] = limit;
  }
  /* Clamping a leaf must not touch inner nodes, so the sum is taken over leaves alone. */
  for (int i = 0; i < n; i++) kraft += one >> depth[i];
  for (int i = 0; kraft > one;) { /* leaves are sorted from the rarest */
    if (depth[i] < limit) {
      kraft -= one >> (depth[i] + 1);
      depth[i]++;
    } else {
      i++;
    }
  }
  for (int i = n - 1; i >= 0; i--) /* what was paid too much goes to the most frequent */
    while (depth[i] > 1 && kraft + (one >> depth[i]) <= one) {
      kraft += one >> depth[i];
      depth[i]--;
    }

  int length_count[16] = {0}, next[16] = {0};
  for (int i = 0; i < n; i++) {
    codes[leaves[i].symbol].length = (uint8_t)depth[i];
    length_count[depth[i]]++;
  }
  for (int l = 1; l < 15; l++) next[l + 1] = (next[l] + length_count[l]) << 1;
  for (int s = 0; s < count; s++) {
    if (!codes[s].length) continue;
    int value = next[codes[s].length]++, reversed = 0;
    for (int b = 0; b < codes[s].length; b++)
      reversed |= (value >> b & 1) << (codes[s].length - 1 - b);
    codes[s].bits = (uint16_t)reversed;
  }
}

/* ---- Lengths and distances (RFC 1951, 3.2.5) ------------------------------------------------ */

static const uint16_t length_base[29] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                         15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                         67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};

static int length_code(int length) {
  int c = 28;
  while (length_base[c] > length) c--;
  return c;
}

/* Distances go by powers of two, each split in half. */
static int distance_code(int distance, int *extra_bits, int *extra) {
  int d = distance - 1, log = 0;
  while (d >> (log + 1)) log++;
  *extra_bits = log > 1 ? log - 1 : 0;
  *extra = d & ((1 << *extra_bits) - 1);
  return d < 2 ? d : 2 * log + (d >> (log - 1) & 1);
}

/* ---- Blocks --------------------------------------------------------------------------------- */

static void put_code_lengths(gcam_deflate *z, const code *literals, const code *distances) {
  static const uint8_t order[LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                              11, 4,  12, 3, 13, 2, 14, 1, 15};
  uint8_t lengths[LITERALS + DISTANCES], symbols[LITERALS + DISTANCES],
      repeats[LITERALS + DISTANCES];
  for (int i = 0; i < LITERALS; i++) lengths[i] = literals[i].length;
  for (int i = 0; i < DISTANCES; i++) lengths[LITERALS + i] = distances[i].length;
  uint32_t freq[LENGTH_CODES] = {0};
  int count = 0;
  for (int i = 0; i < LITERALS + DISTANCES;) {
    int run = 1, value = lengths[i];
    while (i + run < LITERALS + DISTANCES && lengths[i + run] == value && run < 138) run++;
    int symbol = value;
    if (value == 0 && run >= 3) {
      symbol = run <= 10 ? 17 : 18; /* 3..10 or 11..138 zeros */
    } else {
      run = 1;
    }
    symbols[count] = (uint8_t)symbol;
    repeats[count++] = (uint8_t)run;
    freq[symbol]++;
    i += run;
  }
  code codes[LENGTH_CODES];
  make_codes(freq, LENGTH_CODES, 7, codes);
  int sent = LENGTH_CODES;
  while (sent > 4 && !codes[order[sent - 1]].length) sent--;
  put_bits(z, LITERALS - 257, 5);
  put_bits(z, DISTANCES - 1, 5);
  put_bits(z, (uint32_t)sent - 4, 4);
  for (int i = 0; i < sent; i++) put_bits(z, codes[order[i]].length, 3);
  for (int i = 0; i < count; i++) {
    put_bits(z, codes[symbols[i]].bits, codes[symbols[i]].length);
    if (symbols[i] == 17) put_bits(z, repeats[i] - 3u, 3);
    if (symbols[i] == 18) put_bits(z, repeats[i] - 11u, 7);
  }
}

static void put_block(gcam_deflate *z, int final) {
  code literals[LITERALS], distances[DISTANCES];
  z->literal_freq[END] = 1;
  make_codes(z->literal_freq, LITERALS, 15, literals);
  make_codes(z->distance_freq, DISTANCES, 15, distances);
  put_bits(z, (uint32_t) final, 1);
  put_bits(z, 2, 2);
  put_code_lengths(z, literals, distances);
  for (int i = 0; i < z->token_count; i++) {
    uint32_t token = z->tokens[i];
    int distance = (int)(token >> 9), length = (int)(token & 511), extra_bits, extra;
    if (!distance) {
      put_bits(z, literals[length].bits, literals[length].length);
      continue;
    }
    int c = length_code(length);
    put_bits(z, literals[257 + c].bits, literals[257 + c].length);
    put_bits(z, (uint32_t)(length - length_base[c]), length_extra[c]);
    c = distance_code(distance, &extra_bits, &extra);
    put_bits(z, distances[c].bits, distances[c].length);
    put_bits(z, (uint32_t)extra, extra_bits);
  }
  put_bits(z, literals[END].bits, literals[END].length);
  z->token_count = 0;
  memset(z->literal_freq, 0, sizeof z->literal_freq);
  memset(z->distance_freq, 0, sizeof z->distance_freq);
}

static void add_token(gcam_deflate *z, int length_or_literal, int distance) {
  z->tokens[z->token_count++] = (uint32_t)distance << 9 | (uint32_t)length_or_literal;
  if (distance) {
    int extra_bits, extra;
    z->literal_freq[257 + length_code(length_or_literal)]++;
    z->distance_freq[distance_code(distance, &extra_bits, &extra)]++;
  } else {
    z->literal_freq[length_or_literal]++;
  }
  if (z->token_count == TOKENS) put_block(z, 0);
}

static int match_length(const uint8_t *a, const uint8_t *b, int limit) {
  int n = 0;
  while (n < limit && a[n] == b[n]) n++;
  return n;
}

static void add_adler(gcam_deflate *z, const uint8_t *data, size_t size) {
  enum { UNTIL_MODULO = 5552 }; /* RFC 1950's largest run that cannot overflow 32 bits */
  while (size) {
    size_t run = size < UNTIL_MODULO ? size : UNTIL_MODULO;
    size -= run;
    while (run--) {
      z->adler_a += *data++;
      z->adler_b += z->adler_a;
    }
    z->adler_a %= 65521;
    z->adler_b %= 65521;
  }
}

/* Files the position under the hash of its four bytes; returns the one filed before it, or -1. */
static int32_t file_position(gcam_deflate *z, const uint8_t *data, int at) {
  uint32_t key;
  memcpy(&key, data + at, sizeof key);
  key = key * 2654435761u >> (32 - HASH_BITS);
  int32_t before = z->head[key];
  z->previous[at & (WINDOW - 1)] = before;
  z->head[key] = at;
  return before;
}

void gcam_deflate_chunk(gcam_deflate *z, const uint8_t *data, size_t size) {
  if (size > GCAM_DEFLATE_CHUNK) return;
  add_adler(z, data, size);
  memset(z->head, 0xFF, sizeof z->head);
  int count = (int)size;
  for (int at = 0; at < count;) {
    int best = 0, best_distance = 0;
    if (at + MIN_MATCH <= count) {
      int limit = count - at < MAX_MATCH ? count - at : MAX_MATCH;
      int32_t candidate = file_position(z, data, at);
      for (int tries = CHAIN; tries && candidate >= 0 && at - candidate < WINDOW; tries--) {
        if (!best || data[candidate + best] == data[at + best]) {
          int length = match_length(data + candidate, data + at, limit);
          if (length > best) {
            best = length;
            best_distance = at - candidate;
            if (best == limit) break;
          }
        }
        candidate = z->previous[candidate & (WINDOW - 1)];
      }
    }
    if (best < MIN_MATCH) {
      add_token(z, data[at++], 0);
      continue;
    }
    add_token(z, best, best_distance);
    for (int end = at + best; ++at < end;)
      if (at + MIN_MATCH <= count) file_position(z, data, at);
  }
}

gcam_deflate *gcam_deflate_create(gcam_bytes *to) {
  gcam_deflate *z = gcam_alloc_zeroed(1, sizeof *z);
  if (!z) return NULL;
  z->to = to;
  z->adler_a = 1;
  static const uint8_t header[2] = {0x78, 0x01};
  gcam_bytes_put(to, header, 2);
  return z;
}

void gcam_deflate_finish(gcam_deflate *z) {
  put_block(z, 1);
  uint8_t rest[8 + 4];
  int n = 0;
  for (; z->bit_count > 0; z->bit_count -= 8, z->bits >>= 8) rest[n++] = (uint8_t)z->bits;
  for (int shift = 8; shift >= 0; shift -= 8) rest[n++] = (uint8_t)(z->adler_b >> shift);
  for (int shift = 8; shift >= 0; shift -= 8) rest[n++] = (uint8_t)(z->adler_a >> shift);
  gcam_bytes_put(z->to, rest, (size_t)n);
  gcam_free(z);
}
