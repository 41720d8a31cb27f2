# Fails unless the library exports exactly the functions that the header declares.
#   cmake -DNM=<nm> -DLIBRARY=<libselvedge.so> -DHEADER=<c_api.h> -P c_api_exports.cmake
file(READ "${HEADER}" header)
string(REGEX MATCHALL "SELVEDGE_API [^;(]*[ *](selvedge_[a-z_]+)\\(" declarations "${header}")
list(TRANSFORM declarations REPLACE ".*[ *](selvedge_[a-z_]+)\\($" "\\1" OUTPUT_VARIABLE declared)
execute_process(COMMAND ${NM} -D --defined-only --format=posix ${LIBRARY} OUTPUT_VARIABLE symbols
                COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "(^|\n)[^ \n]+ [^A\n]" lines "${symbols}")
list(TRANSFORM lines REPLACE "\n?([^ ]+) .*" "\\1" OUTPUT_VARIABLE exported)
list(SORT declared)
list(SORT exported)
if(NOT declared STREQUAL exported)
  message(FATAL_ERROR "exported: ${exported}\ndeclared: ${declared}")
endif()
list(LENGTH exported count)
message(STATUS "${count} functions")
