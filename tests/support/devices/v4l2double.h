/* What v4l2double.c keeps: what the test asks for, the cameras that are open, the real calls. */
#include <dlfcn.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define MAX_BUFFERS 32
#define MAX_NODES 10
#define MAX_OPEN 16
#define CID_PRIVACY 0x009a0910

/* Little-endian u32 fields, in this order; the Python side is camera_double.py. */
struct control {
  uint32_t open_errno;     /* open() fails with this */
  uint32_t streamon_errno; /* VIDIOC_STREAMON fails with this: EBUSY, as another program streams */
  uint32_t dqbuf_errno;    /* VIDIOC_DQBUF fails with this: ENODEV, as when unplugged */
  uint32_t stall;          /* no further pictures */
  uint32_t freeze;         /* the same picture again and again */
  uint32_t raw_only;       /* offers YUYV 640x480 only */
  uint32_t fps;            /* 0 = 30 */
  uint32_t film;           /* which film the compressed format shows */
  uint32_t privacy;        /* the privacy control: 0 = none, 1 = open, 2 = closed */
  uint32_t power_line;     /* the power-line control: 0 = none, else one more than its value */
};

struct film {
  uint8_t *bytes;
  size_t size;
};

struct camera {
  int fd;
  int node;
  int node_fd; /* the node itself: who looks in /proc sees who has it */
  int nonblocking;
  volatile int streaming;
  struct v4l2_pix_format format;
  int memory_fd;
  uint8_t *memory;
  size_t buffer_size;
  unsigned buffers;
  unsigned queue[MAX_BUFFERS]; /* to be filled */
  unsigned queued;
  struct v4l2_buffer done[MAX_BUFFERS]; /* filled, not yet fetched */
  unsigned finished;
  struct film film;
  uint32_t film_number;
  size_t position;
  uint32_t sequence;
  pthread_t clock;
};

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static int (*real_ioctl)(int, unsigned long, ...);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct camera *opened[MAX_OPEN];
static struct control *controls[MAX_NODES];

__attribute__((constructor)) static void find_real_functions(void) {
  real_open = dlsym(RTLD_NEXT, "open");
  real_close = dlsym(RTLD_NEXT, "close");
  real_ioctl = dlsym(RTLD_NEXT, "ioctl");
  real_mmap = dlsym(RTLD_NEXT, "mmap");
}
