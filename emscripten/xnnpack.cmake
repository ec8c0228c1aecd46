# Gives the targets XNNPACK and stb. XNNPACK is built at configure time, once per
# variant, and kept in the cache under a key made of everything that decides about the result:
# removing build/ does not cost another minute.
#
# Wants GRADCAM_VARIANT (a readable name) and GRADCAM_XNNPACK_FLAGS (the variant's compile flags).
set(sources ${GRADCAM_CACHE}/sources)
if(NOT EXISTS ${sources}/stamp)
  message(FATAL_ERROR "The sources of XNNPACK are not there yet. Run:  node emscripten/setup.mjs")
endif()

file(GLOB_RECURSE recipe ${CMAKE_CURRENT_LIST_DIR}/xnnpack/*)
list(APPEND recipe ${sources}/stamp)
set(key "${CMAKE_C_COMPILER} ${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}")
string(APPEND key " ${CMAKE_SYSTEM_PROCESSOR} ${GRADCAM_XNNPACK_FLAGS}")
foreach(file IN LISTS recipe)
  file(SHA256 ${file} digest)
  string(APPEND key " ${digest}")
endforeach()
string(SHA256 key "${key}")
string(SUBSTRING ${key} 0 12 key)
set(xnnpack ${GRADCAM_CACHE}/xnnpack/${GRADCAM_VARIANT}-${key})

file(LOCK ${xnnpack}.lock GUARD FILE TIMEOUT 900)  # of two builds at once the second waits
if(NOT EXISTS ${xnnpack}/stamp)
  message(STATUS "Building XNNPACK for ${GRADCAM_VARIANT} (once; half a minute)")
  cmake_host_system_information(RESULT jobs QUERY NUMBER_OF_LOGICAL_CORES)
  set(log ${xnnpack}/build.log)
  list(JOIN GRADCAM_XNNPACK_FLAGS " " flags)
  set(arguments -S ${CMAKE_CURRENT_LIST_DIR}/xnnpack -B ${xnnpack}/build -G ${CMAKE_GENERATOR}
    -DCMAKE_BUILD_TYPE=Release -DSOURCES=${sources} "-DVARIANT_FLAGS=${flags}")
  if(CMAKE_TOOLCHAIN_FILE)
    list(APPEND arguments
      -DCMAKE_TOOLCHAIN_FILE=${CMAKE_TOOLCHAIN_FILE} -DGRADCAM_CACHE=${GRADCAM_CACHE})
  else()
    list(APPEND arguments -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER})
    if(CMAKE_C_COMPILER_ID MATCHES Clang)  # one compiler's sanitizer for both languages
      list(APPEND arguments -DCMAKE_CXX_COMPILER=${CMAKE_C_COMPILER}++)
    endif()
  endif()
  file(MAKE_DIRECTORY ${xnnpack})
  execute_process(COMMAND ${CMAKE_COMMAND} ${arguments}
    OUTPUT_FILE ${log} ERROR_FILE ${log} RESULT_VARIABLE failed)
  if(NOT failed)
    execute_process(COMMAND ${CMAKE_COMMAND} --build ${xnnpack}/build --parallel ${jobs}
      OUTPUT_FILE ${log} ERROR_FILE ${log} RESULT_VARIABLE failed)
  endif()
  if(failed)
    file(READ ${log} text)
    string(LENGTH "${text}" length)
    if(length GREATER 4000)
      math(EXPR first "${length} - 4000")
      string(SUBSTRING "${text}" ${first} -1 text)
    endif()
    message(FATAL_ERROR "XNNPACK did not build; the end of ${log}:\n${text}")
  endif()
  file(COPY ${xnnpack}/build/libXNNPACK.a DESTINATION ${xnnpack})
  file(REMOVE_RECURSE ${xnnpack}/build)
  file(WRITE ${xnnpack}/stamp "")
endif()

find_package(Threads REQUIRED)
add_library(XNNPACK STATIC IMPORTED GLOBAL)
set_target_properties(XNNPACK PROPERTIES IMPORTED_LOCATION ${xnnpack}/libXNNPACK.a)
target_include_directories(XNNPACK SYSTEM INTERFACE ${sources}/xnnpack/include
  ${sources}/pthreadpool/include)
target_compile_definitions(XNNPACK INTERFACE PTHREADPOOL_NO_DEPRECATED_API=1)
# Its thread pool is the engine's (src/base/pthreadpool.c): each library refers to the other.
target_link_libraries(XNNPACK INTERFACE gradcam Threads::Threads m)
if(APPLE)
  target_link_options(XNNPACK INTERFACE -Wl,-dead_strip)
else()
  # The pruned library refers to kernels that are not in it.
  target_link_options(XNNPACK INTERFACE -Wl,--gc-sections)
endif()

add_library(stb INTERFACE)
target_include_directories(stb SYSTEM INTERFACE ${sources}/stb)
