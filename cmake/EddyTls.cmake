# eddy-tls: TLS as a library of its own. EDDY_TLS says whether it is wanted; EDDY_HAVE_TLS is set
# if there is an OpenSSL to build it with.

set(EDDY_HAVE_TLS FALSE)
if(EDDY_TLS)
  pkg_check_modules(OPENSSL QUIET IMPORTED_TARGET libssl>=3.0 libcrypto>=3.0)
  if(OPENSSL_FOUND)
    set(EDDY_HAVE_TLS TRUE)
  else()
    message(STATUS "eddy-tls is left out: OpenSSL 3 was not found (Debian: libssl-dev)")
  endif()
endif()
if(NOT EDDY_HAVE_TLS)
  return()
endif()

file(GLOB EDDY_TLS_SOURCES CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/lib/tls/*.c")
add_library(eddy_tls_objects OBJECT ${EDDY_TLS_SOURCES})
set_target_properties(eddy_tls_objects PROPERTIES
  POSITION_INDEPENDENT_CODE ON
  C_VISIBILITY_PRESET hidden)
target_include_directories(eddy_tls_objects
  PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>"
  PRIVATE "${PROJECT_SOURCE_DIR}/lib")
target_compile_definitions(eddy_tls_objects PRIVATE EDDY_BUILDING)
target_compile_options(eddy_tls_objects PRIVATE ${EDDY_WARNINGS} ${EDDY_LIBRARY_OPTIONS})
target_link_libraries(eddy_tls_objects PUBLIC PkgConfig::OPENSSL)

if(EDDY_BUILD_SHARED)
  add_library(eddy_tls SHARED $<TARGET_OBJECTS:eddy_tls_objects>)
  add_library(eddy::tls ALIAS eddy_tls)
  target_link_libraries(eddy_tls PUBLIC eddy PRIVATE PkgConfig::OPENSSL)
  target_link_options(eddy_tls PRIVATE ${EDDY_SHARED_LINK_OPTIONS})
  set_target_properties(eddy_tls PROPERTIES
    OUTPUT_NAME eddy-tls EXPORT_NAME tls
    VERSION ${PROJECT_VERSION} SOVERSION 0 LINKER_LANGUAGE C
    LINK_DEPENDS "${PROJECT_SOURCE_DIR}/lib/eddy.map")
endif()

if(EDDY_BUILD_STATIC)
  add_library(eddy_tls_static STATIC $<TARGET_OBJECTS:eddy_tls_objects>)
  add_library(eddy::tls_static ALIAS eddy_tls_static)
  target_link_libraries(eddy_tls_static PUBLIC eddy_static PRIVATE PkgConfig::OPENSSL)
  set_target_properties(eddy_tls_static PROPERTIES
    OUTPUT_NAME eddy-tls EXPORT_NAME tls_static LINKER_LANGUAGE C)
  if(NOT EDDY_BUILD_SHARED)
    add_library(eddy::tls ALIAS eddy_tls_static)
  endif()
endif()
