/* A libuv loop made with care: libuv 1.44 ends the process where it could fail. */
#ifndef EDDY_BACKEND_UV_LOOP_H
#define EDDY_BACKEND_UV_LOOP_H

#include <stddef.h>

#include <uv.h>

/* As uv_loop_init, but fails where libuv would end the process or lose something: without
 * memory or descriptors enough. */
int eddy__uv_loop_init(uv_loop_t *uv);

/* How many descriptor numbers libuv's table has room for once it holds this one. */
unsigned eddy__uv_table_room(int fd);

/* What the table takes then. */
size_t eddy__uv_table_bytes(int fd);

#endif
