# selvedge_module(NAME SOURCES a.cc ... DEPS selvedge_core ... [SYSTEM_DEPS PkgConfig::x ...])
#   One static library per folder. DEPS are public: they are the folder's row of the layer table.
# selvedge_test(NAME SOURCES a.cc ... DEPS selvedge_core ... [WHOLE] [LABELS concurrency])
#   One GoogleTest program; each TEST is a ctest of its own unless WHOLE (for programs that are slow to start).

include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(SELVEDGE_CCACHE ccache)
if(SELVEDGE_CCACHE AND PROJECT_IS_TOP_LEVEL)
  set(CMAKE_C_COMPILER_LAUNCHER ${SELVEDGE_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SELVEDGE_CCACHE})
endif()

add_library(selvedge_options INTERFACE)
target_include_directories(selvedge_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:include>)
target_compile_features(selvedge_options INTERFACE $<INSTALL_INTERFACE:cxx_std_20>)
# Warnings are for this build; who links an installed library has its own.
target_compile_options(selvedge_options INTERFACE
  "$<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wshadow;-Wno-missing-field-initializers>>")
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 sees impossible overlaps in std::string operator+ (GCC bug 105651).
  target_compile_options(selvedge_options INTERFACE "$<BUILD_INTERFACE:$<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>>")
endif()
if(SELVEDGE_SANITIZE)
  target_compile_options(selvedge_options INTERFACE -fsanitize=${SELVEDGE_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=undefined)
  target_link_options(selvedge_options INTERFACE -fsanitize=${SELVEDGE_SANITIZE})
  target_compile_definitions(selvedge_options INTERFACE SELVEDGE_SANITIZED=1)
endif()

# An installed package's selvedge::NAME for the target selvedge_NAME.
function(selvedge_install_library name)
  string(REGEX REPLACE "^selvedge_" "" short ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${short})
  install(TARGETS ${name} EXPORT SelvedgeTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}/selvedge
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()
selvedge_install_library(selvedge_options)

function(selvedge_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;SYSTEM_DEPS" ${ARGN})
  if(ARG_SOURCES)
    add_library(${name} STATIC ${ARG_SOURCES})
    target_link_libraries(${name} PUBLIC selvedge_options ${ARG_DEPS} PRIVATE ${ARG_SYSTEM_DEPS})
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE selvedge_options ${ARG_DEPS})
  endif()
  selvedge_install_library(${name})
endfunction()

function(selvedge_test name)
  cmake_parse_arguments(ARG "WHOLE" "LABELS" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE SELVEDGE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                             SELVEDGE_BINARY_DIR="${PROJECT_BINARY_DIR}"
                             $<$<BOOL:${CMAKE_CROSSCOMPILING}>:SELVEDGE_EMULATED=1>)
  set(properties)
  if(ARG_LABELS)
    set(properties PROPERTIES LABELS ${ARG_LABELS})
  endif()
  if("concurrency" IN_LIST ARG_LABELS)
    add_dependencies(concurrency_tests ${name})
  endif()
  if(ARG_WHOLE)
    add_test(NAME ${name} COMMAND ${name})
    if(properties)
      set_tests_properties(${name} ${properties})
    endif()
  else()
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST TEST_PREFIX ${name}. ${properties})
  endif()
endfunction()
