/* SPDX-License-Identifier: MIT */
/** @file
 *  Status: the closed list in words, and the version.
 *
 *  Purpose     thrum_strerror, thrum_version. */
#include "thrum/status.h"

#include "thrum/version.h"

const char *thrum_strerror(int status)
{
    switch (status) {
    case THRUM_OK: return "success";
    case THRUM_EPERM: return "not held by the caller";
    case THRUM_EAGAIN: return "can't start new thread";
    case THRUM_ENOMEM: return "out of memory";
    case THRUM_EINVAL: return "invalid argument";
    case THRUM_EDEADLK: return "the wait could never end";
    case THRUM_EOVERFLOW: return "released or done too often";
    case THRUM_ESHUTDOWN: return "shut down";
    case THRUM_ETIMEDOUT: return "timed out";
    case THRUM_ECANCELLED: return "cancelled";
    case THRUM_EEMPTY: return "empty";
    case THRUM_EFULL: return "full";
    case THRUM_EFAILED: return "the task failed";
    case THRUM_EBROKEN: return "broken";
    case THRUM_ESTATE: return "not possible in this state";
    default: return "unknown status";
    }
}

const char *thrum_version(void)
{
    return THRUM_VERSION_STRING;
}
