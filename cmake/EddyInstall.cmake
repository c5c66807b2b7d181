# Headers, libraries, eddy.pc and the files for find_package(eddy). Nothing installed names
# the prefix: the tree may be moved afterwards.

include(CMakePackageConfigHelpers)

set(left_out "")
if(NOT EDDY_HAVE_TLS)
  set(left_out PATTERN "tls.h" EXCLUDE)
endif()
install(DIRECTORY include/ DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING PATTERN "*.h" ${left_out})

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/eddy")
# Two export sets: a prefix may get the libraries one at a time.
if(EDDY_BUILD_SHARED)
  install(TARGETS eddy EXPORT eddyShared
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT eddyShared NAMESPACE eddy:: FILE eddySharedTargets.cmake
    DESTINATION "${package_dir}")
endif()
if(EDDY_BUILD_STATIC)
  install(TARGETS eddy_static EXPORT eddyStatic
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT eddyStatic NAMESPACE eddy:: FILE eddyStaticTargets.cmake
    DESTINATION "${package_dir}")
endif()

if(TARGET eddy_tls)
  install(TARGETS eddy_tls EXPORT eddyTlsShared
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT eddyTlsShared NAMESPACE eddy:: FILE eddyTlsSharedTargets.cmake
    DESTINATION "${package_dir}")
endif()
if(TARGET eddy_tls_static)
  install(TARGETS eddy_tls_static EXPORT eddyTlsStatic
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT eddyTlsStatic NAMESPACE eddy:: FILE eddyTlsStaticTargets.cmake
    DESTINATION "${package_dir}")
endif()

configure_package_config_file(cmake/eddyConfig.cmake.in eddyConfig.cmake
  INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(eddyConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/eddyConfig.cmake"
  "${PROJECT_BINARY_DIR}/eddyConfigVersion.cmake" DESTINATION "${package_dir}")

# ${pcfiledir} is where eddy.pc itself is: the way from there to the prefix is fixed.
set(pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH pc_to_prefix "/prefix/${pc_dir}" "/prefix")
string(REGEX REPLACE "/$" "" pc_to_prefix "${pc_to_prefix}")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  message(FATAL_ERROR "CMAKE_INSTALL_LIBDIR and CMAKE_INSTALL_INCLUDEDIR must be relative")
endif()
# With the static library alone, whoever links it needs libuv too.
if(EDDY_BUILD_SHARED)
  set(pc_requires Requires.private)
else()
  set(pc_requires Requires)
endif()
configure_file(cmake/eddy.pc.in eddy.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/eddy.pc" DESTINATION "${pc_dir}")
if(EDDY_HAVE_TLS)
  configure_file(cmake/eddy-tls.pc.in eddy-tls.pc @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/eddy-tls.pc" DESTINATION "${pc_dir}")
endif()
install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
