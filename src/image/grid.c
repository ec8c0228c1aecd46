/* grid.c: tiles side by side on white, a title above each. */
#include <math.h>
#include <string.h>

#include "image/font.h"
#include "image/resize.h"

static const uint8_t ink[3] = {32, 33, 36};
static const char ellipsis[] = "\xE2\x80\xA6";

typedef struct layout {
  int columns, rows, tile_width;
  int margin, title_height;
  float px; /* font size */
} layout;

static int tile_height(const gcam_image *tile, int tile_width) {
  double height = floor((double)tile_width * tile->height / tile->width + 0.5);
  return height < 1 ? 1 : height > (double)GCAM_MAX_PIXELS ? (int)GCAM_MAX_PIXELS : (int)height;
}

static int row_height(gcam_image *const *tiles, int count, const layout *at, int row) {
  int height = 0;
  for (int i = row * at->columns; i < count && i < (row + 1) * at->columns; i++) {
    int h = tile_height(tiles[i], at->tile_width);
    if (h > height) height = h;
  }
  return height;
}

static gcam_status draw_tile(gcam_image *grid, const gcam_image *tile, int left, int top, int width,
                             gcam_error *err) {
  gcam_axis x, y;
  int height = tile_height(tile, width);
  GCAM_TRY(gcam_axis_create(&x, tile->width, width, GCAM_RESIZE_AREA, err));
  gcam_status status = gcam_axis_create(&y, tile->height, height, GCAM_RESIZE_AREA, err);
  for (int row = 0; status == GCAM_OK && row < height; row++) {
    uint8_t *dst = grid->rgba + ((size_t)(top + row) * (size_t)grid->width + (size_t)left) * 4;
    for (int col = 0; col < width; col++, dst += 4) {
      float rgb[3];
      gcam_picture_sample(tile, &x, &y, col, row, rgb);
      for (int c = 0; c < 3; c++) dst[c] = gcam_to_byte(rgb[c]);
    }
  }
  gcam_axis_free(&x);
  gcam_axis_free(&y);
  return status;
}

/* Bytes of the longest beginning of text that is no wider than `room`, without spaces at its end.
 */
static size_t fitting(const char *text, size_t bytes, float px, float room) {
  size_t fits = 0;
  for (size_t at = 0; at < bytes;) {
    uint32_t code;
    at += gcam_utf8_next(text + at, bytes - at, &code);
    if (gcam_text_width(text, at, px) > room) break;
    fits = at;
  }
  while (fits && (text[fits - 1] == ' ' || text[fits - 1] == ',')) fits--;
  return fits;
}

/* A title too long loses its middle: what stands behind its last two spaces, "  77.1 %", is kept.
 */
static gcam_status draw_title(gcam_image *grid, const char *title, int left, int top,
                              const layout *at, gcam_error *err) {
  size_t bytes = strlen(title), head = bytes, tail = bytes;
  if (bytes > 1000) head = tail = bytes = 1000; /* more than any tile shows */
  float room = (float)at->tile_width, x = (float)left;
  float baseline = (float)top + floorf(at->px * 1.02f);
  bool cut = gcam_text_width(title, bytes, at->px) > room;
  if (cut) {
    for (size_t i = 1; i + 1 < bytes; i++)
      if (title[i] == ' ' && title[i + 1] == ' ') tail = i;
    float rest = room - gcam_text_width(ellipsis, 3, at->px);
    float tail_width = gcam_text_width(title + tail, bytes - tail, at->px);
    if (tail_width > rest / 2) {
      tail = bytes;
      tail_width = 0;
    }
    head = fitting(title, tail, at->px, rest - tail_width);
  }
  const struct {
    const char *text;
    size_t bytes;
  } parts[] = {{title, head}, {ellipsis, cut ? 3 : 0}, {title + tail, bytes - tail}};
  for (int i = 0; i < 3; i++) {
    GCAM_TRY(gcam_text_draw(grid, x, baseline, at->px, parts[i].text, parts[i].bytes, ink, err));
    x += gcam_text_width(parts[i].text, parts[i].bytes, at->px);
  }
  return GCAM_OK;
}

gcam_status gcam_picture_grid(gcam_image *const *tiles, const char *const *titles, int count,
                              int columns, int tile_width, gcam_image **out, gcam_error *err) {
  *out = NULL;
  if (!tiles || count < 1 || columns < 1)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "A grid needs at least one tile and one column.");
  if (tile_width < 16 || tile_width > 8192)
    return gcam_fail(err, GCAM_ERR_ARGUMENT, "Tiles of %d pixels: 16 to 8192 are possible.",
                     tile_width);
  bool titled = false;
  for (int i = 0; i < count; i++) {
    if (!tiles[i]) return gcam_fail(err, GCAM_ERR_ARGUMENT, "Tile %d of the grid is missing.", i);
    titled = titled || (titles && titles[i] && titles[i][0]);
  }

  layout at = {.columns = columns < count ? columns : count, .tile_width = tile_width};
  at.rows = (count - 1) / at.columns + 1;
  at.px = fminf(fmaxf((float)tile_width * 0.056f, 12), 40);
  at.margin = (int)(at.px * 1.1f);
  at.title_height = titled ? (int)(at.px * 1.5f) : 0;
  int64_t width = at.margin + (int64_t)at.columns * (tile_width + at.margin), height = at.margin;
  for (int row = 0; row < at.rows; row++)
    height += row_height(tiles, count, &at, row) + at.title_height + at.margin;
  if (width > GCAM_MAX_PIXELS || height > GCAM_MAX_PIXELS || width * height > GCAM_MAX_PIXELS)
    return gcam_fail(
        err, GCAM_ERR_MEMORY,
        "A grid of %lldx%lld pixels is over the limit: make the tiles smaller or fewer.",
        (long long)width, (long long)height);

  gcam_image *grid;
  GCAM_TRY(gcam_picture_create((int)width, (int)height, &grid, err));
  memset(grid->rgba, 255, (size_t)width * (size_t)height * 4);
  gcam_status status = GCAM_OK;
  int top = at.margin;
  for (int row = 0; row < at.rows && status == GCAM_OK; row++) {
    for (int i = row * at.columns; i < count && i < (row + 1) * at.columns && status == GCAM_OK;
         i++) {
      int left = at.margin + (i - row * at.columns) * (tile_width + at.margin);
      if (titled && titles[i]) status = draw_title(grid, titles[i], left, top, &at, err);
      if (status == GCAM_OK)
        status = draw_tile(grid, tiles[i], left, top + at.title_height, tile_width, err);
    }
    top += row_height(tiles, count, &at, row) + at.title_height + at.margin;
  }
  if (status == GCAM_OK)
    *out = grid;
  else
    gcam_picture_free(grid);
  return status;
}
