/*
 * preload.c
 *		What the operating system gives a server, refused on demand; for LD_PRELOAD.
 *
 * What concerns all processes of a server stands in a file that they map, named by
 * LEPTON_FAULTS: the bytes that relation files may still grow by, whether segments
 * of shared memory find room, the threads that can be made.  A test writes numbers
 * into it (test/t/Faults.pm).  Memory is refused by whom fault_ask_before_memory()
 * names, in its own process (fault.c).
 *
 * Only what grows a file can fail for want of room, as on a file system that has
 * given what it once gave.  pg_wal is left alone: without room there PostgreSQL
 * panics, whatever extensions do.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* The file: numbers of 64 bits in this order. */
typedef struct Control
{
	atomic_int_fast64_t bytes_left;		  /* of relation and temporary files; below 0: no limit */
	atomic_int_fast64_t no_shared_memory; /* not 0: segments find no room */
	atomic_int_fast64_t threads_left;	  /* below 0: no limit */
	atomic_int_fast64_t n_writes;		  /* refused so far */
	atomic_int_fast64_t n_segments;
	atomic_int_fast64_t n_threads;
} Control;

static Control no_limits = { -1, 0, -1, 0, 0, 0 };
static Control *control = &no_limits;

/* Private anonymous mappings that were asked for and not given back. */
#define MAX_MAPPINGS 4096
static void *mappings[MAX_MAPPINGS];
static size_t mapping_sizes[MAX_MAPPINGS];

static bool (*refuses_memory)(void) = NULL;

__attribute__((constructor)) static void
open_control(void)
{
	const char *path = getenv("LEPTON_FAULTS");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
	void *start;

	if (fd < 0)
		return;
	start = (void *) syscall(SYS_mmap, NULL, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (start != MAP_FAILED)
		control = start;
	close(fd);
}

/* Take from what is left; false: it is not enough, and nothing is left. */
static bool
take(atomic_int_fast64_t *left, int64_t wanted)
{
	int_fast64_t now = atomic_load(left);

	while (now >= 0)
	{
		if (now < wanted)
		{
			atomic_store(left, 0);
			return false;
		}
		if (atomic_compare_exchange_weak(left, &now, now - wanted))
			break;
	}
	return true;
}

/* ---- files ---- */

static bool
path_has(int fd, const char *part)
{
	char link[64];
	char path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return false;
	path[n] = '\0';
	return strstr(path, part) != NULL;
}

/* Is there room for a file to reach this far? */
static bool
has_room(int fd, off_t end)
{
	struct stat now;

	if (atomic_load(&control->bytes_left) < 0 || !path_has(fd, "/base/"))
		return true;
	if (fstat(fd, &now) != 0 || end <= now.st_size || take(&control->bytes_left, end - now.st_size))
		return true;
	atomic_fetch_add(&control->n_writes, 1);
	errno = ENOSPC;
	return false;
}

ssize_t
pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
	return has_room(fd, offset + (off_t) size) ? syscall(SYS_pwrite64, fd, bytes, size, offset) : -1;
}

ssize_t
pwrite64(int fd, const void *bytes, size_t size, off_t offset)
{
	return pwrite(fd, bytes, size, offset);
}

ssize_t
pwritev(int fd, const struct iovec *parts, int n, off_t offset)
{
	size_t size = 0;

	for (int i = 0; i < n; i++)
		size += parts[i].iov_len;
	return has_room(fd, offset + (off_t) size) ? syscall(SYS_pwritev, fd, parts, n, offset, 0) : -1;
}

ssize_t
pwritev64(int fd, const struct iovec *parts, int n, off_t offset)
{
	return pwritev(fd, parts, n, offset);
}

int
posix_fallocate(int fd, off_t offset, off_t size)
{
	static int (*next)(int, off_t, off_t) = NULL;

	if (atomic_load(&control->no_shared_memory) != 0 && path_has(fd, "/dev/shm/"))
	{
		atomic_fetch_add(&control->n_segments, 1);
		return ENOSPC;
	}
	if (!has_room(fd, offset + size))
		return ENOSPC;
	if (next == NULL)
		*(void **) &next = dlsym(RTLD_NEXT, "posix_fallocate");
	return next(fd, offset, size);
}

int
posix_fallocate64(int fd, off_t offset, off_t size)
{
	return posix_fallocate(fd, offset, size);
}

/* ---- threads ---- */

int
pthread_create(pthread_t *id, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	static int (*next)(pthread_t *, const pthread_attr_t *, void *(*) (void *), void *) = NULL;

	if (!take(&control->threads_left, 1))
	{
		atomic_fetch_add(&control->n_threads, 1);
		return EAGAIN;
	}
	if (next == NULL)
		*(void **) &next = dlsym(RTLD_NEXT, "pthread_create");
	return next(id, attr, start, arg);
}

/* ---- memory ---- */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);

/* Asked before memory is given, on whatever thread; NULL: nobody. */
extern void fault_ask_before_memory(bool (*refuses)(void));

/* Bytes of private anonymous mappings. */
extern int64_t fault_mapped_bytes(void);

void
fault_ask_before_memory(bool (*refuses)(void))
{
	refuses_memory = refuses;
}

int64_t
fault_mapped_bytes(void)
{
	int64_t sum = 0;

	for (int i = 0; i < MAX_MAPPINGS; i++)
		sum += (int64_t) mapping_sizes[i];
	return sum;
}

static bool
refused(void)
{
	if (refuses_memory == NULL || !refuses_memory())
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return refused() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t n, size_t size)
{
	return refused() ? NULL : __libc_calloc(n, size);
}

void *
realloc(void *block, size_t size)
{
	return refused() ? NULL : __libc_realloc(block, size);
}

static void
note_mapping(void *start, size_t size)
{
	for (int i = 0; i < MAX_MAPPINGS; i++)
	{
		if (mappings[i] == NULL)
		{
			mappings[i] = start;
			mapping_sizes[i] = size;
			return;
		}
	}
}

void *
mmap(void *start, size_t size, int protection, int flags, int fd, off_t offset)
{
	bool is_memory = (flags & MAP_ANONYMOUS) != 0 && (flags & MAP_PRIVATE) != 0;
	void *mapped;

	if (is_memory && refused())
		return MAP_FAILED;
	mapped = (void *) syscall(SYS_mmap, start, size, protection, flags, fd, offset);
	if (is_memory && mapped != MAP_FAILED)
		note_mapping(mapped, size);
	return mapped;
}

void *
mmap64(void *start, size_t size, int protection, int flags, int fd, off_t offset)
{
	return mmap(start, size, protection, flags, fd, offset);
}

int
munmap(void *start, size_t size)
{
	for (int i = 0; i < MAX_MAPPINGS; i++)
	{
		if (mappings[i] == start)
		{
			mappings[i] = NULL;
			mapping_sizes[i] = 0;
		}
	}
	return (int) syscall(SYS_munmap, start, size);
}
