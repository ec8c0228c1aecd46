# The WebAssembly link, in one place. It gives, in web/dist/,
#   gradcam.js     ES module, the factory function
#   gradcam.wasm   128-bit SIMD with fused multiply-add (relaxed SIMD)
#
# Exported: what src/gradcam.h marks GCAM_EXPORT, malloc, free, the memory. The caller of the
# factory passes wasmMemory (a lower maximum on devices that refuse 4 GB), instantiateWasm and
# pthreadPoolSize (threads minus 1; 0 where threads cannot be had): so many workers run before the
# factory's promise resolves.
# threadMade and threadFailed get each thread's Worker, and the event of one that fails (see pre.js).
add_executable(engine ${CMAKE_CURRENT_LIST_DIR}/empty.c)
set(pre_js ${CMAKE_CURRENT_LIST_DIR}/pre.js)
set_target_properties(engine PROPERTIES OUTPUT_NAME gradcam SUFFIX .js LINK_DEPENDS ${pre_js})
# The whole library: nothing refers to the exported functions, so a linker would take none of them.
target_link_options(engine PRIVATE
  -Wl,--whole-archive $<TARGET_FILE:gradcam> -Wl,--no-whole-archive)
target_link_libraries(engine PRIVATE gradcam)
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
list(APPEND settings INCOMING_MODULE_JS_API=wasmMemory,instantiateWasm)
list(TRANSFORM settings REPLACE "^([A-Z].*)$" "-s\\1")
target_link_options(engine PRIVATE
  -Oz --no-entry -Wno-pthreads-mem-growth ${settings} --pre-js ${pre_js})

set(dist ${CMAKE_SOURCE_DIR}/web/dist)
add_custom_command(TARGET engine POST_BUILD
  COMMAND node ${CMAKE_CURRENT_LIST_DIR}/glue.mjs gradcam.js
  COMMAND ${CMAKE_COMMAND} -E make_directory ${dist}
  COMMAND ${CMAKE_COMMAND} -E copy_if_different gradcam.js gradcam.wasm ${dist})
