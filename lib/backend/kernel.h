/*
 * What the io halves over the kernel's descriptors have in common: sockets as the system has
 * them, whose operations wait in a readiness table. The functions are those of eddy_io with the
 * same names; the state of such a half begins with its struct eddy__readiness.
 */
#ifndef EDDY_BACKEND_KERNEL_H
#define EDDY_BACKEND_KERNEL_H

#include <eddy/backend.h>

int eddy__kernel_finish(void *self, eddy_op *op);
int eddy__kernel_sock_open(void *self, const eddy_address *address, int *fd);
int eddy__kernel_sock_open_datagram(void *self, const eddy_address *address,
    const eddy_datagram_options *options, int *fd);
int eddy__kernel_sock_pair(void *self, int fds[2]);
int eddy__kernel_sock_listen(
    void *self, const eddy_address *address, const eddy_listen_options *options, int *fd);
int eddy__kernel_sock_adopt(void *self, int fd);
int eddy__kernel_sock_disown(void *self, int fd);
int eddy__kernel_sock_bind(void *self, int fd, const eddy_address *address);
int eddy__kernel_sock_name(void *self, int fd, bool peer, eddy_address *out);
int eddy__kernel_sock_shutdown(void *self, int fd, eddy_shutdown how);
int eddy__kernel_pipe_open(void *self, int fd, eddy_pipe_kind *kind);

#endif
