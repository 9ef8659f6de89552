/*
 * A V4L2 camera in user space, for tests: an LD_PRELOAD library that answers the system calls which
 * an unmodified V4L2 client (FFmpeg, OpenCV, Qt) makes on /dev/video0, and passes on all others.
 *
 *   V4L2_DOUBLE_FOLDER   holds "control" (struct control, changed by the test while this runs),
 *                        "1280x720.mjpgs" and "640x480.yuyv" (pictures), "black.mjpgs"
 *
 * The node itself must exist; any character device will do. The descriptor that open() returns is an
 * eventfd, written to at the frame rate, so poll, select and epoll work as on a real camera.
 * What it does not show: a sensor, USB, and the quirks of UVC drivers.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NODE "/dev/video0"
#define MAX_BUFFERS 32

/* Little-endian u32 fields, in this order; the Python side is camera_double.py. */
struct control {
  uint32_t open_errno;     /* open() fails with this */
  uint32_t streamon_errno; /* VIDIOC_STREAMON fails with this: EBUSY, as another program streams */
  uint32_t dqbuf_errno;    /* VIDIOC_DQBUF fails with this: ENODEV, as when unplugged */
  uint32_t stall;          /* no further pictures */
  uint32_t black;          /* the lens is covered */
  uint32_t freeze;         /* the same picture again and again */
  uint32_t raw_only;       /* offers YUYV 640x480 only */
  uint32_t fps;            /* 0 = 30 */
};

struct film {
  uint8_t *bytes;
  size_t size;
};

struct camera {
  int fd;
  int nonblocking;
  volatile int streaming;
  struct v4l2_pix_format format;
  int memory_fd;
  uint8_t *memory;
  size_t buffer_size;
  unsigned buffers;
  unsigned queue[MAX_BUFFERS];
  unsigned queued;
  struct film film, black;
  size_t position;
  uint32_t sequence;
  pthread_t clock;
};

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static int (*real_ioctl)(int, unsigned long, ...);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct camera *opened; /* one at a time is enough for a test */
static struct control *control;

__attribute__((constructor)) static void find_real_functions(void) {
  real_open = dlsym(RTLD_NEXT, "open");
  real_close = dlsym(RTLD_NEXT, "close");
  real_ioctl = dlsym(RTLD_NEXT, "ioctl");
  real_mmap = dlsym(RTLD_NEXT, "mmap");
}

static int fail(int number) {
  errno = number;
  return -1;
}

/* ---- files of the test -------------------------------------------------------------------------- */

static void *map_file(const char *name, int writable, size_t *size) {
  char path[512];
  struct stat about;
  const char *folder = getenv("V4L2_DOUBLE_FOLDER");
  if (!folder) return NULL;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = real_open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
  if (fd < 0) return NULL;
  fstat(fd, &about);
  void *bytes =
      real_mmap(NULL, about.st_size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
  real_close(fd);
  if (size) *size = about.st_size;
  return bytes == MAP_FAILED ? NULL : bytes;
}

static int is_ours(const char *path) {
  if (!path || strcmp(path, NODE) != 0) return 0;
  if (!control) control = map_file("control", 1, NULL);
  return control != NULL;
}

static int is_mjpeg(const struct camera *camera) {
  return camera->format.pixelformat == V4L2_PIX_FMT_MJPEG;
}

/* ---- open and close ----------------------------------------------------------------------------- */

static void set_format(struct camera *camera, uint32_t wanted) {
  struct v4l2_pix_format *format = &camera->format;
  int mjpeg = wanted == V4L2_PIX_FMT_MJPEG && !control->raw_only;
  memset(format, 0, sizeof *format);
  format->pixelformat = mjpeg ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV;
  format->width = mjpeg ? 1280 : 640;
  format->height = mjpeg ? 720 : 480;
  format->field = V4L2_FIELD_NONE;
  format->bytesperline = mjpeg ? 0 : format->width * 2;
  format->sizeimage = format->width * format->height * 2;
  format->colorspace = V4L2_COLORSPACE_SRGB;
}

static int open_camera(int flags) {
  struct stat about;
  if (stat(NODE, &about)) return fail(ENOENT);
  if (control->open_errno) return fail(control->open_errno);
  if (opened) return fail(EBUSY);
  int fd = eventfd(0, EFD_NONBLOCK | (flags & O_CLOEXEC ? EFD_CLOEXEC : 0));
  if (fd < 0) return -1;
  struct camera *camera = calloc(1, sizeof *camera);
  camera->fd = fd;
  camera->nonblocking = (flags & O_NONBLOCK) != 0;
  camera->memory_fd = -1;
  set_format(camera, V4L2_PIX_FMT_YUYV);
  opened = camera;
  return fd;
}

static void stop_streaming(struct camera *camera) {
  if (!camera->streaming) return;
  camera->streaming = 0;
  pthread_join(camera->clock, NULL);
  camera->queued = 0;
}

static void free_buffers(struct camera *camera) {
  if (camera->memory) munmap(camera->memory, camera->buffer_size * camera->buffers);
  if (camera->memory_fd >= 0) real_close(camera->memory_fd);
  camera->memory = NULL;
  camera->memory_fd = -1;
  camera->buffers = 0;
}

#define OPEN_BODY                              \
  mode_t mode = 0;                             \
  if (flags & (O_CREAT | O_TMPFILE)) {         \
    va_list arguments;                         \
    va_start(arguments, flags);                \
    mode = va_arg(arguments, mode_t);          \
    va_end(arguments);                         \
  }                                            \
  return is_ours(path) ? open_camera(flags) : real_open(path, flags, mode);

int open(const char *path, int flags, ...) { OPEN_BODY }
int open64(const char *path, int flags, ...) { OPEN_BODY }
int __open_2(const char *path, int flags) {
  return is_ours(path) ? open_camera(flags) : real_open(path, flags);
}
int __open64_2(const char *path, int flags) { return __open_2(path, flags); }

int close(int fd) {
  struct camera *camera = opened;
  if (camera && camera->fd == fd) {
    stop_streaming(camera);
    free_buffers(camera);
    opened = NULL;
    free(camera);
  }
  return real_close(fd);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  struct camera *camera = opened;
  if (camera && fd == camera->fd && camera->memory_fd >= 0)
    return real_mmap(at, size, protection, MAP_SHARED, camera->memory_fd, offset);
  return real_mmap(at, size, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  return mmap(at, size, protection, flags, fd, offset);
}

/* ---- pictures ----------------------------------------------------------------------------------- */

static void *run_clock(void *argument) {
  struct camera *camera = argument;
  uint64_t one = 1;
  while (camera->streaming) {
    uint32_t fps = control->fps ? control->fps : 30;
    struct timespec interval = {0, 1000000000L / fps - 1};
    nanosleep(&interval, NULL);
    if (!control->stall && write(camera->fd, &one, sizeof one) < 0) break;
  }
  return NULL;
}

static int start_streaming(struct camera *camera) {
  if (control->streamon_errno) return fail(control->streamon_errno);
  camera->film.bytes = map_file(is_mjpeg(camera) ? "1280x720.mjpgs" : "640x480.yuyv", 0,
                                &camera->film.size);
  camera->black.bytes = map_file("black.mjpgs", 0, &camera->black.size);
  if (!camera->film.bytes || !camera->black.bytes) return fail(EIO);
  camera->position = 0;
  camera->streaming = 1;
  return pthread_create(&camera->clock, NULL, run_clock, camera) ? fail(EIO) : 0;
}

/* An .mjpgs file is JPEGs with a little-endian u32 length in front of each. */
static size_t next_jpeg(struct camera *camera, struct film *film, uint8_t *out) {
  uint32_t size;
  if (camera->position + 4 > film->size) camera->position = 0;
  memcpy(&size, film->bytes + camera->position, 4);
  memcpy(out, film->bytes + camera->position + 4, size);
  if (!control->freeze) camera->position += 4 + size;
  return size;
}

static size_t next_picture(struct camera *camera, uint8_t *out) {
  size_t size = camera->format.sizeimage;
  if (is_mjpeg(camera)) {
    if (!control->black) return next_jpeg(camera, &camera->film, out);
    camera->position = 0;
    return next_jpeg(camera, &camera->black, out);
  }
  if (control->black) {
    for (size_t i = 0; i < size; i += 2) out[i] = 16, out[i + 1] = 128;
    return size;
  }
  if (camera->position + size > camera->film.size) camera->position = 0;
  memcpy(out, camera->film.bytes + camera->position, size);
  if (!control->freeze) camera->position += size;
  return size;
}

static int dequeue(struct camera *camera, struct v4l2_buffer *buffer) {
  uint64_t ticks;
  struct timespec now;
  for (;;) {
    if (control->dqbuf_errno) return fail(control->dqbuf_errno);
    if (!camera->streaming) return fail(EINVAL);
    if (read(camera->fd, &ticks, sizeof ticks) == sizeof ticks) break;
    if (camera->nonblocking) return fail(EAGAIN);
    usleep(2000);
  }
  pthread_mutex_lock(&lock);
  if (!camera->queued) {
    pthread_mutex_unlock(&lock);
    return fail(EAGAIN);
  }
  unsigned index = camera->queue[0];
  memmove(camera->queue, camera->queue + 1, --camera->queued * sizeof camera->queue[0]);
  pthread_mutex_unlock(&lock);
  memset(buffer, 0, sizeof *buffer);
  buffer->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
  buffer->index = index;
  buffer->memory = V4L2_MEMORY_MMAP;
  buffer->length = camera->buffer_size;
  buffer->m.offset = index * camera->buffer_size;
  buffer->bytesused = next_picture(camera, camera->memory + index * camera->buffer_size);
  buffer->field = V4L2_FIELD_NONE;
  buffer->sequence = camera->sequence++;
  buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_MAPPED;
  clock_gettime(CLOCK_MONOTONIC, &now);
  buffer->timestamp.tv_sec = now.tv_sec;
  buffer->timestamp.tv_usec = now.tv_nsec / 1000;
  return 0;
}

static int request_buffers(struct camera *camera, struct v4l2_requestbuffers *request) {
  if (request->memory != V4L2_MEMORY_MMAP) return fail(EINVAL);
  free_buffers(camera);
  camera->queued = 0;
  if (!request->count) return 0;
  if (request->count > MAX_BUFFERS) request->count = MAX_BUFFERS;
  camera->buffers = request->count;
  camera->buffer_size = (camera->format.sizeimage + 4095) & ~4095UL;
  camera->memory_fd = memfd_create("v4l2double", MFD_CLOEXEC);
  size_t size = camera->buffer_size * camera->buffers;
  if (ftruncate(camera->memory_fd, size)) return fail(ENOMEM);
  camera->memory =
      real_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, camera->memory_fd, 0);
  request->capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
  return 0;
}

/* ---- ioctl -------------------------------------------------------------------------------------- */

static int describe_format(struct v4l2_fmtdesc *format) {
  if (format->index > (control->raw_only ? 0 : 1)) return fail(EINVAL);
  format->flags = format->index ? V4L2_FMT_FLAG_COMPRESSED : 0;
  format->pixelformat = format->index ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV;
  strcpy((char *)format->description, format->index ? "Motion-JPEG" : "YUYV 4:2:2");
  return 0;
}

static int handle(struct camera *camera, uint32_t request, void *argument) {
  switch (request) {
    case VIDIOC_QUERYCAP: {
      struct v4l2_capability *capability = argument;
      memset(capability, 0, sizeof *capability);
      strcpy((char *)capability->driver, "v4l2double");
      strcpy((char *)capability->card, "Test Camera");
      capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
      capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
      return 0;
    }
    case VIDIOC_ENUM_FMT:
      return describe_format(argument);
    case VIDIOC_G_FMT:
      ((struct v4l2_format *)argument)->fmt.pix = camera->format;
      return 0;
    case VIDIOC_TRY_FMT:
    case VIDIOC_S_FMT: {
      struct v4l2_format *format = argument;
      set_format(camera, format->fmt.pix.pixelformat);
      format->fmt.pix = camera->format;
      return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
      struct v4l2_streamparm *parameters = argument;
      memset(&parameters->parm, 0, sizeof parameters->parm);
      parameters->parm.capture.capability = V4L2_CAP_TIMEPERFRAME;
      parameters->parm.capture.timeperframe.numerator = 1;
      parameters->parm.capture.timeperframe.denominator = control->fps ? control->fps : 30;
      return 0;
    }
    case VIDIOC_ENUMINPUT: {
      struct v4l2_input *input = argument;
      if (input->index) return fail(EINVAL);
      memset(input, 0, sizeof *input);
      input->type = V4L2_INPUT_TYPE_CAMERA;
      return 0;
    }
    case VIDIOC_G_INPUT:
      *(int *)argument = 0;
      return 0;
    case VIDIOC_S_INPUT:
      return 0;
    case VIDIOC_REQBUFS:
      return request_buffers(camera, argument);
    case VIDIOC_QUERYBUF: {
      struct v4l2_buffer *buffer = argument;
      if (buffer->index >= camera->buffers) return fail(EINVAL);
      buffer->length = camera->buffer_size;
      buffer->m.offset = buffer->index * camera->buffer_size;
      return 0;
    }
    case VIDIOC_QBUF: {
      struct v4l2_buffer *buffer = argument;
      if (buffer->index >= camera->buffers) return fail(EINVAL);
      pthread_mutex_lock(&lock);
      if (camera->queued < MAX_BUFFERS) camera->queue[camera->queued++] = buffer->index;
      pthread_mutex_unlock(&lock);
      return 0;
    }
    case VIDIOC_STREAMON:
      return start_streaming(camera);
    case VIDIOC_STREAMOFF:
      stop_streaming(camera);
      return 0;
    case VIDIOC_DQBUF:
      return dequeue(camera, argument);
    default:
      return fail(ENOTTY);
  }
}

int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  struct camera *camera = opened;
  if (camera && camera->fd == fd) return handle(camera, (uint32_t)request, argument);
  return real_ioctl(fd, request, argument);
}
