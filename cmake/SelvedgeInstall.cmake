# What `cmake --install` puts where:
#   bin/selvedge                  the command
#   include/selvedge/             the public headers
#   lib/libselvedge.so            the C API
#   lib/selvedge/*.a              the C++ API and what it is made of
#   lib/selvedge/selvedge-server  what `selvedge serve` starts
#   lib/selvedge/libselvedge_{trainer,spm}.so   loaded on first use
#   lib/cmake/selvedge/           find_package(selvedge): selvedge::sdk (C++) and selvedge::c
# and the target that builds these and nothing else, which is what `./dev build` makes.
include(CMakePackageConfigHelpers)

add_custom_target(selvedge_product DEPENDS selvedge_cli selvedge_server selvedge_trainer selvedge_spm
                  selvedge_c)

install(TARGETS selvedge_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS selvedge_server RUNTIME DESTINATION ${CMAKE_INSTALL_LIBDIR}/selvedge)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/selvedge DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS selvedge_trainer selvedge_spm LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/selvedge)
selvedge_install_library(selvedge_c)
target_include_directories(selvedge_c INTERFACE $<INSTALL_INTERFACE:include>)
# A program that links the static libraries finds the loaded ones through its run path, which is
# made of the place where the package lies now.
target_link_options(selvedge_sdk INTERFACE
  "$<INSTALL_INTERFACE:LINKER:-rpath,$<INSTALL_PREFIX>/${CMAKE_INSTALL_LIBDIR}/selvedge>")

set(SELVEDGE_CONFIG_FOLDER ${CMAKE_INSTALL_LIBDIR}/cmake/selvedge)
install(EXPORT SelvedgeTargets NAMESPACE selvedge:: FILE selvedge-targets.cmake
        DESTINATION ${SELVEDGE_CONFIG_FOLDER})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/selvedge-config.cmake.in
  ${PROJECT_BINARY_DIR}/selvedge-config.cmake INSTALL_DESTINATION ${SELVEDGE_CONFIG_FOLDER})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/selvedge-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/selvedge-config.cmake
              ${PROJECT_BINARY_DIR}/selvedge-config-version.cmake
        DESTINATION ${SELVEDGE_CONFIG_FOLDER})
