#pragma once
// Read-only file mappings in huge pages. A model of a gigabyte in pages of 4 KiB is a quarter of a
// million entries of page tables, read again for every token; in pages of 2 MiB it is five hundred.
//
// Source: Linux Documentation/admin-guide/mm/transhuge.rst.

#include <cstdint>
#include <span>

#include <selvedge/status.h>

#include "core/thread_pool.h"

namespace selvedge::core {

// Whether the system gives huge pages to those who ask for them.
bool HugePagesAvailable();

// Replaces the pages of a private mapping by a copy in anonymous memory, at the same addresses and
// with the same bytes, asking for huge pages. Others may read the mapping meanwhile. The copy
// belongs to this process alone: it takes as much memory as the mapping, which the system cannot
// take back; the file's own pages in the page cache become free to be dropped. At most 16 MiB per
// thread of the pool are held twice. kLimit if memory is out: what was copied until then stays.
Status MoveToHugePages(std::span<const uint8_t> mapping, ThreadPool& pool);

}  // namespace selvedge::core
