// XNNPACK's build generates this file with a digest of its sources, to guard weight caches kept on
// disk. No such cache is used here, so one constant byte identifies every build.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static const uint8_t identifier[1] = {0};

size_t xnn_experimental_get_build_identifier_size(void) { return sizeof identifier; }

const void *xnn_experimental_get_build_identifier_data(void) { return identifier; }

bool xnn_experimental_check_build_identifier(const void *data, size_t size) {
  return size == sizeof identifier && *(const uint8_t *)data == identifier[0];
}
