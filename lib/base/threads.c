#include "base/threads.h"

#include <omp.h>

static int wanted;

void threads_set(int n) { wanted = n; }

int threads_count(void) { return wanted ? wanted : omp_get_max_threads(); }
