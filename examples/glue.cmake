# ---- glue: libraries that wait by themselves, in an eddy program ----
#
# eddy needs none of them; an example whose library is missing is left out.

if(WIN32)
  return()
endif()

pkg_check_modules(LIBCURL QUIET IMPORTED_TARGET libcurl>=7.85)
if(LIBCURL_FOUND)
  eddy_add_example(curl_fetch SOURCES curl/curl_fetch.c curl/eddy_curl.c)
  target_link_libraries(curl_fetch PRIVATE PkgConfig::LIBCURL)
else()
  message(STATUS "examples/curl is left out: no libcurl 7.85 (Debian: libcurl4-openssl-dev)")
endif()

pkg_check_modules(HIREDIS QUIET IMPORTED_TARGET hiredis>=0.14)
if(HIREDIS_FOUND)
  eddy_add_example(redis_demo SOURCES redis/redis_demo.c redis/eddy_redis.c)
  target_link_libraries(redis_demo PRIVATE PkgConfig::HIREDIS PkgConfig::LIBUV)
else()
  message(STATUS "examples/redis is left out: no hiredis 0.14 (Debian: libhiredis-dev)")
endif()
