/*
 * The virtual io half: a clock that jumps, and sockets in memory.
 *
 * Time stands still while anything is ready and jumps to the next deadline when nothing
 * is, unless a hold says that another thread will report. Nothing in a poll depends on
 * the real clock or on the kernel, so that a program runs the same way each time.
 */
#ifndef EDDY_BACKEND_VIRTUAL_H
#define EDDY_BACKEND_VIRTUAL_H

#include <eddy/backend.h>

extern const eddy_io eddy__io_virtual;

#endif
