#include "support/files.h"

#include <stdio.h>
#include <stdlib.h>

void *read_file(const char *path, size_t *size) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  fseek(f, 0, SEEK_END);
  long n = ftell(f);
  rewind(f);
  char *bytes = calloc((size_t)n + 1, 1);
  *size = bytes ? fread(bytes, 1, (size_t)n, f) : 0;
  fclose(f);
  return bytes;
}

const char *shared_folder(void) {
  const char *dir = getenv("GRADCAM_SHARED");
  return dir ? dir : "../shared";
}
