/* slow_build.h: under a sanitizer what takes minutes is shortened. */
#ifndef TESTS_SUPPORT_SLOW_BUILD_H
#define TESTS_SUPPORT_SLOW_BUILD_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOW_BUILD = 1 };
#else
enum { SLOW_BUILD = 0 };
#endif

#endif
