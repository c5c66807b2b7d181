# Compiler and linker flags, by what the compiler understands.
#
# EDDY_WARNINGS             for all of the project's C files
# EDDY_LIBRARY_OPTIONS      for the library's own
# EDDY_DEFINITIONS          for whatever includes the library's internal headers
# EDDY_SHARED_LINK_OPTIONS  for the shared library
# Sanitizers, coverage and hardening are set for the whole tree.

include(CheckCCompilerFlag)
include(CheckLinkerFlag)

function(eddy_flags_understood list)
  set(kept ${${list}})
  foreach(flag IN LISTS ARGN)
    string(MAKE_C_IDENTIFIER "EDDY_HAVE${flag}" have)
    check_c_compiler_flag("${flag}" ${have})
    if(${have})
      list(APPEND kept "${flag}")
    endif()
  endforeach()
  set(${list} ${kept} PARENT_SCOPE)
endfunction()

set(EDDY_WARNINGS "")
set(EDDY_LIBRARY_OPTIONS "")
set(EDDY_DEFINITIONS "")
set(EDDY_SHARED_LINK_OPTIONS "")

eddy_flags_understood(EDDY_WARNINGS -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  -Wstrict-prototypes -Wmissing-prototypes -Wimplicit-fallthrough)
if(EDDY_WERROR)
  list(APPEND EDDY_WARNINGS -Werror)
endif()

# Calls inside the library go straight to the function, exported or not.
eddy_flags_understood(EDDY_LIBRARY_OPTIONS -fno-semantic-interposition)
if(NOT WIN32)
  # What runs in a thread is read at every call that waits, and the library is not made to
  # be unloaded.
  eddy_flags_understood(EDDY_LIBRARY_OPTIONS -ftls-model=initial-exec)
endif()

if(EDDY_SANITIZE)
  add_compile_options(-fsanitize=${EDDY_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${EDDY_SANITIZE})
  if(EDDY_SANITIZE MATCHES "address|thread")
    list(APPEND EDDY_DEFINITIONS EDDY_CTX_ANNOTATED)
  endif()
else()
  # A task's stack is small; sanitizers blow frames up.
  eddy_flags_understood(EDDY_LIBRARY_OPTIONS -Wframe-larger-than=2048)
endif()

if(EDDY_COVERAGE)
  add_compile_options(--coverage -fprofile-update=atomic) # threads count, too
  add_link_options(--coverage)
endif()

if(EDDY_HARDENED)
  set(hardened "")
  eddy_flags_understood(hardened -fstack-protector-strong -fstack-clash-protection
    -fcf-protection)
  add_compile_options(${hardened} -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  add_link_options(-Wl,-z,relro -Wl,-z,now)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  include(CheckPIESupported)
  check_pie_supported(LANGUAGES C)
endif()

# The version map needs a GNU-style linker; elsewhere the hidden visibility does the work.
check_linker_flag(C "-Wl,--version-script=${PROJECT_SOURCE_DIR}/lib/eddy.map"
  EDDY_HAVE_VERSION_SCRIPT)
if(EDDY_HAVE_VERSION_SCRIPT AND NOT WIN32)
  list(APPEND EDDY_SHARED_LINK_OPTIONS
    "-Wl,--version-script=${PROJECT_SOURCE_DIR}/lib/eddy.map" -Wl,-Bsymbolic-functions)
  if(NOT EDDY_SANITIZE)
    list(APPEND EDDY_SHARED_LINK_OPTIONS -Wl,-z,defs)
  endif()
endif()
