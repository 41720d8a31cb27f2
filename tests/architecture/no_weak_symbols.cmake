# Fails if an object that was compiled for one instruction set exports a weak symbol: the linker may
# keep that copy for the whole program, which then dies on processors without the instructions.
# The objects are those whose compile command has an instruction-set flag, so none can be forgotten.
#   cmake -DNM=<nm> -DBUILD=<folder> -DCOMPILE_COMMANDS=<file> -P no_weak_symbols.cmake
file(STRINGS "${COMPILE_COMMANDS}" commands REGEX "\"command\".* -m(avx|sse|fma|bmi|f16c|arch)")
set(count 0)
foreach(command IN LISTS commands)
  if(NOT command MATCHES " -o ([^ ]+\\.o) ")
    message(FATAL_ERROR "no object is named in: ${command}")
  endif()
  set(object "${BUILD}/${CMAKE_MATCH_1}")
  if(NOT EXISTS "${object}")
    continue()  # of a target that was not built
  endif()
  execute_process(COMMAND ${NM} --defined-only ${object} OUTPUT_VARIABLE symbols
                  COMMAND_ERROR_IS_FATAL ANY)
  # A pointer for the unwinder is data, the same for every copy.
  string(REGEX REPLACE "[^\n]* V DW[.]ref[.][^\n]*" "" symbols "${symbols}")
  string(REGEX MATCHALL "[^\n]* [VWuvw] [^\n]*" weak "${symbols}")
  if(weak)
    message(FATAL_ERROR "${object} has weak symbols:\n${weak}")
  endif()
  math(EXPR count "${count} + 1")
endforeach()
if(count LESS 2)
  message(FATAL_ERROR "${count} objects of an instruction set were found in ${BUILD}")
endif()
message(STATUS "${count} objects without weak symbols")
