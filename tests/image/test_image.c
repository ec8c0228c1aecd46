/* Pictures, against what others make of them (tests/golden/make_images.py: PIL, torch, numpy,
 * matplotlib, FreeType), and against files that are cut, damaged, hostile or something else.
 * Run from the repository's root. */
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gradcam.h"
#include "image/font.h"
#include "image/image.h"
#include "image/preprocess.h"
#include "image/resize.h"
#include "support/files.h"

/* The inflater alone, to check the checksum of what png.c writes. */
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb_image.h>
#pragma GCC diagnostic pop

static int passed, failed, skipped;

#define CHECK(good, ...)                            \
  do {                                              \
    if (good) {                                     \
      passed++;                                     \
    } else {                                        \
      failed++;                                     \
      printf("FAILED %s:%d: ", __FILE__, __LINE__); \
      printf(__VA_ARGS__);                          \
      printf("\n");                                 \
    }                                               \
  } while (0)

typedef struct file {
  uint8_t *data;
  size_t size;
} file;

static file read_path(const char *path) {
  file f = {0};
  f.data = read_file(path, &f.size);
  return f;
}

/* A fixture must be there: without it nothing below means anything. */
static file fixture_in(const char *folder, const char *name) {
  char path[256];
  snprintf(path, sizeof path, "tests/golden/%s/%s", folder, name);
  file f = read_path(path);
  if (!f.data) {
    printf("%s is missing (run from the repository's root)\n", path);
    exit(1);
  }
  return f;
}

static file fixture(const char *name) { return fixture_in("images", name); }

static gcam_image *decode_fixture(const char *name) {
  file f = fixture(name);
  gcam_error err = {0};
  gcam_image *image = NULL;
  gcam_status status = gcam_picture_decode(f.data, f.size, &image, &err);
  CHECK(status == GCAM_OK && image, "%s: %s", name, err.text);
  free(f.data);
  return image;
}

static gcam_resize parse_how(const char *name) {
  return !strcmp(name, "nearest")    ? GCAM_NEAREST
         : !strcmp(name, "bilinear") ? GCAM_BILINEAR
                                     : GCAM_BICUBIC;
}

static uint32_t random_state = 7;
static uint32_t next_random(void) {
  return (random_state = random_state * 1664525u + 1013904223u) >> 8;
}

/* A failed decode: the status asked for, no picture, and a sentence that holds `word`. */
static void check_refused(const char *what, const void *bytes, size_t size, gcam_status expected,
                          const char *word) {
  gcam_error err = {0};
  gcam_image *image = (gcam_image *)&err;
  gcam_status status = gcam_picture_decode(bytes, size, &image, &err);
  CHECK(status == expected && err.status == expected && !image, "%s: status %d (%s)", what,
        (int)status, err.text);
  bool printable = true;
  for (const char *c = err.text; *c; c++) printable = printable && *c >= ' ' && *c <= '~';
  CHECK(printable && strlen(err.text) <= 300, "%s: %s", what, err.text);
  CHECK(strstr(err.text, word) && strlen(err.text) > 30, "%s: no \"%s\" in: %s", what, word,
        err.text);
  if (status == GCAM_OK) gcam_picture_free(image);
}

/* ---- Decoding ------------------------------------------------------------------------------- */

/* Differences in the mean and at most; the colour of nothing does not count. */
static int compare_pixels(const uint8_t *a, const uint8_t *b, size_t size, double *mean) {
  int worst = 0;
  double sum = 0;
  for (size_t i = 0; i < size; i++) {
    if (b[i | 3] == 0 && (i & 3) != 3) continue;
    int difference = abs(a[i] - b[i]);
    worst = difference > worst ? difference : worst;
    sum += difference;
  }
  *mean = sum / (double)size;
  return worst;
}

static void test_decode(void) {
  file list = fixture("images.txt"), expected = fixture("images.rgba");
  int pictures = 0;
  size_t at = 0;
  for (char *line = strtok((char *)list.data, "\n"); line; line = strtok(NULL, "\n")) {
    char name[64];
    int width, height, most;
    double mean, off;
    if (sscanf(line, "%63s %d %d %d %lf", name, &width, &height, &most, &mean) != 5) continue;
    pictures++;
    size_t size = (size_t)width * (size_t)height * 4;
    gcam_image *image = decode_fixture(name);
    if (image) {
      bool fits = image->width == width && image->height == height && at + size <= expected.size;
      CHECK(fits, "%s is %dx%d", name, image->width, image->height);
      int worst = fits ? compare_pixels(image->rgba, expected.data + at, size, &off) : 0;
      CHECK(!fits || (worst <= most && off <= mean),
            "%s: off by %d, %.2f in the mean (allowed %d, %.2f)", name, worst, off, most, mean);
      bool dark = !strcmp(name, "rgb12in16.png");
      CHECK(dark == (image->warning_name != NULL), "%s: warning %s", name, image->warning);
      CHECK(!dark || (!strcmp(image->warning_name, "dark-16-bit") &&
                      strstr(image->warning, "uses 12 of them") && strstr(image->warning, "by 16")),
            "%s: %s", name, image->warning);
    }
    at += size;
    gcam_picture_free(image);
  }
  CHECK(pictures >= 130 && at == expected.size, "%d pictures listed, %zu bytes", pictures, at);
  free(list.data);
  free(expected.data);
}

static void test_large(void) {
  gcam_image *image = decode_fixture("large.png");
  if (!image) return;
  CHECK(image->width == 12000 && image->height == 8000, "12000x8000 is %dx%d", image->width,
        image->height);
  bool good = true;
  for (size_t y = 0; y < 8000; y += 7999)
    for (size_t x = 0; x < 12000; x++) {
      const uint8_t *p = image->rgba + (y * 12000 + x) * 4;
      good = good && p[0] == (x / 104 % 2 ? 255 : 0) && p[1] == p[0] && p[2] == p[0] && p[3] == 255;
    }
  CHECK(good, "the stripes of 12000x8000");
  /* Straight from the picture: nothing of its size may be allocated. */
  static float input[224 * 224 * 3];
  gcam_preprocess pre = {.order = GCAM_RGB, .resize = GCAM_BILINEAR, .std = {1, 1, 1}};
  gcam_error err;
  CHECK(gcam_preprocess_image(image, &pre, 224, 224, 3, input, &err) == GCAM_OK,
        "12000x8000 to 224x224");
  gcam_picture_free(image);
}

static void test_tiny(void) {
  uint8_t rgba[4] = {10, 200, 30, 255};
  gcam_image *image = NULL, *again = NULL, *overlay = NULL, *grid = NULL;
  gcam_error err;
  float map = 1, input[27];
  gcam_preprocess pre = {.order = GCAM_RGB, .resize = GCAM_BICUBIC, .std = {1, 1, 1}};
  CHECK(gcam_picture_from_rgba(rgba, 1, 1, &image, &err) == GCAM_OK, "1x1");
  CHECK(gcam_picture_encode_png(image, &err) == GCAM_OK, "1x1 to PNG");
  CHECK(gcam_picture_decode(image->png, image->png_size, &again, &err) == GCAM_OK, "1x1 from PNG");
  CHECK(again && !memcmp(again->rgba, rgba, 4), "1x1 pixel");
  CHECK(gcam_preprocess_image(image, &pre, 3, 3, 3, input, &err) == GCAM_OK, "1x1 to 3x3");
  CHECK(fabsf(input[0] - 10) < 1e-3f && fabsf(input[25] - 200) < 1e-3f, "1x1 input %g",
        (double)input[25]);
  CHECK(gcam_picture_overlay(image, &map, 1, 1, NULL, "gray", 1, GCAM_BILINEAR, &overlay, &err) ==
                GCAM_OK &&
            overlay->rgba[0] == 255,
        "1x1 overlay");
  CHECK(gcam_picture_grid(&image, NULL, 1, 3, 32, &grid, &err) == GCAM_OK, "1x1 grid");
  gcam_picture_free(image);
  gcam_picture_free(again);
  gcam_picture_free(overlay);
  gcam_picture_free(grid);
}

/* ---- What is no picture --------------------------------------------------------------------- */

static void put_be32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void test_headers(void) {
  check_refused("nothing", NULL, 0, GCAM_ERR_IMAGE, "empty");
  check_refused("0 bytes", "", 0, GCAM_ERR_IMAGE, "empty");
  check_refused("one byte", "\x01", 1, GCAM_ERR_IMAGE, "not a picture");
  static const struct {
    const char *bytes;
    size_t size;
    const char *word;
  } others[] = {
      {"RIFF\x10\0\0\0WEBPVP8 ", 16, "WebP"},
      {"\0\0\0\x1c"
       "ftypavif\0\0\0\0",
       16, "AVIF"},
      {"\0\0\0\x1c"
       "ftypheic\0\0\0\0",
       16, "HEIC"},
      {"\0\0\0\x1c"
       "ftypisom\0\0\0\0",
       16, "video"},
      {"II*\0\x08\0\0\0", 8, "TIFF"},
      {"MM\0*\0\0\0\x08", 8, "TIFF"},
      {"%PDF-1.7\n", 9, "PDF"},
      {"<?xml version=\"1.0\"?>\n<svg xmlns=\"\">", 36, "SVG"},
      {"\n<!DOCTYPE HTML><html>", 22, "web page"},
      {"version https://git-lfs.github.com/spec/v1\n", 43, "LFS"},
      {"\0\0\0\x18"
       "ftypmif1\0\0\0\0",
       16, "AVIF"},
      {"P6\n640 480\n255\n\x80\x90\xff\x01", 19, "Netpbm"},
      {"%!PS-Adobe-3.0 EPSF", 19, "PostScript"},
      {"Rar!\x1a\7\0", 7, "RAR"},
      {"\x89HDF\r\n\x1a\n", 8, "HDF5"},
      {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18, "zeros"},
      {"BMW is a car", 12, "text"},
      {"{\"a\": 1}", 8, "text"},
      {"PK\3\4\x14\0\0\0", 8, "ZIP"},
      {"8BPS\0\1\0\0", 8, "Photoshop"},
      {"\x08\x07\x12\x07pytorch\x1a", 12, "not a picture"},
  };
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    check_refused(others[i].word, others[i].bytes, others[i].size, GCAM_ERR_IMAGE, others[i].word);

  /* Sizes no one has memory for, in every format's header. */
  file png = fixture("plain.png"), gif = fixture("still.gif"), bmp = fixture("24.bmp"),
       jpeg = fixture("baseline.jpg");
  put_be32(png.data + 16, 60000);
  put_be32(png.data + 20, 60000);
  check_refused("PNG 60000x60000", png.data, png.size, GCAM_ERR_MEMORY, "60000x60000");
  check_refused("its header alone", png.data, 33, GCAM_ERR_MEMORY, "60000x60000");
  put_be32(png.data + 16, 16000);
  put_be32(png.data + 20, 16000);
  check_refused("PNG bomb within the limit", png.data, png.size, GCAM_ERR_IMAGE, "16000x16000");
  put_be32(png.data + 16, 0x80000001u);
  put_be32(png.data + 20, 0xFFFFFFFFu);
  check_refused("PNG 2^31", png.data, png.size, GCAM_ERR_MEMORY, "too large");
  put_be32(png.data + 16, 0);
  check_refused("PNG 0 wide", png.data, png.size, GCAM_ERR_IMAGE, "0x");
  memcpy(gif.data + 6, "\1\0\1\0", 4);
  for (size_t i = 13; i + 9 < gif.size; i++)
    if (gif.data[i] == 0x2C && gif.data[i + 1] == 0 && gif.data[i + 3] == 0) {
      uint8_t kept[8];
      memcpy(kept, gif.data + i + 1, 8);
      memcpy(gif.data + i + 1, "\0\0\0\0\xff\xff\xff\xff", 8);
      check_refused("GIF of a frame of 65535x65535", gif.data, gif.size, GCAM_ERR_MEMORY, "65535");
      memcpy(gif.data + i + 1, "\xff\xff\0\0\xff\xff\1\0", 8);
      check_refused("GIF of a frame far away", gif.data, gif.size, GCAM_ERR_IMAGE, "outside");
      memcpy(gif.data + i + 1, kept, 8);
      break;
    }
  memset(gif.data + 6, 0xFF, 4);
  check_refused("GIF 65535x65535", gif.data, gif.size, GCAM_ERR_MEMORY, "65535x65535");
  memcpy(gif.data + 6, "\x80\x3e\x80\x3e", 4);
  check_refused("GIF bomb", gif.data, gif.size, GCAM_ERR_IMAGE, "16000x16000");
  memcpy(bmp.data + 18, "\xff\xff\xff\x7f\xff\xff\xff\x7f", 8);
  check_refused("BMP 2^31", bmp.data, bmp.size, GCAM_ERR_MEMORY, "too large");
  memcpy(bmp.data + 18, "\x80\x3e\0\0\x80\x3e\0", 8);
  check_refused("BMP bomb", bmp.data, bmp.size, GCAM_ERR_IMAGE, "cut off");
  memcpy(bmp.data + 18, "\xff\xff\xff\xff\x01\0\0", 8);
  check_refused("BMP -1 wide", bmp.data, bmp.size, GCAM_ERR_IMAGE, "damaged");
  for (size_t i = 0; i + 9 < jpeg.size; i++)
    if (jpeg.data[i] == 0xFF && jpeg.data[i + 1] == 0xC0) {
      memcpy(jpeg.data + i + 5, "\xff\xff\xff\xff", 4);
      check_refused("JPEG 65535x65535", jpeg.data, jpeg.size, GCAM_ERR_MEMORY, "65535x65535");
      memcpy(jpeg.data + i + 5, "\x3e\x80\x3e\x80", 4);
      check_refused("JPEG bomb", jpeg.data, jpeg.size, GCAM_ERR_IMAGE, "16000x16000");
      memcpy(jpeg.data + i + 5, "\0\x10\0\x10", 4);
      jpeg.data[i + 1] = 0xC9;
      check_refused("arithmetic JPEG", jpeg.data, jpeg.size, GCAM_ERR_IMAGE, "arithmetic");
      break;
    }
  check_refused("JPEG without pictures", "\xFF\xD8\xFF\xD9", 4, GCAM_ERR_IMAGE, "no picture data");
  free(png.data);
  free(gif.data);
  free(bmp.data);
  free(jpeg.data);
}

/* Cut anywhere at all. What lacks its end mark alone is the whole picture, and nothing else is. */
static void test_cuts(void) {
  static const struct {
    const char *name;
    size_t ending;
  } files[] = {
      {"baseline.jpg", 2}, {"progressive.jpg", 2},   {"exif6.jpg", 2},
      {"cmyk.jpg", 2},     {"cmyk_no_adobe.jpg", 2}, {"420.jpg", 2},
      {"gray.jpg", 2},     {"refined_last.jpg", 2},  {"restarts.jpg", 2},
      {"plain.png", 12},   {"interlaced.png", 12},   {"palette.png", 12},
      {"rgb16.png", 12},   {"still.gif", 1},         {"grown.gif", 1},
      {"24.bmp", 3},       {"palette.bmp", 3},       {"rle8.bmp", 3},
      {"rle4.bmp", 3},     {"pal1_os2.bmp", 3},      {"pal2_v5.bmp", 3},
      {"mask_565.bmp", 3},
  };
  for (size_t n = 0; n < sizeof files / sizeof *files; n++) {
    const char *name = files[n].name;
    file f = fixture(name);
    gcam_image *whole = decode_fixture(name);
    if (!whole) continue;
    const size_t pixels = (size_t)whole->width * (size_t)whole->height * 4;
    size_t accepted = 0, others = 0, speechless = 0;
    for (size_t size = 0; size < f.size; size++) {
      uint8_t *cut = malloc(size ? size : 1); /* exact, so that a sanitizer sees every overrun */
      memcpy(cut, f.data, size);
      gcam_error err = {0};
      gcam_image *image = NULL;
      if (gcam_picture_decode(cut, size, &image, &err) == GCAM_OK) {
        accepted += size + files[n].ending < f.size;
        others += image->width != whole->width || memcmp(image->rgba, whole->rgba, pixels);
      } else {
        speechless += strlen(err.text) < 30 || strlen(err.text) > 300;
      }
      gcam_picture_free(image);
      free(cut);
    }
    CHECK(!accepted, "%s: %zu of %zu cuts were taken for whole", name, accepted, f.size);
    CHECK(!others, "%s: %zu cuts make another picture", name, others);
    CHECK(!speechless, "%s: %zu cuts without a message, or with a long one", name, speechless);
    check_refused(name, f.data, f.size / 2, GCAM_ERR_IMAGE, "cut off");
    gcam_picture_free(whole);
    free(f.data);
  }
  /* The half of a JPEG with an end put behind it: the marker that follows is missing, not the end.
   */
  file f = fixture("progressive.jpg");
  size_t scans = 0, at = 0;
  for (size_t i = 0; i + 1 < f.size && scans < 2; i++)
    if (f.data[i] == 0xFF && f.data[i + 1] == 0xDA && ++scans == 2) at = i;
  CHECK(at > 0, "progressive.jpg has a second scan");
  f.data[at + 1] = 0xF0; /* a marker no decoder knows, in front of the second scan */
  check_refused("JPEG with a broken second scan", f.data, f.size, GCAM_ERR_IMAGE, "damaged");
  free(f.data);
}

/* A JPEG that ends at a restart mark: every block that is there can be read, and the rest would be
 * grey; with an end mark behind it, and without. */
static void test_restarts(void) {
  file f = fixture("restarts.jpg");
  size_t mark = 0, marks = 0;
  for (size_t i = 0; i + 1 < f.size; i++)
    if (f.data[i] == 0xFF && f.data[i + 1] >= 0xD0 && f.data[i + 1] <= 0xD7 && ++marks == 4)
      mark = i;
  CHECK(marks == 7 && mark, "restarts.jpg has %zu restart marks", marks);
  check_refused("JPEG that ends before a restart mark", f.data, mark, GCAM_ERR_IMAGE, "cut off");
  check_refused("JPEG that ends with a restart mark", f.data, mark + 2, GCAM_ERR_IMAGE, "cut off");
  f.data[mark + 1] = 0xD9;
  check_refused("JPEG ended before a restart mark", f.data, mark + 2, GCAM_ERR_IMAGE, "restart");
  free(f.data);
}

/* What follows a PNG's picture may lack its end, or be nothing: the picture is whole. */
static void test_png_tails(void) {
  static const uint8_t text[] = "\0\0\0\x10tEXtComment\0whole";
  file f = fixture("alpha.png");
  gcam_image *whole = NULL, *image = NULL;
  gcam_error err = {0};
  CHECK(gcam_picture_decode(f.data, f.size, &whole, &err) == GCAM_OK, "%s", err.text);
  size_t pixels = whole ? (size_t)whole->width * (size_t)whole->height * 4 : 0;
  uint8_t *copy = malloc(f.size + sizeof text);
  for (int kind = 0; kind < 4; kind++) {
    size_t size = f.size;
    memcpy(copy, f.data, f.size);
    if (kind == 0) copy[f.size - 8] = 'F'; /* IEND is FEND */
    if (kind == 1) copy[f.size - 12] = 64; /* and very long */
    if (kind > 1) {                        /* a text, cut off in its header or its body */
      size = f.size - 12 + (kind == 2 ? 10 : 20);
      memcpy(copy + f.size - 12, text, kind == 2 ? 10 : 20);
    }
    gcam_status status = gcam_picture_decode(copy, size, &image, &err);
    CHECK(status == GCAM_OK, "PNG tail %d: %s", kind, err.text);
    CHECK(status == GCAM_OK && !memcmp(image->rgba, whole->rgba, pixels), "PNG tail %d", kind);
    gcam_picture_free(image);
    image = NULL;
  }
  check_refused("PNG cut off in its picture", f.data, f.size - 20, GCAM_ERR_IMAGE, "cut off");
  gcam_picture_free(whole);
  free(copy);
  free(f.data);
}

/* Headers that lead astray: each has words, and none reads outside of the file. */
static void test_odd_bitmaps(void) {
  static const struct {
    const char *what, *file;
    size_t at;
    uint32_t value;
    const char *word;
  } cases[] = {
      {"JPEG inside", "24.bmp", 30, 4, "JPEG"},
      {"PNG inside", "24.bmp", 30, 5, "PNG"},
      {"RLE8 with 24 bits", "24.bmp", 30, 1, "do not go together"},
      {"RLE8 with 4 bits", "pal4.bmp", 30, 1, "do not go together"},
      {"packing 77", "24.bmp", 30, 77, "do not go together"},
      {"5 bits", "24.bmp", 28, 5, "do not go together"},
      {"OS/2's 24-bit packing", "pal8_os2v2.bmp", 30, 4, "OS/2"},
      {"OS/2's fax packing", "pal1_os2v2.bmp", 30, 3, "OS/2"},
      {"a header of 13", "24.bmp", 14, 13, "length"},
      {"a header of 4 GB", "24.bmp", 14, 0xFFFFFFFFu, "length"},
      {"pixels in the header", "24.bmp", 10, 20, "inside its header"},
      {"pixels behind the end", "24.bmp", 10, 0x7FFFFFFF, "cut off"},
      {"a mask with a hole", "mask_565.bmp", 54, 0xA800, "next to each other"},
      {"a width of -3", "rle8.bmp", 18, 0xFFFFFFFDu, "damaged"},
      {"a bomb", "rle8.bmp", 18, 10000000, "cannot be whole"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    file f = fixture(cases[i].file);
    size_t width = cases[i].at == 28 ? 2 : 4;
    for (size_t b = 0; b < width; b++) f.data[cases[i].at + b] = (uint8_t)(cases[i].value >> 8 * b);
    check_refused(cases[i].what, f.data, f.size, GCAM_ERR_IMAGE, cases[i].word);
    free(f.data);
  }
}

/* Whatever is in it: an error with words, or a picture of sane size. */
static void test_damage(void) {
  static const char *const names[] = {"baseline.jpg",     "progressive.jpg",
                                      "420.jpg",          "cmyk_no_adobe.jpg",
                                      "exif5.jpg",        "alpha.png",
                                      "palette.png",      "interlaced.png",
                                      "rgb16.png",        "exif6.png",
                                      "animated.gif",     "transparent.gif",
                                      "palette.bmp",      "top_down.bmp",
                                      "ycck.jpg",         "rle4.bmp",
                                      "rle8_skips.bmp",   "mask_565.bmp",
                                      "pal4_os2.bmp",     "restarts.jpg",
                                      "endless.png",      "endless_progressive_trailer.jpg",
                                      "mask_8888_v4.bmp", "rgb12in16.png"};
  int insane = 0, errors = 0, pictures = 0;
  for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
    file f = fixture(names[n]);
    for (int round = 0; round < 150; round++) {
      uint8_t *copy = malloc(f.size);
      memcpy(copy, f.data, f.size);
      for (uint32_t flips = 1 + next_random() % 4; flips; flips--) {
        /* Mostly headers: that is where the decisions are. */
        size_t at = next_random() % (next_random() % 2 ? f.size : f.size / 4 + 1);
        copy[at] = (uint8_t)next_random();
      }
      gcam_error err = {0};
      gcam_image *image = NULL;
      gcam_status status = gcam_picture_decode(copy, f.size, &image, &err);
      if (status == GCAM_OK) {
        pictures++;
        if (!image || !image->rgba || image->width < 1 || image->height < 1) insane++;
      } else {
        errors++;
        if (image || strlen(err.text) < 30) insane++;
      }
      gcam_picture_free(image);
      free(copy);
    }
    free(f.data);
  }
  CHECK(!insane, "%d damaged files ended oddly", insane);
  CHECK(errors > 200 && pictures > 200, "%d errors, %d pictures: the damage is not well spread",
        errors, pictures);
}

/* ---- Resizing and the network's input ------------------------------------------------------- */

static float map_value(int i) { return (float)(i * 37 % 101) / 100; }

static float *make_map(int count) {
  float *map = malloc((size_t)count * sizeof *map);
  for (int i = 0; i < count; i++) map[i] = map_value(i);
  return map;
}

static void test_resize(void) {
  file list = fixture("resize.txt"), values = fixture("resize.f32");
  const float *expected = (const float *)(void *)values.data;
  gcam_error err = {0};
  int cases = 0;
  for (char *line = strtok((char *)list.data, "\n"); line; line = strtok(NULL, "\n"), cases++) {
    char how[16];
    int w, h, dw, dh;
    if (sscanf(line, "%15s %d %d %d %d", how, &w, &h, &dw, &dh) != 5) continue;
    float *map = make_map(w * h), *out = malloc((size_t)(dw * dh) * sizeof *out);
    gcam_status status = gcam_map_resize_to(map, w, h, out, dw, dh, parse_how(how), &err);
    CHECK(status == GCAM_OK, "%s: %s", line, err.text);
    float worst = 0;
    for (int i = 0; i < dw * dh; i++) worst = fmaxf(worst, fabsf(out[i] - expected[i]));
    CHECK(worst <= 1e-5f, "resize %s: off by %g", line, (double)worst);
    expected += dw * dh;
    free(map);
    free(out);
  }
  CHECK(cases == 21 && (const uint8_t *)expected == values.data + values.size, "%d resizes", cases);
  float one = 1;
  CHECK(gcam_map_resize_to(&one, 0, 1, &one, 1, 1, GCAM_NEAREST, &err) == GCAM_ERR_ARGUMENT,
        "0 wide");
  CHECK(gcam_map_resize_to(&one, 1, 1, &one, 1, 0, GCAM_NEAREST, &err) == GCAM_ERR_ARGUMENT,
        "to 0 high");
  CHECK(gcam_map_resize_to(&one, 1, 1, &one, 1, 1, (gcam_resize)7, &err) == GCAM_ERR_ARGUMENT,
        "how 7");
  free(list.data);
  free(values.data);
}

static void test_nearest(void) {
  file list = fixture("nearest.txt"), values = fixture("nearest.u16");
  const uint16_t *expected = (const uint16_t *)(void *)values.data;
  gcam_error err;
  for (char *line = strtok((char *)list.data, "\n"); line; line = strtok(NULL, "\n")) {
    int in, out, wrong = 0;
    gcam_axis axis;
    if (sscanf(line, "%d %d", &in, &out) != 2 ||
        gcam_axis_create(&axis, in, out, GCAM_NEAREST, &err)) {
      CHECK(false, "nearest %s", line);
      continue;
    }
    for (int i = 0; i < out; i++) wrong += axis.index[i] != expected[i];
    CHECK(!wrong, "nearest %s: %d samples from elsewhere than PIL's", line, wrong);
    gcam_axis_free(&axis);
    /* The same with its ends cut off, as a crop does, and with room around, as a pad does. */
    const int ends[] = {out / 3, -2};
    for (int e = 0; e < 2; e++) {
      int k = ends[e], part = out - 2 * k;
      wrong = 0;
      if (part < 1 || gcam_axis_place(&axis, in, part, -k, out, GCAM_NEAREST, &err)) continue;
      for (int i = 0; i < part; i++)
        wrong += i + k >= 0 && i + k < out && axis.index[i] != expected[i + k];
      CHECK(!wrong, "nearest %s from %d: %d samples from elsewhere than PIL's", line, k, wrong);
      gcam_axis_free(&axis);
    }
    expected += out;
  }
  CHECK((const uint8_t *)expected == values.data + values.size, "all of nearest.u16");
  free(list.data);
  free(values.data);
}

static void test_inputs(void) {
  file list = fixture("inputs.txt"), values = fixture("inputs.f32");
  const float *expected = (const float *)(void *)values.data;
  gcam_error err = {0};
  int cases = 0;
  for (char *line = strtok((char *)list.data, "\n"); line; line = strtok(NULL, "\n"), cases++) {
    char name[32], how[16], order[8];
    int H, W;
    gcam_preprocess pre = {0};
    if (sscanf(line, "%31s %15s %7s %d %d %f %f %f %f %f %f", name, how, order, &H, &W,
               &pre.mean[0], &pre.mean[1], &pre.mean[2], &pre.std[0], &pre.std[1],
               &pre.std[2]) != 11)
      continue;
    pre.resize = parse_how(how);
    pre.order = order[0] == 'r' ? GCAM_RGB : order[0] == 'b' ? GCAM_BGR : GCAM_GREY;
    int C = pre.order == GCAM_GREY ? 1 : 3;
    gcam_image *image = decode_fixture(name);
    float *input = malloc((size_t)(H * W * C) * sizeof *input), worst = 0;
    CHECK(gcam_preprocess_image(image, &pre, H, W, C, input, &err) == GCAM_OK, "%s: %s", line,
          err.text);
    for (int i = 0; i < H * W * C; i++)
      worst = fmaxf(worst, fabsf(input[i] - expected[i]) * pre.std[i % C] / 255);
    CHECK(worst <= 1e-5f, "input %s: off by %g of 255", line, (double)worst);
    expected += H * W * C;
    CHECK(gcam_preprocess_image(image, &pre, H, W, C + 1, input, &err) == GCAM_ERR_ARGUMENT,
          "channels");
    CHECK(strstr(err.text, "channels"), "channels: %s", err.text);
    pre.std[0] = 0;
    CHECK(gcam_preprocess_image(image, &pre, H, W, C, input, &err) == GCAM_ERR_ARGUMENT, "std 0");
    free(input);
    gcam_picture_free(image);
  }
  CHECK(cases == 5 && (const uint8_t *)expected == values.data + values.size, "%d inputs", cases);
  free(list.data);
  free(values.data);
}

static void test_picture_resize(void) {
  gcam_image *image = decode_fixture("alpha.png"), *small = NULL, *same = NULL;
  gcam_error err;
  CHECK(gcam_picture_resize(image, image->width, image->height, GCAM_BILINEAR, &same, &err) ==
            GCAM_OK,
        "same");
  int worst = 0;
  for (int i = 0; same && i < image->width * image->height * 4; i++) {
    if (image->rgba[i | 3] == 0) continue;
    int difference = abs(same->rgba[i] - image->rgba[i]);
    worst = difference > worst ? difference : worst;
  }
  CHECK(worst == 0, "resizing to the same size changes pixels by %d", worst);
  gcam_picture_free(same);
  CHECK(
      gcam_picture_resize(image, 9, 5, GCAM_BICUBIC, &small, &err) == GCAM_OK && small->width == 9,
      "9x5");
  CHECK(gcam_picture_resize(image, 0, 5, GCAM_NEAREST, &same, &err) == GCAM_ERR_ARGUMENT && !same,
        "0x5");
  CHECK(gcam_picture_resize(image, 1 << 20, 1 << 20, GCAM_NEAREST, &same, &err) == GCAM_ERR_MEMORY,
        "2^40");
  gcam_picture_free(image);
  gcam_picture_free(small);
}

/* ---- Fitting a picture into the input, and a map on what was seen --------------------------- */

static gcam_order parse_order(const char *name) {
  static const char *const names[] = {"rgb", "bgr", "grey", "rgba", "bgra"};
  int order = 0;
  while (order < 5 && strcmp(name, names[order]) != 0) order++;
  return (gcam_order)order;
}

static double view_error(const gcam_view *a, const gcam_view *b) {
  return fmax(fmax(fabs(a->x - b->x), fabs(a->y - b->y)),
              fmax(fabs(a->width - b->width), fabs(a->height - b->height)));
}

/* Against torchvision, PIL and the definition: tests/golden/make_geometry.py. */
static void test_fit(void) {
  file list = fixture_in("geometry", "inputs.txt"), values = fixture_in("geometry", "inputs.f32");
  const float *expected = (const float *)(void *)values.data;
  gcam_error err = {0};
  int cases = 0;
  for (char *line = strtok((char *)list.data, "\n"); line; line = strtok(NULL, "\n"), cases++) {
    char name[32], fit[16], how[16], order[8], fill[32];
    int H, W;
    gcam_preprocess pre = {0};
    gcam_view view, found = {0};
    float *m = pre.mean, *s = pre.std;
    if (sscanf(line, "%31s %15s %15s %7s %d %d %f %31s %f,%f,%f,%f %f,%f,%f,%f %lf %lf %lf %lf",
               name, fit, how, order, &H, &W, &pre.ratio, fill, m, m + 1, m + 2, m + 3, s, s + 1,
               s + 2, s + 3, &view.x, &view.y, &view.width, &view.height) != 20)
      break;
    pre.resize = parse_how(how);
    pre.order = parse_order(order);
    pre.fit = fit[0] == 's' ? GCAM_STRETCH : fit[0] == 'c' ? GCAM_CROP : GCAM_PAD;
    if (sscanf(fill, "%f,%f,%f", pre.color, pre.color + 1, pre.color + 2) == 3)
      pre.fill = GCAM_FILL_COLOR;
    int C = gcam_order_channels(pre.order);
    gcam_image *image = decode_fixture(name);
    float *input = malloc((size_t)(H * W * C) * sizeof *input), worst = 0;
    CHECK(gcam_preprocess_image(image, &pre, H, W, C, input, &err) == GCAM_OK, "%s: %s", line,
          err.text);
    for (int i = 0; i < H * W * C; i++)
      worst = fmaxf(worst, fabsf(input[i] - expected[i]) * pre.std[i % C] / 255);
    /* JPEG decoders differ by a level. */
    CHECK(worst <= (strstr(name, ".jpg") ? 4e-3f : 1e-5f), "%s: off by %g of 255", line,
          (double)worst);
    expected += H * W * C;
    CHECK(gcam_preprocess_view(&pre, image->width, image->height, H, W, &found, &err) == GCAM_OK,
          "%s: %s", line, err.text);
    CHECK(view_error(&found, &view) < 1e-12, "%s: sees %g %g %g %g", line, found.x, found.y,
          found.width, found.height);
    free(input);
    gcam_picture_free(image);
  }
  CHECK(cases == 23 && (const uint8_t *)expected == values.data + values.size, "%d inputs", cases);
  free(list.data);
  free(values.data);
}

static void test_fit_errors(void) {
  gcam_image *image = decode_fixture("plain.png");
  gcam_error err = {0};
  float input[64];
  gcam_view view;
  const gcam_preprocess good = {.std = {1, 1, 1, 1}};
  const struct {
    gcam_preprocess pre;
    int C;
    const char *word;
  } cases[] = {
      {{.std = {1, 1, 1}, .fit = (gcam_fit)3}, 3, "Fit 3"},
      {{.std = {1, 1, 1}, .fit = GCAM_CROP, .ratio = 1.5f}, 3, "ratio"},
      {{.std = {1, 1, 1}, .fit = GCAM_CROP, .ratio = -1}, 3, "ratio"},
      {{.std = {1, 1, 1}, .fit = GCAM_CROP, .ratio = NAN}, 3, "ratio"},
      {{.std = {1, 1, 1}, .fill = (gcam_fill)9}, 3, "Fill 9"},
      {{.std = {1, 1, 1}, .fill = GCAM_FILL_COLOR, .color = {NAN}}, 3, "fill colour"},
      {{.std = {1, 1, 1}, .order = (gcam_order)5}, 3, "order 5"},
      {{.std = {1, 1, 1}}, 4, "rgba or bgra"},
      {{.std = {1, 1, 1}}, 1, "order grey"},
      {{.std = {1, 1, 1}}, 11, "raw input"},
      {{.std = {1, 1, 1}, .order = GCAM_RGBA}, 4, "std"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gcam_status status = gcam_preprocess_image(image, &cases[i].pre, 2, 2, cases[i].C, input, &err);
    CHECK(status == GCAM_ERR_ARGUMENT && strstr(err.text, cases[i].word) && strlen(err.text) <= 300,
          "no \"%s\" in: %s", cases[i].word, err.text);
  }
  CHECK(gcam_preprocess_view(&good, 0, 5, 4, 4, &view, &err) == GCAM_ERR_ARGUMENT, "0 wide");
  CHECK(gcam_preprocess_view(&good, 5, 5, 0, 4, &view, &err) == GCAM_ERR_ARGUMENT, "input 0 high");
  gcam_picture_free(image);
  /* Pictures a pixel wide: a crop sees a sliver, a pad shows all of it, and both come to an end. */
  for (int fit = GCAM_STRETCH; fit <= GCAM_PAD; fit++)
    for (int how = GCAM_NEAREST; how <= GCAM_BICUBIC; how++) {
      gcam_image *thin = NULL;
      gcam_preprocess pre = {.std = {1, 1, 1}, .fit = (gcam_fit)fit, .resize = (gcam_resize)how};
      CHECK(gcam_picture_create(1, 1 << 20, &thin, &err) == GCAM_OK, "a thin picture");
      memset(thin->rgba, 255, (size_t)4 << 20);
      static float wide[3 * 7 * 5];
      CHECK(gcam_preprocess_image(thin, &pre, 7, 5, 3, wide, &err) == GCAM_OK, "%s", err.text);
      CHECK(wide[3 * (3 * 5 + 2)] > 254.9f, "its middle is white: %g", (double)wide[51]);
      CHECK(gcam_preprocess_view(&pre, 1, 1 << 20, 7, 5, &view, &err) == GCAM_OK, "its view");
      CHECK(fit == GCAM_CROP  ? view.height < 2 && view.x == 0 && view.width == 1
            : fit == GCAM_PAD ? view.width == 5 && view.x == -2 && view.height == 1 << 20
                              : view.width == 1 && view.height == 1 << 20,
            "fit %d sees %g %g %g %g", fit, view.x, view.y, view.width, view.height);
      gcam_picture_free(thin);
    }
}

static void test_places(void) {
  file list = fixture_in("geometry", "places.txt"), values = fixture_in("geometry", "places.f32");
  const float *expected = (const float *)(void *)values.data;
  gcam_error err = {0};
  int cases = 0;
  for (char *line = strtok((char *)list.data, "\n"); line; line = strtok(NULL, "\n"), cases++) {
    char how[16];
    int mw, mh, w, h;
    gcam_view v;
    if (sscanf(line, "%15s %d %d %d %d %lf %lf %lf %lf", how, &mw, &mh, &w, &h, &v.x, &v.y,
               &v.width, &v.height) != 9)
      break;
    float *map = make_map(mw * mh), *out = malloc((size_t)(w * h) * sizeof *out), worst = 0;
    CHECK(gcam_map_place(map, mw, mh, out, w, h, &v, -7, parse_how(how), &err) == GCAM_OK, "%s: %s",
          line, err.text);
    gcam_axis x, y;
    CHECK(gcam_axes_place(&x, &y, mw, mh, w, h, &v, parse_how(how), &err) == GCAM_OK, "axes");
    for (int i = 0; i < w * h; i++) {
      float part = x.covered[i % w] * y.covered[i / w];
      worst = fmaxf(worst, fabsf(part - expected[w * h + i]));
      bool inside = x.covered[i % w] >= 0.5f && y.covered[i / w] >= 0.5f;
      worst = fmaxf(worst, fabsf(out[i] - (inside ? expected[i] : -7)));
    }
    CHECK(worst <= 1e-5f, "map on a part, %s: off by %g", line, (double)worst);
    expected += 2 * w * h;
    gcam_axis_free(&x);
    gcam_axis_free(&y);
    free(map);
    free(out);
  }
  CHECK(cases == 54 && (const uint8_t *)expected == values.data + values.size, "%d places", cases);
  float one = 1;
  const gcam_view bad[] = {{0, 0, 0, 1}, {0, 0, 1, -1}, {NAN, 0, 1, 1}, {0, 0, INFINITY, 1}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK(gcam_map_place(&one, 1, 1, &one, 1, 1, &bad[i], 0, GCAM_BILINEAR, &err) ==
              GCAM_ERR_ARGUMENT,
          "view %zu", i);
  free(list.data);
  free(values.data);
}

/* The photo with a map on its part, the rest dim and grey; and a map that reaches beyond the photo.
 */
static void test_overlay_view(void) {
  file values = fixture_in("geometry", "overlay.rgb");
  gcam_image *image = decode_fixture("plain.png"), *overlay = NULL;
  gcam_error err;
  float *map = make_map(20);
  const gcam_view view = {4.25, 2.5, 13.5, 11.75};
  CHECK(gcam_picture_overlay(image, map, 5, 4, &view, "jet", 0.4f, GCAM_BILINEAR, &overlay, &err) ==
            GCAM_OK,
        "overlay on a part");
  int worst = 0;
  for (int i = 0; i < image->width * image->height * 3; i++) {
    int difference = abs(overlay->rgba[i / 3 * 4 + i % 3] - values.data[i]);
    worst = difference > worst ? difference : worst;
  }
  CHECK(worst <= 2, "overlay on a part: off by %d", worst);
  gcam_picture_free(overlay);
  /* A square input padded: columns of a map 25 high lie as high as the photo's 19 rows in its
   * middle. */
  float columns[25 * 25];
  for (int i = 0; i < 25 * 25; i++) columns[i] = (float)(i / 25 >= 3 && i / 25 < 22);
  const gcam_preprocess pad = {.std = {1, 1, 1}, .fit = GCAM_PAD};
  gcam_view outer;
  CHECK(gcam_preprocess_view(&pad, 25, 19, 25, 25, &outer, &err) == GCAM_OK && outer.y == -3,
        "outer view");
  CHECK(gcam_picture_overlay(image, columns, 25, 25, &outer, "gray", 1, GCAM_NEAREST, &overlay,
                             &err) == GCAM_OK,
        "overlay of a padded input");
  int black = 0;
  for (int i = 0; i < 25 * 19; i++) black += overlay->rgba[4 * i] != 255;
  CHECK(!black, "%d pixels of the photo got the map of what is around it", black);
  gcam_picture_free(overlay);
  gcam_picture_free(image);
  free(map);
  free(values.data);
}

/* ---- Colours, overlay, grid, text ----------------------------------------------------------- */

static void test_colormaps(void) {
  static const char *const order[] = {"jet",   "turbo",  "viridis", "inferno",
                                      "magma", "plasma", "cividis", "gray"};
  file values = fixture("colormaps.u8");
  const uint8_t *expected = values.data;
  for (int n = 0; n < 8; n++) {
    const uint8_t *rgb = gcam_colormap_rgb(order[n]);
    int worst = 0;
    for (int i = 0; i < 256; i += 3)
      for (int c = 0; c < 3; c++) {
        int difference = abs(rgb[3 * i + c] - *expected++);
        worst = difference > worst ? difference : worst;
      }
    CHECK(worst <= 1, "%s: off by %d levels from matplotlib's", order[n], worst);
  }
  CHECK(gcam_colormap_count() == 8, "%d colour maps", gcam_colormap_count());
  for (int n = 0; n < gcam_colormap_count(); n++)
    CHECK(gcam_colormap_rgb(gcam_colormap_name(n)), "%s", gcam_colormap_name(n));
  CHECK(!gcam_colormap_name(-1) && !gcam_colormap_name(8), "names out of range");
  CHECK(!gcam_colormap_rgb("no such map") && !gcam_colormap_rgb(NULL), "unknown map");
  free(values.data);
}

static void test_overlay(void) {
  static const char *const names[] = {"plain.png", "alpha.png"};
  file values = fixture("overlay.rgb");
  const uint8_t *expected = values.data;
  float *map = make_map(20);
  gcam_error err;
  for (int n = 0; n < 2; n++) {
    gcam_image *image = decode_fixture(names[n]);
    for (int how = GCAM_NEAREST; how <= GCAM_BICUBIC; how++) {
      gcam_image *overlay = NULL;
      CHECK(gcam_picture_overlay(image, map, 5, 4, NULL, "jet", 0.4f, (gcam_resize)how, &overlay,
                                 &err) == GCAM_OK,
            "overlay");
      int worst = 0;
      for (int i = 0; i < image->width * image->height; i++) {
        for (int c = 0; c < 3; c++) {
          int difference = abs(overlay->rgba[4 * i + c] - *expected++);
          worst = difference > worst ? difference : worst;
        }
        if (overlay->rgba[4 * i + 3] != 255) worst = 999;
      }
      /* One step of the map's 255 is up to four levels of jet, of which 0.4 count. */
      CHECK(worst <= 2, "%s, how %d: overlay off by %d", names[n], how, worst);
      gcam_picture_free(overlay);
    }
    gcam_picture_free(image);
  }
  gcam_image *image = decode_fixture("plain.png"), *none = image;
  CHECK(gcam_picture_overlay(image, map, 5, 4, NULL, "rainbow", 0.4f, GCAM_NEAREST, &none, &err) ==
                GCAM_ERR_ARGUMENT &&
            !none && strstr(err.text, "turbo"),
        "unknown colour map: %s", err.text);
  CHECK(gcam_picture_overlay(image, map, 5, 4, NULL, "jet", NAN, GCAM_NEAREST, &none, &err) ==
            GCAM_ERR_ARGUMENT,
        "alpha NaN");
  CHECK(gcam_picture_overlay(image, map, 0, 4, NULL, "jet", 1, GCAM_NEAREST, &none, &err) ==
            GCAM_ERR_ARGUMENT,
        "map 0 wide");
  float odd[3] = {NAN, INFINITY, -INFINITY};
  CHECK(gcam_picture_overlay(image, odd, 3, 1, NULL, "gray", 1, GCAM_NEAREST, &none, &err) ==
                GCAM_OK &&
            none->rgba[0] == 0 && none->rgba[4 * (image->width / 2)] == 255 &&
            none->rgba[4 * (image->width - 1)] == 0,
        "NaN and infinity in a map");
  gcam_picture_free(none);
  gcam_picture_free(image);
  free(map);
  free(values.data);
}

typedef struct box {
  int left, top, right, bottom;
  double ink; /* sum of darkness, in black pixels */
} box;

static box find_ink(const gcam_image *image, int top, int bottom, int left, int right) {
  box b = {image->width, image->height, -1, -1, 0};
  for (int y = top; y < bottom; y++)
    for (int x = left; x < right; x++) {
      int dark = 255 - image->rgba[((size_t)y * (size_t)image->width + (size_t)x) * 4 + 1];
      b.ink += dark / 255.0;
      if (dark < 64) continue;
      b.left = x < b.left ? x : b.left;
      b.right = x > b.right ? x : b.right;
      b.top = y < b.top ? y : b.top;
      b.bottom = y > b.bottom ? y : b.bottom;
    }
  return b;
}

static void test_text(void) {
  gcam_image *expected = decode_fixture("text.png"), *drawn = NULL;
  gcam_error err;
  const char *text = "718, Pier  77.1 % \xC3\xA9\xC3\x9F";
  static const uint8_t black[3] = {0, 0, 0};
  CHECK(gcam_picture_create(expected->width, expected->height, &drawn, &err) == GCAM_OK, "canvas");
  memset(drawn->rgba, 255, (size_t)drawn->width * (size_t)drawn->height * 4);
  CHECK(gcam_text_draw(drawn, 10, 36, 32, text, strlen(text), black, &err) == GCAM_OK, "text");
  box a = find_ink(expected, 0, expected->height, 0, expected->width);
  box b = find_ink(drawn, 0, drawn->height, 0, drawn->width);
  CHECK(fabs(a.ink - b.ink) < 0.05 * a.ink, "ink %.0f, FreeType's %.0f", b.ink, a.ink);
  CHECK(abs(a.left - b.left) <= 1 && abs(a.top - b.top) <= 1 && abs(a.right - b.right) <= 4 &&
            abs(a.bottom - b.bottom) <= 1,
        "text at %d %d %d %d, FreeType's %d %d %d %d", b.left, b.top, b.right, b.bottom, a.left,
        a.top, a.right, a.bottom);
  float width = gcam_text_width(text, strlen(text), 32);
  CHECK(fabsf(width - (float)(a.right + 1 - 10)) < 5, "width %g", (double)width);
  /* Malformed and missing letters are drawn as something, and end. */
  const char *odd = "\xFF\xC3(\xE6\xBC\xA2\xF0\x9F\x90\xB1\xE2\x82\n\x7F";
  memset(drawn->rgba, 255, (size_t)drawn->width * (size_t)drawn->height * 4);
  CHECK(gcam_text_draw(drawn, 10, 36, 32, odd, strlen(odd), black, &err) == GCAM_OK, "odd text");
  CHECK(find_ink(drawn, 0, drawn->height, 0, drawn->width).ink > 100, "boxes for missing letters");
  /* Drawn half outside on every side: clipped. */
  for (int corner = 0; corner < 4; corner++)
    CHECK(gcam_text_draw(drawn, corner & 1 ? -20.5f : 320, corner & 2 ? -3.3f : 60, 40, text,
                         strlen(text), black, &err) == GCAM_OK,
          "clipped text");
  gcam_picture_free(expected);
  gcam_picture_free(drawn);
}

static void test_grid(void) {
  gcam_image *tiles[5], *grid = NULL, *bare = NULL, *none = NULL;
  gcam_error err;
  const int sizes[5][2] = {{650, 380}, {20, 40}, {100, 100}, {3000, 10}, {64, 64}};
  for (int i = 0; i < 5; i++) {
    CHECK(gcam_picture_create(sizes[i][0], sizes[i][1], &tiles[i], &err) == GCAM_OK, "tile");
    for (int p = 0; p < sizes[i][0] * sizes[i][1]; p++)
      memcpy(tiles[i]->rgba + 4 * p, (uint8_t[4]){(uint8_t)(40 * i), 90, 200, 255}, 4);
  }
  const char *titles[5] = {"718, Pier  77.1 %", "", NULL,
                           "a name that is much too long to stand above a tile  77.1 %",
                           "withoutanyspacewhatsoeverandfarfarfartoolongtofit"};
  const int tile = 200;
  CHECK(gcam_picture_grid(tiles, titles, 5, 3, tile, &grid, &err) == GCAM_OK, "grid: %s", err.text);
  CHECK(gcam_picture_grid(tiles, NULL, 5, 3, tile, &bare, &err) == GCAM_OK, "grid without titles");
  int margin = (grid->width - 3 * tile) / 4;
  CHECK(margin > 3 && grid->width == 4 * margin + 3 * tile, "margins of %d, width %d", margin,
        grid->width);
  CHECK(bare->width == grid->width && bare->height == 3 * margin + 400 + 200, "height %d",
        bare->height);
  int title = (grid->height - bare->height) / 2;
  CHECK(title >= 14 && grid->height == bare->height + 2 * title, "title height %d", title);
  for (int i = 0; i < 5; i++) {
    int left = margin + i % 3 * (tile + margin),
        top = margin + (i / 3) * (title + 400 + margin) + title;
    int height = (tile * sizes[i][1] + sizes[i][0] / 2) / sizes[i][0];
    const uint8_t *first = grid->rgba + ((size_t)top * (size_t)grid->width + (size_t)left) * 4;
    const uint8_t *last = first + ((size_t)(height - 1) * (size_t)grid->width + tile - 1) * 4;
    CHECK(first[0] == 40 * i && first[2] == 200 && last[0] == 40 * i && last[2] == 200, "tile %d",
          i);
    CHECK(first[-4] == 255 && last[4] == 255 && last[4 * grid->width] == 255,
          "white around tile %d", i);
    box ink = find_ink(grid, top - title, top, left - margin / 2, left + tile + margin / 2);
    bool has_title = titles[i] && titles[i][0];
    CHECK(has_title == (ink.ink > 20), "title %d has ink %.0f", i, ink.ink);
    CHECK(!has_title || (ink.left >= left && ink.right < left + tile),
          "title %d stays above its tile", i);
  }
  /* The shortened title still ends as the whole one would: "  77.1 %" is the end of the row's ink.
   */
  int top = margin + title + 400 + margin;
  box cut = find_ink(grid, top, top + title, margin, margin + tile);
  CHECK(cut.right > margin + tile - 25, "the shortened title fills its tile: %d", cut.right);
  box end = find_ink(grid, top, top + title, cut.right - 20, cut.right + 1);
  CHECK(end.bottom - end.top >= 7, "it ends in its percentage, not in dots: %d high",
        end.bottom - end.top + 1);
  box dots = find_ink(grid, top, top + title, margin + tile + margin, margin + 2 * tile + margin);
  dots = find_ink(grid, top, top + title, dots.right - 6, dots.right + 1);
  CHECK(dots.bottom - dots.top < 4, "a name without a percentage ends in dots: %d high",
        dots.bottom - dots.top + 1);

  CHECK(gcam_picture_grid(tiles, titles, 0, 3, tile, &none, &err) == GCAM_ERR_ARGUMENT && !none,
        "no tile");
  CHECK(gcam_picture_grid(tiles, titles, 5, 0, tile, &none, &err) == GCAM_ERR_ARGUMENT,
        "no column");
  CHECK(gcam_picture_grid(tiles, titles, 5, 3, 4, &none, &err) == GCAM_ERR_ARGUMENT,
        "narrow tiles");
  gcam_image *tall = NULL;
  CHECK(gcam_picture_create(1, 1 << 20, &tall, &err) == GCAM_OK, "a tall picture");
  memset(tall->rgba, 0, (size_t)4 << 20);
  CHECK(gcam_picture_grid(&tall, titles, 1, 1, 8192, &none, &err) == GCAM_ERR_MEMORY && !none,
        "too tall");
  gcam_picture_free(tall);
  for (int i = 0; i < 5; i++) gcam_picture_free(tiles[i]);
  gcam_picture_free(grid);
  gcam_picture_free(bare);
}

/* ---- PNG ------------------------------------------------------------------------------------ */

static uint32_t be32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The specification's own words, bit by bit. */
static uint32_t crc_by_bits(const uint8_t *data, size_t size) {
  uint32_t crc = ~0u;
  for (size_t i = 0; i < size; i++)
    for (int b = 0; b < 8; b++)
      crc = crc >> 1 ^ ((crc ^ (uint32_t)data[i] >> b) & 1 ? 0xEDB88320u : 0);
  return ~crc;
}

static void check_png(const char *what, gcam_image *image) {
  gcam_error err = {0};
  if (gcam_picture_encode_png(image, &err) != GCAM_OK) {
    CHECK(false, "%s: %s", what, err.text);
    return;
  }
  bool opaque = true, checksums = true, adler = false;
  size_t pixels = (size_t)image->width * (size_t)image->height;
  for (size_t i = 0; i < pixels; i++) opaque = opaque && image->rgba[4 * i + 3] == 255;
  const uint8_t *png = image->png;
  CHECK(png[25] == (opaque ? 2 : 6), "%s: colour type %d", what, png[25]);
  size_t at = 8, chunks = 0;
  for (; at + 12 <= image->png_size; chunks++) {
    size_t length = be32(png + at);
    checksums = checksums && be32(png + at + 8 + length) == crc_by_bits(png + at + 4, length + 4);
    if (!memcmp(png + at + 4, "IDAT", 4)) {
      int size;
      uint32_t a = 1, b = 0;
      char *rows = stbi_zlib_decode_malloc((const char *)png + at + 8, (int)length, &size);
      for (int i = 0; rows && i < size; i++) {
        a = (a + (uint8_t)rows[i]) % 65521;
        b = (b + a) % 65521;
      }
      adler = rows && be32(png + at + 8 + length - 4) == (b << 16 | a);
      free(rows);
    }
    at += length + 12;
  }
  CHECK(chunks == 3 && at == image->png_size && checksums && adler,
        "%s: chunks %zu, checksums %d %d", what, chunks, checksums, adler);
  gcam_image *again = NULL;
  CHECK(gcam_picture_decode(png, image->png_size, &again, &err) == GCAM_OK, "%s: %s", what,
        err.text);
  CHECK(again && again->width == image->width && again->height == image->height &&
            !memcmp(again->rgba, image->rgba, pixels * 4),
        "%s: the pixels come back", what);
  gcam_picture_free(again);
}

static void test_png(void) {
  gcam_image *photo = decode_fixture("plain.png"), *alpha = decode_fixture("alpha.png");
  check_png("photo", photo);
  check_png("alpha", alpha);
  check_png("photo again", photo);
  gcam_picture_free(photo);
  gcam_picture_free(alpha);
  const int sizes[][2] = {{1, 1}, {1, 300}, {300, 1}, {17, 5}, {700, 500}, {90000, 2}};
  for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
    for (int kind = 0; kind < 4; kind++) { /* flat, noise, repeats, few colours */
      gcam_image *image = NULL;
      gcam_error err;
      if (gcam_picture_create(sizes[s][0], sizes[s][1], &image, &err) != GCAM_OK) continue;
      int pixels = sizes[s][0] * sizes[s][1];
      for (int i = 0; i < pixels; i++) {
        uint32_t r = kind == 0   ? 0x336699u
                     : kind == 1 ? next_random()
                     : kind == 2 ? (uint32_t)(i % 1201) * 77773u
                                 : next_random() % 3 * 80;
        memcpy(image->rgba + 4 * i,
               (uint8_t[4]){(uint8_t)r, (uint8_t)(r >> 8), (uint8_t)(r >> 16), 255}, 4);
      }
      char what[64];
      snprintf(what, sizeof what, "%dx%d of kind %d", sizes[s][0], sizes[s][1], kind);
      check_png(what, image);
      if (kind == 0)
        CHECK(image->png_size < 400 + (size_t)pixels / 100, "%s: %zu bytes", what, image->png_size);
      gcam_picture_free(image);
    }
}

/* ---- The shared photos ---------------------------------------------------------------------- */

static void test_photos(void) {
  const char *shared = shared_folder();
  char path[1024];
  snprintf(path, sizeof path, "%s/data/photos/README.md", shared);
  file readme = read_path(path);
  if (!readme.data) {
    printf("SKIPPED: the shared photos (no %s; GRADCAM_SHARED says where)\n", path);
    skipped++;
    return;
  }
  int photos = 0;
  for (char *line = strtok((char *)readme.data, "\n"); line; line = strtok(NULL, "\n")) {
    char name[64];
    int width, height;
    if (sscanf(line, "| %63s | %dx%d", name, &width, &height) != 3) continue;
    photos++;
    snprintf(path, sizeof path, "%s/data/photos/%s", shared, name);
    file f = read_path(path);
    gcam_error err = {0};
    gcam_image *image = NULL;
    CHECK(gcam_picture_decode(f.data, f.size, &image, &err) == GCAM_OK, "%s: %s", name, err.text);
    CHECK(image && image->width == width && image->height == height, "%s: its size", name);
    check_refused(name, f.data, f.size / 2, GCAM_ERR_IMAGE, "cut off");
    /* PIL's decoding of some, as PNG. */
    char *dot = strrchr(name, '.');
    if (image && dot) {
      snprintf(path, sizeof path, "%s/data/golden/decoded/%.*s.png", shared, (int)(dot - name),
               name);
      file golden = read_path(path);
      gcam_image *expected = NULL;
      if (golden.data &&
          gcam_picture_decode(golden.data, golden.size, &expected, &err) == GCAM_OK) {
        double sum = 0;
        size_t count = (size_t)image->width * (size_t)image->height * 4;
        for (size_t i = 0; i < count; i++) sum += abs(image->rgba[i] - expected->rgba[i]);
        CHECK(sum / (double)count < 0.6, "%s: %.2f levels from PIL's in the mean", name,
              sum / (double)count);
      }
      gcam_picture_free(expected);
      free(golden.data);
    }
    gcam_picture_free(image);
    free(f.data);
  }
  CHECK(photos >= 30, "only %d photos listed", photos);
  free(readme.data);
}

/* Files that went wrong once, each with one that shows the same. */
static void test_cases(void) {
  static const char *const cases[][2] = {
      {"bmp32-without-alpha/rgba.bmp", "bmp32-without-alpha/a.bmp"},
      {"jpeg-without-end-marker/no_eoi.jpg", "jpeg-without-end-marker/base.jpg"},
      {"jpeg-without-end-marker/panorama.jpg", "jpeg-without-end-marker/base.jpg"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    gcam_image *image[2] = {NULL, NULL};
    gcam_error err = {0};
    for (int k = 0; k < 2; k++) {
      char path[1024];
      snprintf(path, sizeof path, "%s/cases/%s", shared_folder(), cases[i][k]);
      file f = read_path(path);
      if (!f.data) {
        printf("SKIPPED: %s (GRADCAM_SHARED says where the shared folder is)\n", path);
        skipped++;
      } else {
        CHECK(gcam_picture_decode(f.data, f.size, &image[k], &err) == GCAM_OK, "%s: %s", path,
              err.text);
      }
      free(f.data);
    }
    if (image[0] && image[1])
      CHECK(image[0]->width == image[1]->width && image[0]->height == image[1]->height &&
                !memcmp(image[0]->rgba, image[1]->rgba,
                        (size_t)image[0]->width * (size_t)image[0]->height * 4),
            "%s is not the picture of %s", cases[i][0], cases[i][1]);
    gcam_picture_free(image[0]);
    gcam_picture_free(image[1]);
  }
}

int main(void) {
  test_decode();
  test_large();
  test_tiny();
  test_headers();
  test_cuts();
  test_restarts();
  test_png_tails();
  test_odd_bitmaps();
  test_damage();
  test_resize();
  test_nearest();
  test_inputs();
  test_picture_resize();
  test_fit();
  test_fit_errors();
  test_places();
  test_overlay_view();
  test_colormaps();
  test_overlay();
  test_text();
  test_grid();
  test_png();
  test_photos();
  test_cases();
  printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed ? 1 : 0;
}
