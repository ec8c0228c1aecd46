# The WebAssembly link, in one place. Each preset gives one .wasm; the JavaScript glue of both is
# the same file (emscripten/build.mjs compares them), so that web/dist/ holds
#   gradcam-simd.js        ES module, the factory function; loads either of
#   gradcam-simd.wasm      128-bit SIMD
#   gradcam-relaxed.wasm   and fused multiply-add (relaxed SIMD)
# Both are called gradcam-simd.* while they are linked: the names stand in the glue, where bundlers
# look for files of that name.
#
# Exported: what src/gradcam.h marks GCAM_EXPORT, malloc, free, the memory. The caller of the
# factory may pass wasmMemory (a lower maximum on devices that refuse 4 GB), INITIAL_MEMORY,
# instantiateWasm, wasmBinary, locateFile, print, printErr, onAbort, and pthreadPoolSize (threads
# minus 1; 0 where threads cannot be had): so many workers run before the factory's promise resolves.
add_executable(gradcam-simd ${CMAKE_CURRENT_LIST_DIR}/empty.c)
set(pre_js ${CMAKE_CURRENT_LIST_DIR}/pre.js)
set_target_properties(gradcam-simd PROPERTIES SUFFIX .js LINK_DEPENDS ${pre_js})
# The whole library: nothing refers to the exported functions, so a linker would take none of them.
target_link_options(gradcam-simd PRIVATE
  -Wl,--whole-archive $<TARGET_FILE:gradcam> -Wl,--no-whole-archive)
target_link_libraries(gradcam-simd PRIVATE gradcam)
set(settings
  MODULARIZE EXPORT_ES6 EXPORT_NAME=createGradcam ENVIRONMENT=web,worker,node
  STRICT
  # No eval (strict content security policies), no file system, no longjmp, no process handlers.
  DYNAMIC_EXECUTION=0 FILESYSTEM=0 SUPPORT_LONGJMP=0 NODEJS_CATCH_EXIT=0 NODEJS_CATCH_REJECTION=0
  # Growing by a fifth at a time would leave up to 96 MB unused behind a large network.
  ALLOW_MEMORY_GROWTH MEMORY_GROWTH_LINEAR_STEP=8MB
  INITIAL_MEMORY=32MB MAXIMUM_MEMORY=4GB MALLOC=dlmalloc
  STACK_SIZE=1MB DEFAULT_PTHREAD_STACK_SIZE=1MB
  "PTHREAD_POOL_SIZE=Module['pthreadPoolSize']"
  EXPORTED_FUNCTIONS=_malloc,_free
  EXPORTED_RUNTIME_METHODS=wasmMemory,HEAPU8,HEAPF32,PThread)
string(JOIN , incoming wasmMemory INITIAL_MEMORY instantiateWasm wasmBinary locateFile print
  printErr onAbort)
list(APPEND settings INCOMING_MODULE_JS_API=${incoming})
list(TRANSFORM settings REPLACE "^([A-Z].*)$" "-s\\1")
target_link_options(gradcam-simd PRIVATE
  -Oz --no-entry -Wno-pthreads-mem-growth ${settings} --pre-js ${pre_js})

string(REPLACE wasm- "" wasm_name ${GRADCAM_VARIANT})
set(dist ${CMAKE_SOURCE_DIR}/web/dist)
add_custom_command(TARGET gradcam-simd POST_BUILD
  COMMAND node ${CMAKE_CURRENT_LIST_DIR}/glue.mjs gradcam-simd.js
  COMMAND ${CMAKE_COMMAND} -E make_directory ${dist}
  COMMAND ${CMAKE_COMMAND} -E copy_if_different gradcam-simd.js ${dist}/gradcam-simd.js
  COMMAND ${CMAKE_COMMAND} -E copy_if_different gradcam-simd.wasm ${dist}/gradcam-${wasm_name}.wasm)
