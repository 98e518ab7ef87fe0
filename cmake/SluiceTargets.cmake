# The kinds of target in this tree. One folder = one target = one idea.
option(SLUICE_WERROR "Treat warnings as errors" OFF)
set(SLUICE_SANITIZE "" CACHE STRING "address, thread, fuzzer (address, and libFuzzer's coverage; clang only) or empty")
option(SLUICE_FAULTS "Fault points and mistakes for tests/faults (libs/base/fault_point.h)" OFF)

add_library(sluice_options INTERFACE)
target_compile_options(sluice_options INTERFACE -Wall -Wextra -Wno-unused-parameter
                       $<$<BOOL:${SLUICE_WERROR}>:-Werror>)
target_include_directories(sluice_options INTERFACE ${CMAKE_SOURCE_DIR}/libs ${CMAKE_SOURCE_DIR}/services)
if(SLUICE_SANITIZE STREQUAL "address")
  target_compile_options(sluice_options INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(sluice_options INTERFACE -fsanitize=address,undefined)
elseif(SLUICE_SANITIZE STREQUAL "fuzzer")
  target_compile_options(sluice_options INTERFACE -fsanitize=fuzzer-no-link,address,undefined
                         -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  target_link_options(sluice_options INTERFACE -fsanitize=address,undefined)
elseif(SLUICE_SANITIZE STREQUAL "thread")
  # Protobuf's map fields have two members more where that macro is: not so in the library, which knows nothing of it.
  target_compile_options(sluice_options INTERFACE -fsanitize=thread -fno-omit-frame-pointer -U__SANITIZE_THREAD__)
  target_link_options(sluice_options INTERFACE -fsanitize=thread)
  target_sources(sluice_options INTERFACE
                 $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${CMAKE_SOURCE_DIR}/cmake/c11_threads_for_tsan.cc>)
endif()

# sluice_library(name SOURCES a.cc ... DEPS other ...): a static library sluice_<name>.
function(sluice_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(sluice_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(sluice_${name} PUBLIC sluice_options ${ARG_DEPS})
endfunction()

# sluice_fault_points(a.cc ...): the sources of this folder that have fault points. Only they differ between the presets
# `release` and `faults`, so that ccache has the rest of one from the other. tests/faults finds a point that nobody reaches.
function(sluice_fault_points)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_DEFINITIONS $<$<BOOL:${SLUICE_FAULTS}>:SLUICE_FAULTS>)
endfunction()

# sluice_test(name SOURCES a_test.cc ... DEPS ...): a GoogleTest binary <name>_test, one ctest case.
# Tests that need a broker or a database belong to tests/functional, not here.
function(sluice_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name}_test WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()

# sluice_program(target): what `cmake --install build/release --strip --component TARGET --prefix DIR` puts
# together: bin/TARGET, and in lib/sluice the libraries that come from no Debian package.
function(sluice_program target)
  set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/sluice")
  install(TARGETS ${target} RUNTIME DESTINATION bin COMPONENT ${target})
  install(FILES ${SLUICE_BUNDLED_LIBRARIES} DESTINATION lib/sluice COMPONENT ${target})
endfunction()

# sluice_benchmark(name SOURCES a_benchmark.cc ... DEPS ...): a Google Benchmark binary <name>_benchmark. Built on
# demand: `scripts/build release benchmarks`. Its records come from bench/stage_work.h.
add_custom_target(benchmarks)
function(sluice_benchmark name)
  if(NOT benchmark_FOUND)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_benchmark EXCLUDE_FROM_ALL ${ARG_SOURCES})
  target_include_directories(${name}_benchmark PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name}_benchmark PRIVATE ${ARG_DEPS} sluice_bench benchmark::benchmark_main ${SLUICE_ALLOCATOR})
  add_dependencies(benchmarks ${name}_benchmark)
endfunction()

# sluice_service(name SOURCES a.cc ... DEPS ...): an object-like library sluice_<folder>_service plus
# the executable sluice-<name>; main.cc is the only source of the executable, so tests link the rest.
function(sluice_service name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  string(REPLACE "-" "_" folder ${name})
  add_library(sluice_${folder}_service STATIC ${ARG_SOURCES})
  target_link_libraries(sluice_${folder}_service PUBLIC sluice_options ${ARG_DEPS})
  add_executable(sluice-${name} main.cc)
  target_link_libraries(sluice-${name} PRIVATE sluice_${folder}_service ${SLUICE_ALLOCATOR})
  sluice_program(sluice-${name})
endfunction()
