/*
 * usage.c
 *		What another program takes: run it, and say so.
 *
 *	usage FILE COMMAND [ARGUMENT ...]
 *
 * Writes to FILE one line, "name value" separated by tabs: CPU seconds (all
 * threads, the system's included), wall seconds, and the most memory that was
 * resident, in bytes.  Ends with the command's status.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void
die(const char *what)
{
	fprintf(stderr, "usage: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double
seconds(const struct timeval *t)
{
	return (double) t->tv_sec + 1e-6 * (double) t->tv_usec;
}

int
main(int argc, char **argv)
{
	struct timespec begin;
	struct timespec end;
	struct rusage usage;
	int status;
	FILE *file;
	pid_t pid;

	if (argc < 3)
	{
		errno = EINVAL;
		die("usage FILE COMMAND [ARGUMENT ...]");
	}
	clock_gettime(CLOCK_MONOTONIC, &begin);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
	{
		execvp(argv[2], argv + 2);
		fprintf(stderr, "usage: %s: %s\n", argv[2], strerror(errno));
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || getrusage(RUSAGE_CHILDREN, &usage) < 0)
		die("waiting");
	clock_gettime(CLOCK_MONOTONIC, &end);

	file = fopen(argv[1], "w");
	if (file == NULL)
		die(argv[1]);
	fprintf(file, "cpu_s %.3f\twall_s %.3f\tbytes %.0f\n",
			seconds(&usage.ru_utime) + seconds(&usage.ru_stime),
			(double) (end.tv_sec - begin.tv_sec) + 1e-9 * (double) (end.tv_nsec - begin.tv_nsec),
			1024.0 * (double) usage.ru_maxrss);
	if (fclose(file) != 0)
		die(argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
