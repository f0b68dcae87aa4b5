#pragma once
// System calls and types that Swift's Glibc overlay does not export.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

// accept4 is behind _GNU_SOURCE; declared here by its manual page.
int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
