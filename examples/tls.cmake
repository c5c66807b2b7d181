# ---- TLS, against the openssl program and Python's asyncio ----

if(WIN32 OR NOT EDDY_HAVE_TLS)
  return()
endif()

eddy_add_example(tls_client)
target_link_libraries(tls_client PRIVATE eddy::tls)

find_program(EDDY_OPENSSL openssl DOC "The openssl program: a peer for the tests of TLS")
if(EDDY_BUILD_TESTS AND EDDY_OPENSSL)
  set(python "")
  if(EDDY_PYTHON3)
    set(python "${EDDY_PYTHON3}")
  endif()
  foreach(backend IN LISTS kernel_backends)
    eddy_add_entry("${backend}/example.tls" ""
      sh "${PROJECT_SOURCE_DIR}/tests/check_tls.sh" "$<TARGET_FILE_DIR:tls_client>" ${backend}
      "${EDDY_OPENSSL}" ${python})
    set_tests_properties("${backend}/example.tls" PROPERTIES LABELS example TIMEOUT 180)
  endforeach()
endif()
