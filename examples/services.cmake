# ---- the example services: each a program and a check of it under real clients ----
#
# Their clients are Python programs in tests/services and, where they are there, curl and nc.

if(WIN32)
  return()
endif()

set(services proxy chat prober pool)
foreach(name IN LISTS services)
  eddy_add_example(${name})
endforeach()
# Those that take --tls.
foreach(name proxy)
  if(EDDY_HAVE_TLS)
    target_sources(${name} PRIVATE service_tls.c)
    target_link_libraries(${name} PRIVATE eddy::tls)
  else()
    target_sources(${name} PRIVATE service_no_tls.c)
  endif()
endforeach()

if(NOT EDDY_BUILD_TESTS)
  return()
endif()
find_program(EDDY_OPENSSL openssl DOC "openssl: makes certificates, and is a client")
find_program(EDDY_PYTHON3 python3 DOC "Python 3: the clients of the example services")
if(NOT EDDY_PYTHON3)
  message(STATUS "The services of the examples are not tested: their clients need python3")
else()
  foreach(name IN LISTS services)
    foreach(backend IN LISTS kernel_backends)
      eddy_add_entry("${backend}/example.${name}" "${backend}"
        sh "${PROJECT_SOURCE_DIR}/tests/check_${name}.sh" "$<TARGET_FILE:${name}>"
        "${EDDY_PYTHON3}"
        "$<$<AND:$<BOOL:${EDDY_HAVE_TLS}>,$<BOOL:${EDDY_OPENSSL}>>:${EDDY_OPENSSL}>")
      set_tests_properties("${backend}/example.${name}" PROPERTIES LABELS example TIMEOUT 180)
    endforeach()
  endforeach()
endif()
