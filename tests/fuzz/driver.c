// main() for the fuzz targets where the compiler has no libFuzzer: random mutations of the seed
// files, without coverage feedback. It takes libFuzzer's spelling of what the test driver uses, so
// that both are started alike:
//   fuzz_x [-max_total_time=SECONDS] [-seed=N] [-max_len=BYTES] [-artifact_prefix=PATH] [FOLDER or
//   FILE]...
// Files alone are replayed once, folders are read as seeds. The input that ends the process is left
// in PATHcrash-fuzz_x.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

typedef struct input {
  uint8_t *data;
  size_t size;
} input;

enum { MAX_SEEDS = 4096 };
static input seeds[MAX_SEEDS];
static size_t seed_count, max_len = 1 << 16;
static input running;
static char artifact[4096];
static uint64_t random_state = 1;

static uint64_t next_random(void) {  // xorshift64*
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * 2685821657736338717ull;
}

static size_t below(size_t n) { return n ? (size_t)(next_random() % n) : 0; }

static void keep_crash(void) {
  FILE *f = fopen(artifact, "wb");
  if (!f) return;
  fwrite(running.data, 1, running.size, f);
  fclose(f);
  fprintf(stderr, "input of %zu bytes left in %s\n", running.size, artifact);
}

// A copy of exactly `size` bytes, so that AddressSanitizer sees a read one byte past the end.
static void run_one(const uint8_t *data, size_t size) {
  running.data = malloc(size ? size : 1);
  if (!running.data) return;
  memcpy(running.data, data, size);
  running.size = size;
  LLVMFuzzerTestOneInput(running.data, size);
  free(running.data);
  running.data = NULL, running.size = 0;
}

static void read_seed(const char *path, size_t limit) {
  FILE *f = fopen(path, "rb");
  if (!f || seed_count == MAX_SEEDS) {
    if (f) fclose(f);
    return;
  }
  input *seed = &seeds[seed_count];
  seed->data = malloc(limit);
  seed->size = seed->data ? fread(seed->data, 1, limit, f) : 0;
  if (seed->data) seed_count++;
  fclose(f);
}

static size_t mutate(uint8_t *data, size_t size, size_t capacity) {
  static const int64_t edges[] = {0,     1,     -1,        127,       128,       255,      256,
                                  32767, 65535, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
  switch (below(8)) {
    case 0:  // one bit
      if (size) data[below(size)] ^= (uint8_t)(1u << below(8));
      break;
    case 1:  // one byte
      if (size) data[below(size)] = (uint8_t)next_random();
      break;
    case 2: {  // a number at a limit, 1 to 8 bytes
      int64_t value = edges[below(sizeof edges / sizeof *edges)];
      size_t width = (size_t)1 << below(4);
      if (size >= width) memcpy(data + below(size - width + 1), &value, width);
      break;
    }
    case 3:  // cut short
      size = below(size + 1);
      break;
    case 4: {  // take a piece out
      size_t n = below(size < 64 ? size + 1 : 64), at = below(size - n + 1);
      memmove(data + at, data + at + n, size - at - n);
      size -= n;
      break;
    }
    case 5: {  // put random bytes in
      size_t n = below(16), at = below(size + 1);
      if (size + n > capacity) break;
      memmove(data + at + n, data + at, size - at);
      for (size_t i = 0; i < n; i++) data[at + i] = (uint8_t)next_random();
      size += n;
      break;
    }
    case 6: {  // copy a piece elsewhere
      size_t n = below(size < 256 ? size + 1 : 256);
      memmove(data + below(size - n + 1), data + below(size - n + 1), n);
      break;
    }
    default: {  // go on with the tail of another seed
      const input *other = &seeds[below(seed_count)];
      size_t at = below((size < other->size ? size : other->size) + 1), n = other->size - at;
      if (at + n > capacity) n = capacity - at;
      memcpy(data + at, other->data + at, n);
      size = at + n;
    }
  }
  return size;
}

static const char *value_of(const char *argument, const char *name) {
  size_t n = strlen(name);
  return strncmp(argument, name, n) == 0 ? argument + n : NULL;
}

int main(int argc, char **argv) {
  long seconds = -1;
  const char *prefix = "", *value;
  int folders = 0;
  for (int i = 1; i < argc; i++) {
    struct stat info;
    if ((value = value_of(argv[i], "-max_total_time=")))
      seconds = atol(value);
    else if ((value = value_of(argv[i], "-seed=")))
      random_state = strtoull(value, NULL, 10) * 2654435769u + 1;
    else if ((value = value_of(argv[i], "-max_len=")))
      max_len = strtoull(value, NULL, 10);
    else if ((value = value_of(argv[i], "-artifact_prefix=")))
      prefix = value;
    else if (argv[i][0] != '-' && stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
      folders++;
  }
  const char *name = strrchr(argv[0], '/');
  snprintf(artifact, sizeof artifact, "%scrash-%s", prefix, name ? name + 1 : argv[0]);
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(keep_crash);

  for (int i = 1; i < argc; i++) {
    struct stat info;
    if (argv[i][0] == '-' || stat(argv[i], &info) != 0) continue;
    if (!S_ISDIR(info.st_mode)) {
      read_seed(argv[i], folders ? max_len : (size_t)info.st_size + 1);
      continue;
    }
    DIR *folder = opendir(argv[i]);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
      char path[4096];
      snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
      if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) read_seed(path, max_len);
    }
    if (folder) closedir(folder);
  }
  for (size_t i = 0; i < seed_count; i++) run_one(seeds[i].data, seeds[i].size);
  unsigned long runs = (unsigned long)seed_count;
  if (seed_count > 0 && !folders && seconds < 0) {  // files alone: a replay
    printf("Done %lu runs\n", runs);
    return 0;
  }
  if (seed_count == 0) seeds[seed_count++] = (input){calloc(1, 1), 0};

  uint8_t *data = malloc(max_len);
  for (time_t end = time(NULL) + (seconds < 0 ? 10 : seconds); data && time(NULL) < end; runs++) {
    const input *seed = &seeds[below(seed_count)];
    size_t size = seed->size < max_len ? seed->size : max_len;
    memcpy(data, seed->data, size);
    for (size_t n = 1 + below(6); n > 0; n--) size = mutate(data, size, max_len);
    run_one(data, size);
  }
  free(data);
  for (size_t i = 0; i < seed_count; i++) free(seeds[i].data);
  printf("Done %lu runs\n", runs);
  return 0;
}
