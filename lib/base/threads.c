#include "base/threads.h"

#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int wanted;

void threads_set(int n) { wanted = n; }

int threads_count(void) { return wanted ? wanted : omp_get_max_threads(); }

/* So all threads of a trial are there at once. */
static void *pass_gate(void *gate)
{
	pthread_mutex_lock(gate);
	pthread_mutex_unlock(gate);
	return NULL;
}

int threads_start(err *e)
{
	int n = threads_count(), begun = 0, failed = 0;
	pthread_t *other = NULL;
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	int code = mem_zero(&other, (size_t)n, sizeof *other, "threads", e);
	if (code)
		return code;
	pthread_mutex_lock(&gate);
	while (begun < n - 1 && !(failed = pthread_create(&other[begun], NULL, pass_gate, &gate)))
		begun++;
	pthread_mutex_unlock(&gate);
	for (int i = 0; i < begun; i++)
		pthread_join(other[i], NULL);
	free(other);
	if (failed)
		return err_set(e, ERR_OS, "%d threads cannot be started (%s): -j takes fewer", n, strerror(failed));
#pragma omp parallel num_threads(n)
	omp_get_thread_num();
	return 0;
}
