# Third-party libraries; scripts/deps installs them and names their versions.
# A system Arrow or librdkafka (>= 2.4) is preferred; else the ones inside the Python wheels
# under SLUICE_DEPS_DIR are used (Debian 12 has no Arrow and a librdkafka that is too old).
set(SLUICE_DEPS_DIR "$ENV{SLUICE_DEPS_DIR}" CACHE PATH "where scripts/deps put what is not from Debian")
if(NOT SLUICE_DEPS_DIR)
  set(SLUICE_DEPS_DIR "$ENV{HOME}/.cache/sluice/deps" CACHE PATH "" FORCE)
endif()

find_package(Threads REQUIRED)
find_package(absl REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark QUIET)  # scripts/deps --for build leaves it out: images have no benchmarks
find_package(PostgreSQL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
find_package(prometheus-cpp CONFIG REQUIRED)
find_path(CLI11_INCLUDE_DIR CLI/CLI.hpp REQUIRED)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)  # headers only: hashes of 128 bits, which no other library here has
find_library(MIMALLOC_LIBRARY mimalloc)
# The services link mimalloc first: the consume path costs a tenth less than with glibc's malloc.
if(MIMALLOC_LIBRARY AND NOT SLUICE_SANITIZE)
  set(SLUICE_ALLOCATOR -Wl,--push-state,--no-as-needed ${MIMALLOC_LIBRARY} -Wl,--pop-state)
endif()

include(FindWheelArrow)
include(FindCurrentRdkafka)
