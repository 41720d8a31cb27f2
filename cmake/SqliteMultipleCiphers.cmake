# selvedge_sqlite: SQLite with page encryption in the SQLCipher 4 format.
#
#   SELVEDGE_SQLITE=mc         (default) SQLite3 Multiple Ciphers: the amalgamation inside the npm package that
#                              third_party/package-lock.json pins by version and SHA-512. It is fetched into the build
#                              folder at configure time and never committed; nothing of the package is executed.
#   SELVEDGE_SQLITE=sqlcipher  the system's SQLCipher >= 4, by pkg-config.
#
# A folder that already holds the package's sqlite3.c and sqlite3.h may be given instead (offline builds):
#   SELVEDGE_SQLITE_SOURCE=DIR
set(SELVEDGE_SQLITE "mc" CACHE STRING "Encrypted SQLite: mc (SQLite3 Multiple Ciphers) or sqlcipher (system)")
set_property(CACHE SELVEDGE_SQLITE PROPERTY STRINGS mc sqlcipher)
set(SELVEDGE_SQLITE_SOURCE "" CACHE PATH "Folder with sqlite3.c and sqlite3.h of SQLite3 Multiple Ciphers (empty: fetch)")

function(selvedge_fetch_sqlite out)
  set(dir ${PROJECT_BINARY_DIR}/third_party)
  set(source ${dir}/node_modules/better-sqlite3-multiple-ciphers/deps/sqlite3)
  file(SHA256 ${PROJECT_SOURCE_DIR}/third_party/package-lock.json wanted)
  set(have "")
  if(EXISTS ${dir}/fetched.sha256 AND EXISTS ${source}/sqlite3.c)
    file(READ ${dir}/fetched.sha256 have)
  endif()
  if(NOT have STREQUAL wanted)
    find_program(SELVEDGE_NPM npm)
    if(NOT SELVEDGE_NPM)
      message(FATAL_ERROR "npm is needed once, to fetch SQLite3 Multiple Ciphers (Debian: apt-get install npm). "
                          "Or give its amalgamation with -DSELVEDGE_SQLITE_SOURCE=DIR, "
                          "or use a system SQLCipher >= 4 with -DSELVEDGE_SQLITE=sqlcipher.")
    endif()
    message(STATUS "Fetching SQLite3 Multiple Ciphers with npm")
    file(COPY ${PROJECT_SOURCE_DIR}/third_party/package.json ${PROJECT_SOURCE_DIR}/third_party/package-lock.json
         DESTINATION ${dir})
    # Its cache stays in the build folder too: nothing is left in the user's home.
    execute_process(COMMAND ${SELVEDGE_NPM} ci --ignore-scripts --no-audit --no-fund --no-update-notifier
                            --cache ${dir}/npm_cache
                    WORKING_DIRECTORY ${dir} RESULT_VARIABLE rc OUTPUT_QUIET ERROR_VARIABLE err)
    if(NOT rc EQUAL 0 OR NOT EXISTS ${source}/sqlite3.c)
      message(FATAL_ERROR "npm ci failed in ${dir}:\n${err}")
    endif()
    file(WRITE ${dir}/fetched.sha256 ${wanted})
  endif()
  set(${out} ${source} PARENT_SCOPE)
endfunction()

if(SELVEDGE_SQLITE STREQUAL "mc")
  if(SELVEDGE_SQLITE_SOURCE)
    set(source ${SELVEDGE_SQLITE_SOURCE})
  else()
    selvedge_fetch_sqlite(source)
  endif()
  # Hidden symbols: LibTorch's own dependencies bring another libsqlite3 into the process, and neither may see the
  # other's functions. Only the one cipher is compiled in.
  add_library(selvedge_sqlite STATIC ${source}/sqlite3.c)
  target_include_directories(selvedge_sqlite SYSTEM PUBLIC $<BUILD_INTERFACE:${source}>)
  set_target_properties(selvedge_sqlite PROPERTIES C_VISIBILITY_PRESET hidden POSITION_INDEPENDENT_CODE ON)
  target_compile_options(selvedge_sqlite PRIVATE -w -O2)
  target_compile_definitions(selvedge_sqlite PRIVATE
    SQLITE_THREADSAFE=1 SQLITE_DQS=0 SQLITE_TEMP_STORE=3 SQLITE_OMIT_LOAD_EXTENSION SQLITE_DEFAULT_FOREIGN_KEYS=1
    SQLITE_TRUSTED_SCHEMA=0 SQLITE_DEFAULT_MEMSTATUS=0 SQLITE_SECURE_DELETE SQLITE_DEFAULT_SYNCHRONOUS=2
    SQLITE_DEFAULT_WAL_SYNCHRONOUS=2 SQLITE_OMIT_SHARED_CACHE HAVE_USLEEP=1 CODEC_TYPE=CODEC_TYPE_SQLCIPHER
    HAVE_CIPHER_SQLCIPHER=1 HAVE_CIPHER_AES_128_CBC=0 HAVE_CIPHER_AES_256_CBC=0 HAVE_CIPHER_CHACHA20=0
    HAVE_CIPHER_RC4=0 HAVE_CIPHER_ASCON128=0 HAVE_CIPHER_AEGIS=0)
  target_link_libraries(selvedge_sqlite PUBLIC Threads::Threads ${CMAKE_DL_LIBS} m)
  target_compile_definitions(selvedge_sqlite PUBLIC SELVEDGE_SQLITE_MC=1)
elseif(SELVEDGE_SQLITE STREQUAL "sqlcipher")
  pkg_check_modules(sqlcipher REQUIRED IMPORTED_TARGET sqlcipher>=4)
  add_library(selvedge_sqlite INTERFACE)
  target_link_libraries(selvedge_sqlite INTERFACE PkgConfig::sqlcipher)
  target_compile_definitions(selvedge_sqlite INTERFACE SQLITE_HAS_CODEC)
else()
  message(FATAL_ERROR "SELVEDGE_SQLITE is '${SELVEDGE_SQLITE}', allowed: mc, sqlcipher")
endif()
selvedge_install_library(selvedge_sqlite)
