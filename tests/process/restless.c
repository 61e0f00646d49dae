/* `restless PATH COUNT PAUSE SECONDS`: COUNT processes, each of which moves on to a new pid and session all the time,
   after PAUSE microseconds, lest whoever collects the old ones cannot keep up and the system runs out of pids.

   PATH is locked until all of them have ended, which they do by themselves after SECONDS, whoever is left. */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

int main(int words, char **word)
{
    if (words != 5 || atoi(word[2]) > 200)
        return 2;
    double end = now() + atof(word[4]);
    if (flock(open(word[1], O_RDWR | O_CREAT, 0600), LOCK_EX) != 0)
        return 1;
    for (int left = atoi(word[2]); left > 0; left--) {
        if (fork() == 0) {
            while (now() < end) {
                setsid();
                if (fork() > 0)
                    break;
                usleep(atoi(word[3]));
            }
            _exit(0);
        }
    }
    puts("grown");
    fflush(stdout);
    while (now() < end)
        usleep(100000);
    return 0;
}
