#pragma once
// System calls and types that Swift's Glibc overlay does not export, and three that Swift cannot spell: variadic
// functions, macros with casts, and enumerations that glibc types differently from release to release.
#include <fcntl.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

// These are behind _GNU_SOURCE; declared here by their manual pages.
int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
int memfd_create(const char *name, unsigned int flags);

/// Raises the soft limit of open descriptors to the hard one; returns the limit that holds then.
static inline unsigned long fantail_raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  unsigned long before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

/// CPU time of this process in user and kernel mode, microseconds.
static inline long long fantail_cpu_microseconds(void) {
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/// Ignores SIGPIPE, blocks SIGTERM and SIGINT for this thread and those it starts, and gives a descriptor that reads them.
static inline int fantail_stop_signals(void) {
  sigset_t set;
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/// Blocks SIGHUP likewise, and gives a descriptor that reads it.
static inline int fantail_reload_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGHUP);
  if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/// A TCP socket (IPv4) that neither blocks nor survives exec; -1 and errno otherwise.
static inline int fantail_tcp_socket(void) {
  return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
}

/// Switches an option of level SOL_SOCKET, IPPROTO_IP or IPPROTO_TCP on.
static inline int fantail_enable(int socket, int level, int option) {
  int on = 1;
  return setsockopt(socket, level, option, &on, sizeof on);
}

static inline int fantail_bind(int socket, unsigned int address, unsigned short port) {
  struct sockaddr_in name;
  memset(&name, 0, sizeof name);
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = address;
  return bind(socket, (struct sockaddr *)&name, sizeof name);
}

static inline int fantail_connect(int socket, unsigned int address, unsigned short port) {
  struct sockaddr_in name;
  memset(&name, 0, sizeof name);
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = address;
  return connect(socket, (struct sockaddr *)&name, sizeof name);
}

/// Accepts a connection that neither blocks nor survives exec, and tells where it comes from, in network order.
static inline int fantail_accept(int listener, unsigned int *address) {
  struct sockaddr_in name;
  socklen_t size = sizeof name;
  memset(&name, 0, sizeof name);
  int socket = accept4(listener, (struct sockaddr *)&name, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  *address = name.sin_addr.s_addr;
  return socket;
}

/// Bytes that the kernel holds for a reader of this socket; 0 when it cannot tell.
static inline int fantail_unread_bytes(int socket) {
  int count = 0;
  return ioctl(socket, FIONREAD, &count) == 0 ? count : 0;
}

/// The first IPv4 address of a host, in network order; 0 or the error of getaddrinfo. May block for seconds.
static inline int fantail_resolve(const char *host, unsigned int *address) {
  struct addrinfo hints, *found = NULL;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  int error = getaddrinfo(host, NULL, &hints, &found);
  if (error != 0) return error;
  *address = ((struct sockaddr_in *)found->ai_addr)->sin_addr.s_addr;
  freeaddrinfo(found);
  return 0;
}

/// Opens a file for reading.
/// A file in memory that nobody else can find. The flag is MFD_CLOEXEC.
static inline int fantail_memory_file(void) { return memfd_create("fantail", 1); }

static inline int fantail_open_to_read(const char *path) { return open(path, O_RDONLY | O_CLOEXEC); }

/// Opens a file for writing, for this user only, and makes it when it is missing.
static inline int fantail_open_to_write(const char *path) { return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600); }
