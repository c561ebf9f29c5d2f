/* lat-host: what of this machine a job may use. */
#include <inttypes.h>
#include <stdio.h>

#include "base/share.h"
#include "cli/cli.h"

static const struct cli tool = {
	.name = "lat-host",
	.summary = "print the processors and the memory that may be used here",
	.operands = "",
	.max = 0,
	.common = CLI_JSON | CLI_BARE,
};

int main(int argc, char **argv)
{
	int n;
	cli_parse(&tool, argc, argv, &n);
	share s = share_own();
	printf(cli_common.json ? "{\"processors\": %d, \"memory\": %" PRIu64 "}\n" : "processors\tmemory\n%d\t%" PRIu64 "\n", s.processors,
	       s.memory);
	return cli_done(0);
}
