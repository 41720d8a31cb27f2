# Fails if an object that was compiled for one instruction set exports a weak symbol: the linker may
# keep that copy for the whole program, which then dies on processors without the instructions.
#   cmake -DNM=<nm> -DOBJECTS=<a.o|b.o> -P no_weak_symbols.cmake
string(REPLACE "|" ";" objects "${OBJECTS}")
list(FILTER objects INCLUDE REGEX "_avx[^/]*$")
if(NOT objects)
  message(FATAL_ERROR "no objects of an instruction set were given")
endif()
foreach(object IN LISTS objects)
  execute_process(COMMAND ${NM} --defined-only ${object} OUTPUT_VARIABLE symbols
                  COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]* [VWuvw] [^\n]*" weak "${symbols}")
  if(weak)
    message(FATAL_ERROR "${object} has weak symbols:\n${weak}")
  endif()
endforeach()
list(LENGTH objects count)
message(STATUS "${count} objects without weak symbols")
