#include "cli/network.h"

#include <string.h>

#include "cli/cli.h"

enum nn_math cli_math(void) { return strcmp(cli_common.math, "fast") ? NN_EXACT : NN_FAST; }

void cli_note_identity(const weights *w)
{
	if (!w->identity_stored)
		cli_note("the model's file holds no identity: it was computed");
}
