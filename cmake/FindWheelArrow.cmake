# Target sluice::arrow: a system Arrow where CMake finds one, else the one in the pyarrow wheel.
find_package(Arrow CONFIG QUIET)
if(Arrow_FOUND)
  add_library(sluice::arrow ALIAS Arrow::arrow_shared)
  return()
endif()
file(GLOB _pyarrow LIST_DIRECTORIES true ${SLUICE_DEPS_DIR}/venv/lib/python3*/site-packages/pyarrow)
if(NOT _pyarrow)
  message(FATAL_ERROR "no Arrow: run scripts/deps (looked for the pyarrow wheel in ${SLUICE_DEPS_DIR}/venv)")
endif()
file(GLOB _arrow_so ${_pyarrow}/libarrow.so.*)
add_library(sluice::arrow SHARED IMPORTED)
set_target_properties(sluice::arrow PROPERTIES IMPORTED_LOCATION ${_arrow_so}
                      INTERFACE_INCLUDE_DIRECTORIES ${_pyarrow}/include)
