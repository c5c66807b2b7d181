/* Programs run by the tool. */
#ifndef EDDY_TOOLS_LAUNCH_H
#define EDDY_TOOLS_LAUNCH_H

/* Starts a program with these variables set ("NAME=VALUE", NULL behind the last); `output` is what
 * its standard output goes to, or -1. Returns its number, or -1 with the reason said. */
long launch(char *const *argv, char *const *variables, int output);

/* Waits for it: its exit status, 128 and the signal's number if one ended it. */
int launch_wait(long process);

/* The last part of a path. */
const char *launch_base(const char *path);

#endif
