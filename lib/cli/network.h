/* What the tools that run a network share. For tools only: these functions print. */
#ifndef CLI_NETWORK_H
#define CLI_NETWORK_H

#include "model/weights.h"
#include "nn/graph.h"

/* As --math says. */
enum nn_math cli_math(void);
/* Notes that the weights just opened hold no identity, and cost the time to compute it. */
void cli_note_identity(const weights *w);

#endif
