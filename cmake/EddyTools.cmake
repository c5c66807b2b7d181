# The program `eddy`: traces and comparisons, on the public interface alone.

if(WIN32)
  return() # it starts programs the way POSIX does
endif()

file(GLOB tool_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/lib/tools/*.c")
file(GLOB page CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/lib/tools/page/*")
set(report "${PROJECT_BINARY_DIR}/report_template.c")
add_custom_command(OUTPUT "${report}"
  COMMAND "${CMAKE_COMMAND}" "-DFROM=${PROJECT_SOURCE_DIR}/lib/tools/page/report.html" "-DTO=${report}"
    -DNAME=eddy_report_template -P "${PROJECT_SOURCE_DIR}/cmake/embed.cmake"
  DEPENDS ${page} "${PROJECT_SOURCE_DIR}/cmake/embed.cmake"
  VERBATIM)
add_executable(eddy_tool ${tool_sources} "${report}")
set_target_properties(eddy_tool PROPERTIES
  OUTPUT_NAME eddy
  RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
target_include_directories(eddy_tool PRIVATE "${PROJECT_SOURCE_DIR}/lib")
target_compile_definitions(eddy_tool PRIVATE _GNU_SOURCE)
target_compile_options(eddy_tool PRIVATE ${EDDY_WARNINGS})
# The static library, where there is one: an installed tree may be moved.
if(TARGET eddy_static)
  target_link_libraries(eddy_tool PRIVATE eddy::static)
else()
  target_link_libraries(eddy_tool PRIVATE eddy::eddy)
endif()
install(TARGETS eddy_tool RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(FILES "${PROJECT_SOURCE_DIR}/lib/tools/eddy.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1")
