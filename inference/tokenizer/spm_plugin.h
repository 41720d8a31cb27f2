#pragma once
// The C interface of libselvedge_spm.so: sentencepiece behind five symbols.
//
// Debian's libsentencepiece carries its own protobuf, which crashes beside LibTorch's in one
// process unless its symbols are bound deep inside a library of its own (docs/inference.md).

#include <stddef.h>
#include <stdint.h>

extern "C" {

struct selvedge_spm;  // a loaded sentencepiece model; safe for concurrent encodes

// `proto`: a serialized sentencepiece ModelProto. Null if sentencepiece refuses it.
selvedge_spm* selvedge_spm_create(const char* proto, size_t size);
void selvedge_spm_destroy(selvedge_spm* spm);

// Ids of `text` (well-formed UTF-8), in memory that selvedge_spm_free_ids takes back. 0 if well.
int selvedge_spm_encode(const selvedge_spm* spm, const char* text, size_t size, int32_t** ids,
                        size_t* count);
void selvedge_spm_free_ids(int32_t* ids);

// Version of this interface.
int selvedge_spm_abi_version(void);
}
