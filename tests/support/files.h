/* files.h: the files that native tests read. */
#ifndef TESTS_SUPPORT_FILES_H
#define TESTS_SUPPORT_FILES_H

#include <stddef.h>

/* The whole file, malloc'd, with a zero byte behind it; NULL when there is none. */
void *read_file(const char *path, size_t *size);
/* The folder of the shared data: $GRADCAM_SHARED, else beside the repository. */
const char *shared_folder(void);

#endif
