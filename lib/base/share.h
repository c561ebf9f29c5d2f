/* How much of this machine is this process's own: processors and memory, as the scheduler's affinity and control groups bound them. */
#ifndef BASE_SHARE_H
#define BASE_SHARE_H

#include <stdint.h>

typedef struct share {
	int processors; /* at least 1 */
	uint64_t memory; /* bytes that may still be taken; 0: not known */
} share;

/* Of this process: the processors it may run on, and what its control groups leave of them and of the memory. A batch system or a container
 * bounds a job this way; so neither the machine's number of processors nor its free memory is what may be used. */
share share_own(void);

/* The same from the files under `root` ("": those of the system): proc/self/cgroup and proc/self/mountinfo tell the groups (versions 1, 2
 * and both at once) and where they are mounted, proc/meminfo what the machine has left. The limits of a group and of all groups above it
 * count, the least of each; of memory less what the group has taken, but files in the cache, which it gives back. `processors`: as many
 * there are. Files that are missing or hold something else bound nothing. */
share share_of(const char *root, int processors);

#endif
