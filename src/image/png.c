/* png.c: writes PNG (W3C PNG, 2nd edition). stb_image_write could as well, but crashes when memory
 * is out, counts in int, needs twice the time, and its files of photos are a third larger. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/deflate.h"
#include "image/image.h"

static uint32_t crc32_of(const uint8_t *data, size_t size) {
  /* Half a byte at a time: the table is small enough to be made on the spot. */
  uint32_t table[16], crc = 0xFFFFFFFFu;
  for (uint32_t i = 0; i < 16; i++) {
    table[i] = i;
    for (int b = 0; b < 4; b++) table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xEDB88320u : 0);
  }
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    crc = crc >> 4 ^ table[crc & 15];
    crc = crc >> 4 ^ table[crc & 15];
  }
  return ~crc;
}

static void write_be32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A chunk is opened, filled through gcam_bytes_put, and closed: length, name, body, checksum. */
static size_t open_chunk(gcam_bytes *png, const char *name) {
  static const uint8_t length[4] = {0};
  gcam_bytes_put(png, length, 4);
  gcam_bytes_put(png, name, 4);
  return png->size;
}

static void close_chunk(gcam_bytes *png, size_t body) {
  if (png->failed) return;
  uint8_t crc[4];
  write_be32(png->data + body - 8, (uint32_t)(png->size - body));
  write_be32(crc, crc32_of(png->data + body - 4, png->size - body + 4));
  gcam_bytes_put(png, crc, 4);
}

static int paeth(int a, int b, int c) {
  int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/* out[0] = the filter, then the row; returns how large the differences are. C: bytes per pixel.
 * Both rows have C zeros before them, which are the pixel left of the first. */
static uint64_t filter_row(int filter, const uint8_t *row, const uint8_t *above, size_t size,
                           size_t C, uint8_t *out) {
  const uint8_t *left = row - C, *corner = above - C;
  *out++ = (uint8_t)filter;
  switch (filter) {
    case 0:
      memcpy(out, row, size);
      break;
    case 1:
      for (size_t i = 0; i < size; i++) out[i] = (uint8_t)(row[i] - left[i]);
      break;
    case 2:
      for (size_t i = 0; i < size; i++) out[i] = (uint8_t)(row[i] - above[i]);
      break;
    case 3:
      for (size_t i = 0; i < size; i++) out[i] = (uint8_t)(row[i] - (left[i] + above[i]) / 2);
      break;
    default:
      for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(row[i] - paeth(left[i], above[i], corner[i]));
  }
  uint64_t cost = 0;
  for (size_t i = 0; i < size; i++) cost += (uint32_t)abs((int8_t)out[i]);
  return cost;
}

/* Rows of RGB or RGBA through the cheapest of the five filters into the deflater. */
static gcam_status write_rows(const gcam_image *image, size_t C, gcam_bytes *png) {
  size_t W = (size_t)image->width, size = W * C, row_size = size + 1;
  uint8_t *rows = gcam_alloc_zeroed(2, C + size); /* this row and the one above */
  uint8_t *tried = gcam_alloc(2 * row_size, 1);   /* best so far, candidate */
  uint8_t *chunk = gcam_alloc(GCAM_DEFLATE_CHUNK, 1);
  gcam_deflate *z = rows && tried && chunk ? gcam_deflate_create(png) : NULL;
  if (z) {
    uint8_t *row = rows + C, *above = row + size + C, *best = tried, *candidate = tried + row_size;
    size_t filled = 0;
    const uint8_t *rgba = image->rgba;
    for (int y = 0; y < image->height && !png->failed; y++) {
      for (size_t x = 0; x < W; x++, rgba += 4) memcpy(row + x * C, rgba, C);
      uint64_t best_cost = UINT64_MAX;
      for (int filter = 0; filter < 5; filter++) {
        uint64_t cost = filter_row(filter, row, above, size, C, candidate);
        if (cost >= best_cost) continue;
        best_cost = cost;
        uint8_t *swap = best;
        best = candidate;
        candidate = swap;
      }
      for (size_t at = 0; at < row_size;) {
        size_t part = row_size - at < GCAM_DEFLATE_CHUNK - filled ? row_size - at
                                                                  : GCAM_DEFLATE_CHUNK - filled;
        memcpy(chunk + filled, best + at, part);
        at += part;
        filled += part;
        if (filled == GCAM_DEFLATE_CHUNK) {
          gcam_deflate_chunk(z, chunk, filled);
          filled = 0;
        }
      }
      uint8_t *swap = row;
      row = above;
      above = swap;
    }
    gcam_deflate_chunk(z, chunk, filled);
    gcam_deflate_finish(z);
  }
  gcam_free(rows);
  gcam_free(tried);
  gcam_free(chunk);
  return z && !png->failed ? GCAM_OK : GCAM_ERR_MEMORY;
}

gcam_status gcam_picture_encode_png(gcam_image *image, gcam_error *err) {
  if (!image) return gcam_fail(err, GCAM_ERR_ARGUMENT, "No picture to encode.");
  size_t pixels = (size_t)image->width * (size_t)image->height, C = 3;
  for (size_t i = 0; i < pixels && C == 3; i++)
    if (image->rgba[4 * i + 3] != 255) C = 4;

  gcam_bytes png = {0};
  gcam_bytes_put(&png, "\x89PNG\r\n\x1A\n", 8);
  size_t body = open_chunk(&png, "IHDR");
  uint8_t header[13] = {0};
  write_be32(header, (uint32_t)image->width);
  write_be32(header + 4, (uint32_t)image->height);
  header[8] = 8;              /* bits per channel */
  header[9] = C == 3 ? 2 : 6; /* RGB, RGBA */
  gcam_bytes_put(&png, header, sizeof header);
  close_chunk(&png, body);
  body = open_chunk(&png, "IDAT");
  gcam_status status = write_rows(image, C, &png);
  close_chunk(&png, body);
  body = open_chunk(&png, "IEND");
  close_chunk(&png, body);
  if (status != GCAM_OK || png.failed) {
    gcam_free(png.data);
    return gcam_fail(err, GCAM_ERR_MEMORY, "Not enough memory to write a PNG of %dx%d pixels.",
                     image->width, image->height);
  }
  gcam_free(image->png);
  image->png = png.data;
  image->png_size = png.size;
  return GCAM_OK;
}
