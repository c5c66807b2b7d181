# How the test sources become ctest entries.
#
# The sources are compiled once and linked twice: `eddy_tests_plain` has the project's own
# runner, `eddy_tests` has criterion around the same cases. EDDY_TEST_RUNNER says which of
# the two ctest calls. Each case becomes one entry per backend, `backend/suite.case`.

include(CheckFunctionExists)
include(CheckLanguage)
include(CheckLinkerFlag)

set(most native/uv uv/uv native/virtual)
set(more native/poll)
if(CMAKE_SYSTEM_NAME MATCHES "^(Linux|Android)$")
  list(PREPEND most native/epoll)
  list(PREPEND more native/uring)
endif()
set(EDDY_TEST_BACKENDS "${most}" CACHE STRING
  "The backends that every test runs on; the first is what a program gets that asks for none")
unset(most)
set(EDDY_TEST_MORE_BACKENDS "${more}" CACHE STRING
  "The backends that the scripts of cmake/ run every case on, without ctest entries of its own")
unset(more)

if(CMAKE_CROSSCOMPILING OR EDDY_SANITIZE STREQUAL "thread")
  set(CRITERION_FOUND FALSE) # it does not start under ThreadSanitizer
else()
  pkg_check_modules(CRITERION QUIET IMPORTED_TARGET criterion>=2.3)
endif()
if(CRITERION_FOUND)
  set(runner criterion)
else()
  set(runner plain)
endif()
set(EDDY_TEST_RUNNER ${runner} CACHE STRING "What runs the tests: criterion or plain")
set_property(CACHE EDDY_TEST_RUNNER PROPERTY STRINGS criterion plain)
if(EDDY_TEST_RUNNER STREQUAL "criterion" AND NOT CRITERION_FOUND)
  message(FATAL_ERROR "criterion was not found (Debian: libcriterion-dev); "
    "-DEDDY_TEST_RUNNER=plain does without it")
endif()
message(STATUS "Tests run by: ${EDDY_TEST_RUNNER}")

# What must not occur in a test's output, whatever its exit status: reports of sanitizers
# (criterion stays green over a leak), and a filter that matches nothing (over that, too).
set(EDDY_FAIL_REGEX
  "ERROR: [A-Za-z]*Sanitizer" "WARNING: ThreadSanitizer" ":[0-9]+: runtime error: "
  "Tested: 0 " "no case matches" "crashed during its setup or teardown")

set(EDDY_TEST_ENVIRONMENT "UBSAN_OPTIONS=print_stacktrace=1" "TSAN_OPTIONS=halt_on_error=1")
if(EDDY_TEST_RUNNER STREQUAL "criterion")
  # Criterion would see a worker that exits in a report as one that has passed.
  list(APPEND EDDY_TEST_ENVIRONMENT "ASAN_OPTIONS=abort_on_error=1:detect_leaks=1")
else()
  list(APPEND EDDY_TEST_ENVIRONMENT "ASAN_OPTIONS=abort_on_error=0:detect_leaks=1")
endif()

# One ctest entry with what every entry has. backend "" stands for none.
function(eddy_add_entry name backend)
  add_test(NAME "${name}" COMMAND ${ARGN})
  set(environment ${EDDY_TEST_ENVIRONMENT})
  if(backend)
    list(APPEND environment "EDDY_BACKEND=${backend}")
  endif()
  set_tests_properties("${name}" PROPERTIES
    ENVIRONMENT "${environment}"
    FAIL_REGULAR_EXPRESSION "${EDDY_FAIL_REGEX}"
    TIMEOUT 60)
endfunction()

# A ctest entry for one case, "suite.case", of a test program (without _plain).
function(eddy_add_case name program case backend)
  if(EDDY_TEST_RUNNER STREQUAL "criterion")
    string(REPLACE "." "/" filter "${case}")
    eddy_add_entry("${name}" "${backend}" ${program} --filter "${filter}" -j1)
  else()
    eddy_add_entry("${name}" "${backend}" ${program}_plain --run "${case}")
  endif()
endfunction()

# Finds the cases in test sources: out gets a list of `suite.case|where`.
function(eddy_find_cases out)
  set(found "")
  set(pattern "\nEDDY_(TASK_|UNIT_)?TEST(_VIRTUAL|_KERNEL|_ON)?\\([^()]*\\)")
  foreach(source IN LISTS ARGN)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    file(READ "${source}" text)
    string(REGEX MATCHALL "${pattern}" uses "\n${text}")
    foreach(use IN LISTS uses)
      # EDDY_TEST_ON(suite,name,uv/uv): a list of its words.
      string(REGEX REPLACE "[ \t\r\n\")]" "" use "${use}")
      string(REGEX REPLACE "[(,]" ";" use "${use}")
      list(GET use 0 macro)
      list(GET use 1 suite)
      list(GET use 2 name)
      set(where any)
      if(macro MATCHES "_ON$")
        list(GET use 3 where)
      elseif(macro MATCHES "UNIT_|_VIRTUAL$|_KERNEL$")
        string(TOLOWER "${CMAKE_MATCH_0}" where)
        string(REPLACE "_" "" where "${where}")
      endif()
      list(APPEND found "${suite}.${name}|${where}")
    endforeach()
  endforeach()
  set(${out} "${found}" PARENT_SCOPE)
endfunction()

# Whether a case that belongs `where` makes sense on a backend.
function(eddy_case_fits out where backend)
  set(fits FALSE)
  if(where STREQUAL "any" OR where STREQUAL backend
      OR (where STREQUAL "virtual" AND backend MATCHES "/virtual$")
      OR (where STREQUAL "kernel" AND NOT backend MATCHES "/virtual$"))
    set(fits TRUE)
  endif()
  set(${out} ${fits} PARENT_SCOPE)
endfunction()

# The ctest entries of the cases of a test program.
function(eddy_add_cases program cases)
  foreach(entry IN LISTS cases)
    string(REPLACE "|" ";" parts "${entry}")
    list(GET parts 0 case)
    list(GET parts 1 where)
    if(where STREQUAL "unit")
      eddy_add_case("unit/${case}" ${program} ${case} "")
    endif()
    foreach(backend IN LISTS EDDY_TEST_BACKENDS)
      eddy_case_fits(fits "${where}" "${backend}")
      if(fits)
        eddy_add_case("${backend}/${case}" ${program} ${case} ${backend})
        set_tests_properties("${backend}/${case}" PROPERTIES LABELS case)
      endif()
    endforeach()
  endforeach()
endfunction()

# Writes which cases there are.
function(eddy_list_cases file cases)
  set(text "")
  foreach(entry IN LISTS cases)
    string(REPLACE "|" "\t" line "${entry}")
    string(APPEND text "${line}\n")
  endforeach()
  file(CONFIGURE OUTPUT "${file}" CONTENT "${text}" @ONLY)
endfunction()

# What test programs are compiled with: like the library, its internal headers included.
function(eddy_test_options target)
  target_include_directories(${target} PRIVATE
    "${PROJECT_SOURCE_DIR}/tests" "${PROJECT_SOURCE_DIR}/lib")
  target_compile_definitions(${target} PRIVATE _GNU_SOURCE ${EDDY_DEFINITIONS})
  target_compile_options(${target} PRIVATE ${EDDY_WARNINGS})
endfunction()

# Test programs from the same sources: PROGRAM_plain, and PROGRAM where criterion is.
# cases: as eddy_find_cases gives them.
function(eddy_add_test_programs program cases)
  add_library(${program}_objects OBJECT ${ARGN})
  eddy_test_options(${program}_objects)
  target_link_libraries(${program}_objects PUBLIC eddy_objects)

  add_executable(${program}_plain $<TARGET_OBJECTS:${program}_objects>
    "${PROJECT_SOURCE_DIR}/tests/runner.c")
  eddy_test_options(${program}_plain)
  target_link_libraries(${program}_plain PRIVATE eddy_objects)

  if(EDDY_TEST_RUNNER STREQUAL "criterion")
    set(list "#include \"criterion.h\"\n\n")
    foreach(case IN LISTS cases)
      string(REGEX REPLACE "^([^.]+)\\.([^|]+)\\|.*" "EDDY_CRITERION_CASE(\\1, \\2)" line "${case}")
      string(APPEND list "${line}\n")
    endforeach()
    set(file "${CMAKE_CURRENT_BINARY_DIR}/${program}_criterion.c")
    file(CONFIGURE OUTPUT "${file}" CONTENT "${list}" @ONLY)
    add_executable(${program} $<TARGET_OBJECTS:${program}_objects> "${file}")
    target_include_directories(${program} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${program} PRIVATE eddy_objects PkgConfig::CRITERION)
  endif()
endfunction()
