# Target sluice::rdkafka: a librdkafka of at least 2.4. Debian 13 has one; on Debian 12 the library is
# taken from the confluent-kafka wheel (same C ABI) and the header from librdkafka-dev.
pkg_check_modules(RDKAFKA QUIET IMPORTED_TARGET rdkafka>=2.4)
if(RDKAFKA_FOUND)
  add_library(sluice::rdkafka ALIAS PkgConfig::RDKAFKA)
  return()
endif()
find_path(RDKAFKA_INCLUDE_DIR librdkafka/rdkafka.h REQUIRED)
file(GLOB _rdkafka_so ${SLUICE_DEPS_DIR}/venv/lib/python3*/site-packages/confluent_kafka.libs/librdkafka-*.so*)
if(NOT _rdkafka_so)
  message(FATAL_ERROR "no librdkafka >= 2.4: run scripts/deps (looked for the confluent-kafka wheel in ${SLUICE_DEPS_DIR}/venv)")
endif()
add_library(sluice::rdkafka SHARED IMPORTED)
set_target_properties(sluice::rdkafka PROPERTIES IMPORTED_LOCATION ${_rdkafka_so}
                      INTERFACE_INCLUDE_DIRECTORIES ${RDKAFKA_INCLUDE_DIR})
# The library finds its neighbours in the wheel beside itself.
file(GLOB _rdkafka_neighbours ${SLUICE_DEPS_DIR}/venv/lib/python3*/site-packages/confluent_kafka.libs/*.so*)
list(APPEND SLUICE_BUNDLED_LIBRARIES ${_rdkafka_neighbours})
