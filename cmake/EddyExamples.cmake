# For examples/CMakeLists.txt.
#
#     eddy_add_example(NAME [SOURCES file ...] [THREADS])
#
# builds examples/NAME.c (or the sources named) as the program NAME. THREADS: it uses
# pthreads itself.
#
#     eddy_add_example_test(NAME BACKEND backend EXPECT file [BY_WORD] [AS name]
#                           [TIMEOUT seconds] [ARGS ...])
#
# runs it with EDDY_BACKEND=backend ("none": left unset) and compares all it prints with
# tests/expected/FILE: exactly, or, BY_WORD, each first word's lines in their order but not
# the order between words. The ctest entry is BACKEND/example.NAME, or BACKEND/example.AS
# where one program is run in several ways.

function(eddy_add_example name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "THREADS" "" "SOURCES")
  if(NOT arg_SOURCES)
    set(arg_SOURCES ${name}.c)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_compile_options(${name} PRIVATE ${EDDY_WARNINGS})
  target_link_libraries(${name} PRIVATE eddy::eddy)
  if(arg_THREADS)
    set(THREADS_PREFER_PTHREAD_FLAG ON)
    find_package(Threads REQUIRED)
    target_link_libraries(${name} PRIVATE Threads::Threads)
  endif()
endfunction()

function(eddy_add_example_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "BY_WORD" "BACKEND;EXPECT;AS;TIMEOUT" "ARGS")
  if(NOT EDDY_BUILD_TESTS OR WIN32)
    return()
  endif()
  if(NOT arg_BACKEND OR NOT arg_EXPECT OR arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "eddy_add_example_test(${name}): BACKEND and EXPECT are needed, "
      "'${arg_UNPARSED_ARGUMENTS}' is not understood")
  endif()
  if(NOT arg_AS)
    set(arg_AS ${name})
  endif()
  set(backend "${arg_BACKEND}")
  if(backend STREQUAL "none")
    set(backend "")
  endif()
  set(mode exact)
  if(arg_BY_WORD)
    set(mode by_word)
  endif()
  set(test "${arg_BACKEND}/example.${arg_AS}")
  eddy_add_entry("${test}" "${backend}"
    sh "${PROJECT_SOURCE_DIR}/tests/check_output.sh" ${mode}
    "${PROJECT_SOURCE_DIR}/tests/expected/${arg_EXPECT}"
    ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:${name}> ${arg_ARGS})
  set_tests_properties("${test}" PROPERTIES LABELS example)
  if(arg_TIMEOUT)
    set_tests_properties("${test}" PROPERTIES TIMEOUT ${arg_TIMEOUT})
  endif()
endfunction()
