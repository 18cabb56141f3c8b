/* SPDX-License-Identifier: MIT */
/** @file
 *  Models: the list of them, and how one is searched. */
#ifndef TH_EXPLORER_MODELS_H
#define TH_EXPLORER_MODELS_H

#include "strategy.h"

/** The first of all registered models, by file and order; the others by `next`. */
model *models_all(void);

/** Fill in the search of a model; `long_form` takes its wider bound. */
void models_prepare(const model *one, bool long_form, search *ret_search);

/** How many threads it has. */
unsigned models_threads(const model *one);

#endif
