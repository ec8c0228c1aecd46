// CMake wants a source file for an executable; everything comes from the library.
typedef int gcam_nothing;
