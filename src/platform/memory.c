/* SPDX-License-Identifier: MIT */
/** @file
 *  Memory.
 *
 *  Purpose     One seam for allocation, so that its failure can be injected and counted.
 *  Rejected    An allocator of our own: nothing on a fast path allocates. */
#include "platform/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "platform/fault.h"

void *th_alloc(size_t bytes)
{
    return th_fault(TH_FAULT_ALLOCATION) ? NULL : calloc(1, bytes);
}

void th_free(void *memory)
{
    free(memory);
}

char *th_copy_string(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = th_fault(TH_FAULT_ALLOCATION) ? NULL : malloc(bytes);
    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

void *th_pages(size_t bytes)
{
    if (th_fault(TH_FAULT_MAPPING))
        return NULL;
    int saved = errno;
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    return pages == MAP_FAILED ? NULL : pages;
}
