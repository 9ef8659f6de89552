/* Link emulator: carries IP packets between two network namespaces as a bad line would.
 *
 * Each namespace holds a TUN device. For each direction a packet passes, in this order:
 *
 *   drop-tail queue (bytes) -> rate limiter -> random loss, burst loss, outage -> delay + jitter
 *
 * Loss comes after the limiter: a lost packet has used the line, as on a radio link. The rate counts
 * bytes of IP packets. Jitter is uniform, and keeps the packets' order.
 *
 * usage: emulator NAMESPACE_A NAMESPACE_B DEVICE SEED
 *
 * Prints "ready" once both ends are open. Then reads lines from standard input:
 *   ab|ba|both KEY=VALUE ...   change parameters now; keys as in set_parameter() below
 *   stats                      prints one line of JSON with the counters since the start
 * End of input ends the program, so that it never outlives the test that started it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MAX_PACKET 65536
#define BATCH 256                   /* packets read at once before the other direction has its turn */
#define IDLE_NS (50 * 1000000LL)    /* longest sleep */
#define TIMER_SLACK_NS 1000
#define LATE_NS (5 * 1000000LL)     /* later than asked by this much is worth telling */

typedef struct packet {
    struct packet *next;
    int64_t arrived_ns;             /* at the queue */
    int64_t leaves_ns;              /* at the far end */
    int length;
    uint8_t bytes[];
} packet;

typedef struct {
    packet *head, *tail;
} list;

typedef struct {
    /* parameters */
    double delay_ms, jitter_ms, loss_percent, rate_kbps;
    double burst_enter_percent, burst_leave_percent;    /* Gilbert-Elliott; everything lost in a burst */
    int64_t queue_bytes;
    int down, no_udp;
    /* state */
    int in_burst;
    list queue;                     /* waits for the limiter */
    int64_t queued_bytes;
    double head_bits_left;          /* of the packet at the head of the queue; 0 = not begun */
    int64_t served_until_ns;        /* the limiter has worked up to here */
    list flight;                    /* on the line, by arrival */
    int64_t last_leaves_ns;
    int in_fd, out_fd;
    /* counters */
    uint64_t in_packets, in_bytes, out_packets, out_bytes, lost, overflowed;
    uint64_t late_packets;          /* delivered later than asked: this program had no processor */
    int64_t longest_queue_ns, latest_ns;
} direction;

static direction line[2];           /* 0: a to b, 1: b to a */
static uint64_t random_state[2] = {88172645463325252ULL, 1234567ULL};

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* xorshift128+, in [0, 1): the same losses for the same seed and the same packets. */
static double random_share(void) {
    uint64_t a = random_state[0], b = random_state[1];
    random_state[0] = b;
    a ^= a << 23;
    random_state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
    return (double)((random_state[1] + b) >> 11) / 9007199254740992.0;
}

static int happens(double percent) { return random_share() * 100 < percent; }

static void append(list *l, packet *p) {
    p->next = NULL;
    if (l->tail) l->tail->next = p;
    else l->head = p;
    l->tail = p;
}

static packet *take_first(list *l) {
    packet *p = l->head;
    l->head = p->next;
    if (!l->head) l->tail = NULL;
    return p;
}

static void put_on_line(direction *d, packet *p, int64_t t) {
    int drop = d->down || happens(d->loss_percent);
    if (d->burst_enter_percent > 0) {
        d->in_burst = d->in_burst ? !happens(d->burst_leave_percent) : happens(d->burst_enter_percent);
        drop |= d->in_burst;
    }
    if (drop) {
        d->lost++;
        free(p);
        return;
    }
    double ms = d->delay_ms + (2 * random_share() - 1) * d->jitter_ms;
    p->leaves_ns = t + (int64_t)((ms > 0 ? ms : 0) * 1e6);
    if (p->leaves_ns < d->last_leaves_ns) p->leaves_ns = d->last_leaves_ns;
    d->last_leaves_ns = p->leaves_ns;
    append(&d->flight, p);
}

/* Let the rate limiter work until time t. */
static void serve_queue(direction *d, int64_t t) {
    while (d->queue.head) {
        packet *p = d->queue.head;
        if (d->rate_kbps > 0) {
            if (d->head_bits_left <= 0) {
                d->head_bits_left = p->length * 8.0;
                if (d->served_until_ns < p->arrived_ns) d->served_until_ns = p->arrived_ns;
            }
            int64_t needed_ns = (int64_t)(d->head_bits_left / d->rate_kbps * 1e6);
            if (d->served_until_ns + needed_ns > t) {
                if (t > d->served_until_ns) {
                    d->head_bits_left -= (double)(t - d->served_until_ns) * d->rate_kbps / 1e6;
                    if (d->head_bits_left < 1) d->head_bits_left = 1;
                    d->served_until_ns = t;
                }
                return;
            }
            d->served_until_ns += needed_ns;
        } else {
            d->served_until_ns = t;
        }
        d->head_bits_left = 0;
        take_first(&d->queue);
        d->queued_bytes -= p->length;
        int64_t waited_ns = d->served_until_ns - p->arrived_ns;
        if (waited_ns > d->longest_queue_ns) d->longest_queue_ns = waited_ns;
        put_on_line(d, p, d->served_until_ns);
    }
}

static void deliver_due(direction *d, int64_t t) {
    while (d->flight.head && d->flight.head->leaves_ns <= t) {
        packet *p = take_first(&d->flight);
        int64_t late_ns = now_ns() - p->leaves_ns;
        if (late_ns > LATE_NS) d->late_packets++;
        if (late_ns > d->latest_ns) d->latest_ns = late_ns;
        if (write(d->out_fd, p->bytes, p->length) == p->length) {
            d->out_packets++;
            d->out_bytes += p->length;
        }
        free(p);
    }
}

static void take_in(direction *d) {
    static uint8_t bytes[MAX_PACKET];
    for (int i = 0; i < BATCH; i++) {
        ssize_t n = read(d->in_fd, bytes, sizeof bytes);
        if (n <= 0) return;
        int64_t t = now_ns();
        serve_queue(d, t);
        d->in_packets++;
        d->in_bytes += n;
        if (d->no_udp && n > 9 && bytes[0] >> 4 == 4 && bytes[9] == 17) {
            d->lost++;              /* a firewall, before the line */
            continue;
        }
        if (d->rate_kbps > 0 && d->queued_bytes + n > d->queue_bytes) {
            d->overflowed++;
            continue;
        }
        packet *p = malloc(sizeof *p + n);
        if (!p) fail("malloc");
        p->arrived_ns = t;
        p->length = n;
        memcpy(p->bytes, bytes, n);
        append(&d->queue, p);
        d->queued_bytes += n;
        serve_queue(d, t);
    }
}

static int64_t next_event_ns(const direction *d, int64_t t) {
    int64_t wake = t + IDLE_NS;
    if (d->flight.head && d->flight.head->leaves_ns < wake) wake = d->flight.head->leaves_ns;
    if (d->queue.head && d->rate_kbps > 0) {
        double bits = d->head_bits_left > 0 ? d->head_bits_left : d->queue.head->length * 8.0;
        int64_t served = d->served_until_ns + (int64_t)(bits / d->rate_kbps * 1e6);
        if (served < wake) wake = served;
    }
    return wake;
}

static int set_parameter(direction *d, const char *key, double value) {
    if (!strcmp(key, "delay_ms")) d->delay_ms = value;
    else if (!strcmp(key, "jitter_ms")) d->jitter_ms = value;
    else if (!strcmp(key, "loss_percent")) d->loss_percent = value;
    else if (!strcmp(key, "rate_kbps")) d->rate_kbps = value;              /* 0 = without limit */
    else if (!strcmp(key, "queue_bytes")) d->queue_bytes = (int64_t)value;
    else if (!strcmp(key, "burst_enter_percent")) d->burst_enter_percent = value;
    else if (!strcmp(key, "burst_leave_percent")) d->burst_leave_percent = value;
    else if (!strcmp(key, "down")) d->down = value != 0;
    else if (!strcmp(key, "no_udp")) d->no_udp = value != 0;
    else return 0;
    return 1;
}

static void print_stats(void) {
    printf("{");
    for (int i = 0; i < 2; i++) {
        const direction *d = &line[i];
        printf("%s\"%s\":{\"in_packets\":%" PRIu64 ",\"in_bytes\":%" PRIu64 ",\"out_packets\":%" PRIu64
               ",\"out_bytes\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"overflowed\":%" PRIu64
               ",\"longest_queue_ms\":%.1f,\"late_packets\":%" PRIu64 ",\"latest_ms\":%.1f}",
               i ? "," : "", i ? "ba" : "ab", d->in_packets, d->in_bytes, d->out_packets, d->out_bytes,
               d->lost, d->overflowed, d->longest_queue_ns / 1e6, d->late_packets, d->latest_ns / 1e6);
    }
    printf("}\n");
    fflush(stdout);
}

static void obey(char *order) {
    char *word = strtok(order, " ");
    if (!word) return;
    if (!strcmp(word, "stats")) {
        print_stats();
        return;
    }
    int first = strcmp(word, "ba") ? 0 : 1, last = strcmp(word, "ab") ? 1 : 0;
    for (int i = first; i <= last; i++) serve_queue(&line[i], now_ns());
    while ((word = strtok(NULL, " "))) {
        char *equals = strchr(word, '=');
        if (!equals) {
            fprintf(stderr, "not KEY=VALUE: %s\n", word);
            exit(2);
        }
        *equals = 0;
        for (int i = first; i <= last; i++)
            if (!set_parameter(&line[i], word, atof(equals + 1))) {
                fprintf(stderr, "unknown parameter: %s\n", word);
                exit(2);
            }
    }
}

/* Read what there is of standard input and obey whole lines; 0 at its end. */
static int read_orders(void) {
    static char pending[4096];
    static size_t length;
    ssize_t n = read(STDIN_FILENO, pending + length, sizeof pending - 1 - length);
    if (n <= 0) return 0;
    length += n;
    pending[length] = 0;
    char *start = pending, *end;
    while ((end = strchr(start, '\n'))) {
        *end = 0;
        obey(start);
        start = end + 1;
    }
    length -= start - pending;
    memmove(pending, start, length);
    return 1;
}

static int open_tun(const char *namespace, const char *device) {
    char path[256];
    snprintf(path, sizeof path, "/var/run/netns/%s", namespace);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = open(path, O_RDONLY | O_CLOEXEC);
    if (there < 0) fail(path);
    if (setns(there, CLONE_NEWNET)) fail("entering the namespace (root needed)");
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) fail("/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    snprintf(request.ifr_name, IFNAMSIZ, "%s", device);
    if (ioctl(fd, TUNSETIFF, &request)) fail("attaching to the TUN device");
    if (setns(home, CLONE_NEWNET)) fail("coming home from the namespace");
    close(there);
    close(home);
    return fd;
}

int main(int count, char **arguments) {
    if (count != 5) {
        fprintf(stderr, "usage: emulator NAMESPACE_A NAMESPACE_B DEVICE SEED\n");
        return 2;
    }
    random_state[0] ^= strtoull(arguments[4], NULL, 10) * 0x9E3779B97F4A7C15ULL;
    for (int i = 0; i < 20; i++) random_share();
    prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
    /* A late emulator would be jitter that nobody asked for; without the right to this it still works. */
    struct sched_param urgent = {.sched_priority = 5};
    sched_setscheduler(0, SCHED_FIFO, &urgent);

    int fd[2];
    for (int i = 0; i < 2; i++) fd[i] = open_tun(arguments[1 + i], arguments[3]);
    for (int i = 0; i < 2; i++) {
        line[i].in_fd = fd[i];
        line[i].out_fd = fd[1 - i];
        line[i].queue_bytes = 200000;
        line[i].burst_leave_percent = 100;
        line[i].served_until_ns = now_ns();
    }
    printf("ready\n");
    fflush(stdout);

    for (;;) {
        int64_t t = now_ns(), wake = t + IDLE_NS;
        for (int i = 0; i < 2; i++) {
            serve_queue(&line[i], t);
            deliver_due(&line[i], t);
            int64_t next = next_event_ns(&line[i], t);
            if (next < wake) wake = next;
        }
        int64_t left = wake - now_ns();
        if (left < 0) left = 0;
        struct timespec timeout = {left / 1000000000LL, left % 1000000000LL};
        struct pollfd ready[3] = {{fd[0], POLLIN, 0}, {fd[1], POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
        if (ppoll(ready, 3, &timeout, NULL) <= 0) continue;
        for (int i = 0; i < 2; i++)
            if (ready[i].revents & POLLIN) take_in(&line[i]);
        if (ready[2].revents && !read_orders()) return 0;
    }
}
