/*
 * V4L2 cameras in user space, for tests: an LD_PRELOAD library that answers the system calls which an
 * unmodified V4L2 client (FFmpeg, OpenCV, Qt) makes on /dev/video0 to /dev/video9, and passes on all
 * others.
 *
 *   V4L2_DOUBLE_FOLDER   holds "control0" to "control9" (struct control, changed by the test while this
 *                        runs), "film0.mjpgs" and so on (pictures), "640x480.yuyv"
 *
 * The node itself must exist; an empty file will do, and removing it unplugs the camera. The descriptor
 * that open() returns is an eventfd, written to for each picture, so poll, select and epoll work as on a
 * real camera. As on a real camera, pictures are taken into buffers at a steady rate and stamped then,
 * however late the program fetches them; who streams locks the node, so that another program meets EBUSY.
 * What it does not show: a sensor, USB, and the quirks of UVC drivers.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "v4l2double.h"

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

/* The number of a node of ours, or -1. */
static int node_of(const char *path) {
  char name[32];
  if (!path || strncmp(path, "/dev/video", 10) || path[10] < '0' || path[10] > '9' || path[11])
    return -1;
  int node = path[10] - '0';
  snprintf(name, sizeof name, "control%d", node);
  if (!controls[node]) controls[node] = map_file(name, 1, NULL);
  return controls[node] ? node : -1;
}

static struct camera *camera_of(int fd) {
  for (int i = 0; i < MAX_OPEN; i++)
    if (opened[i] && opened[i]->fd == fd) return opened[i];
  return NULL;
}

static struct control *control_of(const struct camera *camera) { return controls[camera->node]; }

static int is_plugged_in(int node) {
  char path[32];
  struct stat about;
  snprintf(path, sizeof path, "/dev/video%d", node);
  return stat(path, &about) == 0;
}

static int is_mjpeg(const struct camera *camera) {
  return camera->format.pixelformat == V4L2_PIX_FMT_MJPEG;
}

/* ---- open and close ----------------------------------------------------------------------------- */

static void set_format(struct camera *camera, uint32_t wanted) {
  struct v4l2_pix_format *format = &camera->format;
  int mjpeg = wanted == V4L2_PIX_FMT_MJPEG && !control_of(camera)->raw_only;
  memset(format, 0, sizeof *format);
  format->pixelformat = mjpeg ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV;
  format->width = mjpeg ? 1280 : 640;
  format->height = mjpeg ? 720 : 480;
  format->field = V4L2_FIELD_NONE;
  format->bytesperline = mjpeg ? 0 : format->width * 2;
  format->sizeimage = format->width * format->height * 2;
  format->colorspace = V4L2_COLORSPACE_SRGB;
}

static int open_camera(int node, int flags) {
  char path[32];
  int place = 0;
  snprintf(path, sizeof path, "/dev/video%d", node);
  if (!is_plugged_in(node)) return fail(ENOENT);
  if (controls[node]->open_errno) return fail(controls[node]->open_errno);
  while (place < MAX_OPEN && opened[place]) place++;
  if (place == MAX_OPEN) return fail(EMFILE);
  int fd = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE | (flags & O_CLOEXEC ? EFD_CLOEXEC : 0));
  if (fd < 0) return -1;
  struct camera *camera = calloc(1, sizeof *camera);
  camera->fd = fd;
  camera->node = node;
  camera->node_fd = real_open(path, O_RDWR | O_CLOEXEC);
  camera->nonblocking = (flags & O_NONBLOCK) != 0;
  camera->memory_fd = -1;
  set_format(camera, V4L2_PIX_FMT_YUYV);
  opened[place] = camera;
  return fd;
}

static void stop_streaming(struct camera *camera) {
  if (!camera->streaming) return;
  camera->streaming = 0;
  pthread_join(camera->clock, NULL);
  camera->queued = camera->finished = 0;
  flock(camera->node_fd, LOCK_UN);
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
  int node = node_of(path);                    \
  return node >= 0 ? open_camera(node, flags) : real_open(path, flags, mode);

int open(const char *path, int flags, ...) { OPEN_BODY }
int open64(const char *path, int flags, ...) { OPEN_BODY }
int __open_2(const char *path, int flags) {
  int node = node_of(path);
  return node >= 0 ? open_camera(node, flags) : real_open(path, flags);
}
int __open64_2(const char *path, int flags) { return __open_2(path, flags); }

int close(int fd) {
  struct camera *camera = camera_of(fd);
  if (camera) {
    for (int i = 0; i < MAX_OPEN; i++)
      if (opened[i] == camera) opened[i] = NULL;
    stop_streaming(camera);
    free_buffers(camera);
    if (camera->node_fd >= 0) real_close(camera->node_fd);
    free(camera);
  }
  return real_close(fd);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  struct camera *camera = camera_of(fd);
  if (camera && camera->memory_fd >= 0)
    return real_mmap(at, size, protection, MAP_SHARED, camera->memory_fd, offset);
  return real_mmap(at, size, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  return mmap(at, size, protection, flags, fd, offset);
}

/* ---- pictures ----------------------------------------------------------------------------------- */

/* An .mjpgs file is JPEGs with a little-endian u32 length in front of each. */
static size_t next_jpeg(struct camera *camera, uint8_t *out) {
  uint32_t size;
  char name[32];
  struct control *control = control_of(camera);
  if (!camera->film.bytes || camera->film_number != control->film) {
    camera->film_number = control->film;
    snprintf(name, sizeof name, "film%u.mjpgs", camera->film_number);
    camera->film.bytes = map_file(name, 0, &camera->film.size);
    camera->position = 0;
    if (!camera->film.bytes) return 0;
  }
  if (camera->position + 4 > camera->film.size) camera->position = 0;
  memcpy(&size, camera->film.bytes + camera->position, 4);
  memcpy(out, camera->film.bytes + camera->position + 4, size);
  if (!control->freeze) camera->position += 4 + size;
  return size;
}

static size_t next_picture(struct camera *camera, uint8_t *out) {
  size_t size = camera->format.sizeimage;
  if (is_mjpeg(camera)) return next_jpeg(camera, out);
  if (!camera->film.bytes) camera->film.bytes = map_file("640x480.yuyv", 0, &camera->film.size);
  if (!camera->film.bytes) return 0;
  if (camera->position + size > camera->film.size) camera->position = 0;
  memcpy(out, camera->film.bytes + camera->position, size);
  if (!control_of(camera)->freeze) camera->position += size;
  return size;
}

/* What a sensor does: a picture into the next free buffer, or lost when there is none. */
static void take_picture(struct camera *camera, const struct timespec *at) {
  uint64_t one = 1;
  pthread_mutex_lock(&lock);
  if (camera->queued && camera->finished < MAX_BUFFERS) {
    unsigned index = camera->queue[0];
    memmove(camera->queue, camera->queue + 1, --camera->queued * sizeof camera->queue[0]);
    struct v4l2_buffer *buffer = &camera->done[camera->finished++];
    memset(buffer, 0, sizeof *buffer);
    buffer->type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    buffer->index = index;
    buffer->memory = V4L2_MEMORY_MMAP;
    buffer->length = camera->buffer_size;
    buffer->m.offset = index * camera->buffer_size;
    buffer->bytesused = next_picture(camera, camera->memory + index * camera->buffer_size);
    buffer->field = V4L2_FIELD_NONE;
    buffer->sequence = camera->sequence;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC | V4L2_BUF_FLAG_DONE | V4L2_BUF_FLAG_MAPPED;
    buffer->timestamp.tv_sec = at->tv_sec;
    buffer->timestamp.tv_usec = at->tv_nsec / 1000;
    if (write(camera->fd, &one, sizeof one) < 0) camera->finished--;
  }
  camera->sequence++;
  pthread_mutex_unlock(&lock);
}

static void *run_clock(void *argument) {
  struct camera *camera = argument;
  struct control *control = control_of(camera);
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  while (camera->streaming) {
    at.tv_nsec += 1000000000L / (control->fps ? control->fps : 30);
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
    if (!control->stall && is_plugged_in(camera->node)) take_picture(camera, &at);
  }
  return NULL;
}

static int start_streaming(struct camera *camera) {
  if (control_of(camera)->streamon_errno) return fail(control_of(camera)->streamon_errno);
  if (flock(camera->node_fd, LOCK_EX | LOCK_NB)) return fail(EBUSY);
  camera->film.bytes = NULL;
  camera->position = 0;
  camera->streaming = 1;
  return pthread_create(&camera->clock, NULL, run_clock, camera) ? fail(EIO) : 0;
}

static int dequeue(struct camera *camera, struct v4l2_buffer *buffer) {
  uint64_t ticks;
  for (;;) {
    if (control_of(camera)->dqbuf_errno) return fail(control_of(camera)->dqbuf_errno);
    if (!is_plugged_in(camera->node)) return fail(ENODEV);
    if (!camera->streaming) return fail(EINVAL);
    if (read(camera->fd, &ticks, sizeof ticks) == sizeof ticks) break;
    if (camera->nonblocking) return fail(EAGAIN);
    usleep(2000);
  }
  pthread_mutex_lock(&lock);
  *buffer = camera->done[0];
  memmove(camera->done, camera->done + 1, --camera->finished * sizeof camera->done[0]);
  pthread_mutex_unlock(&lock);
  return 0;
}

static int request_buffers(struct camera *camera, struct v4l2_requestbuffers *request) {
  if (request->memory != V4L2_MEMORY_MMAP) return fail(EINVAL);
  free_buffers(camera);
  camera->queued = camera->finished = 0;
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

static int describe_format(struct camera *camera, struct v4l2_fmtdesc *format) {
  if (format->index > (control_of(camera)->raw_only ? 0 : 1)) return fail(EINVAL);
  format->flags = format->index ? V4L2_FMT_FLAG_COMPRESSED : 0;
  format->pixelformat = format->index ? V4L2_PIX_FMT_MJPEG : V4L2_PIX_FMT_YUYV;
  strcpy((char *)format->description, format->index ? "Motion-JPEG" : "YUYV 4:2:2");
  return 0;
}

static int get_control(struct camera *camera, struct v4l2_control *asked) {
  struct control *control = control_of(camera);
  uint32_t told = asked->id == CID_PRIVACY                     ? control->privacy
                  : asked->id == V4L2_CID_POWER_LINE_FREQUENCY ? control->power_line
                                                               : 0;
  if (!told) return fail(EINVAL);
  asked->value = told - 1;
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
      return describe_format(camera, argument);
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
      parameters->parm.capture.timeperframe.denominator =
          control_of(camera)->fps ? control_of(camera)->fps : 30;
      return 0;
    }
    case VIDIOC_G_CTRL:
      return get_control(camera, argument);
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
  struct camera *camera = camera_of(fd);
  if (camera) return handle(camera, (uint32_t)request, argument);
  return real_ioctl(fd, request, argument);
}
