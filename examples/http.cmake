# ---- the SOCKS5 proxy, and the HTTP server, on llhttp ----
#
# llhttp is the parser of Node.js, under the MIT licence. Where there is no library of it, its C
# sources will do, which Debian 12 has in the package node-llhttp; they are compiled from where
# they are installed, as they are (and with what they warn of being their authors' business).

if(WIN32)
  return()
endif()
eddy_add_example(socks5_proxy)

if(EDDY_BUILD_TESTS)
  find_program(EDDY_CURL curl DOC "curl: a client of the example services")
  find_program(EDDY_WRK wrk DOC "wrk: a client of the example http_server")
endif()

find_path(LLHTTP_INCLUDE_DIR llhttp.h PATHS /usr/share/include/llhttp DOC "llhttp's header")
find_library(LLHTTP_LIBRARY llhttp DOC "llhttp")
find_path(LLHTTP_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp DOC "llhttp's C sources")
if(LLHTTP_INCLUDE_DIR AND LLHTTP_LIBRARY)
  add_library(eddy_llhttp INTERFACE)
  target_link_libraries(eddy_llhttp INTERFACE "${LLHTTP_LIBRARY}")
  target_include_directories(eddy_llhttp SYSTEM INTERFACE "${LLHTTP_INCLUDE_DIR}")
elseif(LLHTTP_INCLUDE_DIR AND LLHTTP_SOURCE_DIR)
  add_library(eddy_llhttp STATIC "${LLHTTP_SOURCE_DIR}/api.c" "${LLHTTP_SOURCE_DIR}/http.c"
    "${LLHTTP_SOURCE_DIR}/llhttp.c")
  target_compile_options(eddy_llhttp PRIVATE -w)
  target_compile_definitions(eddy_llhttp PRIVATE LLHTTP_STRICT_MODE=1)
  target_include_directories(eddy_llhttp SYSTEM PUBLIC "${LLHTTP_INCLUDE_DIR}")
else()
  message(STATUS "The example http_server is left out: it needs llhttp (Debian: node-llhttp)")
endif()
if(TARGET eddy_llhttp)
  eddy_add_example(http_server
    SOURCES http_server.c http/connection.c http/files.c http/request.c)
  target_link_libraries(http_server PRIVATE eddy_llhttp)
  if(EDDY_HAVE_TLS)
    target_sources(http_server PRIVATE service_tls.c)
    target_link_libraries(http_server PRIVATE eddy::tls)
  else()
    target_sources(http_server PRIVATE service_no_tls.c)
  endif()
endif()

if(NOT EDDY_BUILD_TESTS OR NOT EDDY_PYTHON3)
  return()
endif()
foreach(backend IN LISTS kernel_backends)
  set(web "")
  if(TARGET http_server AND EDDY_CURL)
    set(web "${EDDY_CURL}" "$<TARGET_FILE:http_server>")
    eddy_add_entry("${backend}/example.http_server" "${backend}"
      sh "${PROJECT_SOURCE_DIR}/tests/check_http_server.sh" "$<TARGET_FILE:http_server>"
      "${EDDY_PYTHON3}" "${EDDY_CURL}" "$<$<BOOL:${EDDY_WRK}>:${EDDY_WRK}>"
      "$<$<AND:$<BOOL:${EDDY_HAVE_TLS}>,$<BOOL:${EDDY_OPENSSL}>>:${EDDY_OPENSSL}>")
    set_tests_properties("${backend}/example.http_server" PROPERTIES LABELS example TIMEOUT 180)
  endif()
  eddy_add_entry("${backend}/example.socks5_proxy" "${backend}"
    sh "${PROJECT_SOURCE_DIR}/tests/check_socks5_proxy.sh" "$<TARGET_FILE:socks5_proxy>"
    "${EDDY_PYTHON3}" ${web})
  set_tests_properties("${backend}/example.socks5_proxy" PROPERTIES LABELS example TIMEOUT 180)
endforeach()
if(NOT TARGET http_server OR NOT EDDY_CURL)
  message(STATUS "The example http_server is not tested: that needs llhttp and curl")
endif()
