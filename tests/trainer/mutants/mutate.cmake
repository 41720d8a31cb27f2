# Writes OUT: SOURCE with each "from => to" of CHANGES (a file, one per line pair) applied exactly once. A change whose
# text is no longer there fails the build, so that mutants cannot go stale.
#   cmake -DSOURCE=a.cc -DCHANGES=noise_off.txt -DOUT=b.cc -P mutate.cmake
# A changes file: lines "- TEXT" (to be found) each followed by "+ TEXT" (what replaces it); other lines are comments; @
# stands for a semicolon.
file(READ "${SOURCE}" text)
file(STRINGS "${CHANGES}" lines)
set(found "")
foreach(line IN LISTS lines)
  if(line MATCHES "^- (.*)$")
    set(found "${CMAKE_MATCH_1}")
  elseif(line MATCHES "^\\+ (.*)$")
    set(replacement "${CMAKE_MATCH_1}")
    string(FIND "${text}" "${found}" first)
    string(FIND "${text}" "${found}" last REVERSE)
    if(first EQUAL -1 OR NOT first EQUAL last)
      message(FATAL_ERROR "${CHANGES}: not exactly once in ${SOURCE}: ${found}")
    endif()
    string(REPLACE "@" ";" replacement "${replacement}")  # a semicolon would split CMake's lists
    string(REPLACE "${found}" "${replacement}" text "${text}")
  endif()
endforeach()
file(WRITE "${OUT}" "${text}")
