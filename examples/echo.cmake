# ---- the main job: the echo service, its load client, and the demo ----
#
# Beside eddy they use what POSIX has: processes, signals, the limit of descriptors.

if(WIN32)
  return()
endif()

foreach(name echo_min echo_server echo_load)
  eddy_add_example(${name})
endforeach()
if(EDDY_HAVE_TLS)
  target_link_libraries(echo_server PRIVATE eddy::tls)
  target_compile_definitions(echo_server PRIVATE WITH_TLS)
endif()
eddy_add_example(eddy_demo SOURCES demo.c)
add_dependencies(eddy_demo echo_server echo_load)

if(EDDY_BUILD_TESTS)
  foreach(backend IN LISTS kernel_backends)
    eddy_add_entry("${backend}/example.echo" ""
      sh "${PROJECT_SOURCE_DIR}/tests/check_echo.sh" "$<TARGET_FILE_DIR:echo_server>" ${backend})
    # A fixed port at an address of its own; only Linux has those without set-up.
    set_tests_properties("${backend}/example.echo" PROPERTIES
      LABELS example TIMEOUT 180 RESOURCE_LOCK echo_min)
  endforeach()
  eddy_add_entry(example.demo "" $<TARGET_FILE:eddy_demo> --connections 200 --requests 20)
  set_tests_properties(example.demo PROPERTIES LABELS example TIMEOUT 180)
endif()
