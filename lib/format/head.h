/* The frames of a stream that are not tensors: lib/format's own. formats/lat.5 has the picture. */
#ifndef FORMAT_HEAD_H
#define FORMAT_HEAD_H

#include <stdint.h>

enum {
	HEAD_MAGIC = 0x184D2A5D, /* one of zstd's sixteen for skippable frames */
	HEAD_MAJOR = 1,
	HEAD_MINOR = 0,
	HEAD_RECORD = 'R',
	HEAD_END = 'E',
	HEAD_FRONT = 16, /* bytes before the JSON */
	HEAD_BACK = 4, /* the CRC behind it */
	HEAD_SKIPPED = 8, /* of these, zstd's own, which its length does not count */
};
#define HEAD_NAME "LATP"

#endif
