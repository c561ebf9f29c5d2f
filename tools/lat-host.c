/* lat-host: what of this machine a job may use. */
#include <inttypes.h>
#include <stdio.h>

#include "base/share.h"
#include "cli/cli.h"

static const struct cli tool = {
	"lat-host", "print the processors and the memory that may be used here", "", 0, 0, CLI_JSON | CLI_BARE, NULL,
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
