/* What control groups leave of a machine, on files that are like those of the system. */
#include "../unit.h"

#include <sys/stat.h>

#include "base/share.h"

static char root[512];
static int cases;

/* A new root, with MemAvailable of 8,000,000 kB. */
static void begin(void)
{
	snprintf(root, sizeof root, "%s/%d", test_folder(), cases++);
	assert_int_equal(mkdir(root, 0777), 0);
}

/* A file under the root, its folders with it. */
static void put(const char *path, const char *text)
{
	char full[1024];
	snprintf(full, sizeof full, "%s%s", root, path);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		mkdir(full, 0777);
	}
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void is(int processors, uint64_t memory)
{
	share s = share_of(root, 16);
	assert_int_equal(s.processors, processors);
	assert_int_equal(s.memory, memory);
}

#define MEMINFO "MemTotal:       16000000 kB\nMemFree:          100000 kB\nMemAvailable:    8000000 kB\n"
#define FREE (8000000ull * 1024)
#define SECOND "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

static void no_groups(void **state)
{
	(void)state;
	begin();
	is(16, 0);
	assert_int_equal(share_of(root, 0).processors, 1);
	put("/proc/meminfo", MEMINFO);
	is(16, FREE);
	put("/proc/self/cgroup", "0::/\n");
	put("/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" SECOND);
	is(16, FREE);
}

static void second_version(void **state)
{
	(void)state;
	begin();
	put("/proc/meminfo", MEMINFO);
	put("/proc/self/cgroup", "0::/user.slice/job:1.scope\n");
	put("/proc/self/mountinfo", SECOND);
	put("/sys/fs/cgroup/user.slice/job:1.scope/cpu.max", "max 100000\n");
	put("/sys/fs/cgroup/user.slice/job:1.scope/memory.max", "max\n");
	put("/sys/fs/cgroup/user.slice/job:1.scope/memory.current", "1000\n");
	is(16, FREE);
	put("/sys/fs/cgroup/user.slice/job:1.scope/cpu.max", "350000 100000\n");
	is(3, FREE);
	put("/sys/fs/cgroup/user.slice/job:1.scope/cpu.max", "50000 100000\n");
	is(1, FREE);
	put("/sys/fs/cgroup/user.slice/job:1.scope/memory.max", "600000000\n");
	put("/sys/fs/cgroup/user.slice/job:1.scope/memory.current", "500000000\n");
	is(1, 100000000);
	put("/sys/fs/cgroup/user.slice/job:1.scope/memory.stat",
	    "anon 100\ninactive_anon 7\nfile 400000000\ninactive_file 300000000\nactive_file 1\n");
	is(1, 400000000);
	/* the group above is the narrower one */
	put("/sys/fs/cgroup/user.slice/cpu.max", "1200000 100000\n");
	put("/sys/fs/cgroup/user.slice/job:1.scope/cpu.max", "max 100000\n");
	put("/sys/fs/cgroup/user.slice/memory.max", "300000000\n");
	put("/sys/fs/cgroup/user.slice/memory.current", "290000000\n");
	is(12, 10000000);
	put("/sys/fs/cgroup/user.slice/memory.current", "310000000\n");
	is(12, 1);
	put("/sys/fs/cgroup/user.slice/memory.max", "max\n");
	put("/sys/fs/cgroup/user.slice/memory.high", "400000000\n");
	is(12, 90000000);
}

static void first_version(void **state)
{
	(void)state;
	begin();
	put("/proc/meminfo", MEMINFO);
	put("/proc/self/cgroup", "12:cpuset:/\n4:memory:/slurm/job_7/step_0\n3:cpu,cpuacct:/slurm/job_7\n1:name=systemd:/x\n0::/x\n");
	put("/proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n36 31 0:33 / /sys/fs/cgroup/cpuset "
				    "rw - cgroup cgroup rw,cpuset\n"
				    "37 31 0:34 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
				    "38 31 0:35 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	put("/sys/fs/cgroup/cpu,cpuacct/slurm/job_7/cpu.cfs_quota_us", "-1\n");
	put("/sys/fs/cgroup/cpu,cpuacct/slurm/job_7/cpu.cfs_period_us", "100000\n");
	put("/sys/fs/cgroup/memory/slurm/job_7/step_0/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/fs/cgroup/memory/slurm/job_7/step_0/memory.usage_in_bytes", "500\n");
	is(16, FREE);
	put("/sys/fs/cgroup/cpu,cpuacct/slurm/job_7/cpu.cfs_quota_us", "400000\n");
	put("/sys/fs/cgroup/memory/slurm/job_7/memory.limit_in_bytes", "2000000000\n");
	put("/sys/fs/cgroup/memory/slurm/job_7/memory.usage_in_bytes", "1500000000\n");
	put("/sys/fs/cgroup/memory/slurm/job_7/memory.stat", "inactive_file 1\ntotal_inactive_file 250000000\n");
	is(4, 750000000);
	put("/sys/fs/cgroup/unified/x/cpu.max", "200000 100000\n"); /* both versions at once */
	is(2, 750000000);
}

/* A container: what is mounted is a group below the machine's top. */
static void containers(void **state)
{
	(void)state;
	begin();
	put("/proc/self/cgroup", "4:memory:/docker/abc/inner\n3:cpu:/elsewhere\n");
	put("/proc/self/mountinfo", "35 31 0:32 /docker/abc /sys/fs/my\\040groups/memory rw - cgroup cgroup rw,memory\n"
				    "36 31 0:33 /docker/abc /sys/fs/my\\040groups/cpu rw - cgroup cgroup rw,cpu\n");
	put("/sys/fs/my groups/memory/inner/memory.limit_in_bytes", "3000\n");
	put("/sys/fs/my groups/memory/inner/memory.usage_in_bytes", "1000\n");
	put("/sys/fs/my groups/cpu/cpu.cfs_quota_us", "250000\n");
	put("/sys/fs/my groups/cpu/cpu.cfs_period_us", "100000\n");
	is(2, 2000);
	begin();
	put("/proc/self/cgroup", "0::/../../other\n"); /* a namespace of groups */
	put("/proc/self/mountinfo", SECOND);
	put("/sys/fs/cgroup/cpu.max", "500000 100000\n");
	is(5, 0);
	put("/sys/fs/cgroup/cpu.max", "nonsense\n");
	is(16, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_groups),
		cmocka_unit_test(second_version),
		cmocka_unit_test(first_version),
		cmocka_unit_test(containers),
	};
	int code = cmocka_run_group_tests(tests, NULL, NULL);
	char command[600];
	snprintf(command, sizeof command, "rm -rf '%s'", test_folder());
	return system(command) ? 1 : code;
}
