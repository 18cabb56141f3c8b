/* SPDX-License-Identifier: MIT */
/** @file
 *  History: whether calls that overlapped could have happened one after the other. */
#ifndef TH_EXPLORER_HISTORY_H
#define TH_EXPLORER_HISTORY_H

#include "model.h"

#define HISTORY_MAX 24

/** True if the operations can be put in an order that respects which returned before which was
 *  called, and in which the specification allows each. */
bool history_is_linear(const model_operation *operations, unsigned count,
                       model_specification *specification);

#endif
