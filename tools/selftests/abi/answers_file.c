// SPDX-License-Identifier: GPL-2.0-only
/* The file: opening, reading, polling; messages to the device IOTLB are written. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "answers.h"
#include "stats.h"

#define MSG_SIZE	sizeof(struct vhost_msg)
/* What of a message is looked at: its head and the payload. */
#define MSG_USED	(offsetof(struct vhost_msg, iotlb) + sizeof(struct vhost_iotlb_msg))
#define WAIT		5000
/* Where nothing of the guest's is. */
#define ELSEWHERE	0x7000000000ULL

#define COUNTS	"vhost-net gives the bytes that it copied, which are none, and loses the question"
#define LEARNED	"vhost-net of 6.1 and 6.12 does not look whether there is anything to forget"
#define WRAPS	"vhost-net looks for the end of an update, not for that of an invalidation"
#define MAKES	"vhostx makes a message when it is read, vhost-net when it is asked for"
#define PILES	"a queue of vhost-net of 6.1 and 6.12 asks as often as it is kicked"

static int set_nonblock(struct dev *d)
{
	return iotlb_nonblock(d->v.fd);
}

static int owned_nonblock(struct dev *d)
{
	return owned(d) ?: set_nonblock(d);
}

static int translated_nonblock(struct dev *d)
{
	return translated(d) ?: set_nonblock(d);
}

static int translated_unowned(struct dev *d)
{
	return opened(d) ?: vmm_set_features(&d->v, F_ACCESS_PLATFORM) ?: set_nonblock(d);
}

static int translated_v1(struct dev *d)
{
	return translated(d) ?: iotlb_use_v2(d->v.fd, false);
}

static int taken_back(struct dev *d)
{
	return translated(d) ?: vmm_set_features(&d->v, F_VERSION_1) ?: set_nonblock(d);
}

static int events(struct dev *d, int timeout)
{
	struct pollfd p = { .fd = d->v.fd, .events = POLLIN | POLLOUT | POLLRDNORM };

	return poll(&p, 1, timeout) < 0 ? -errno : p.revents;
}

/* A kick, and all that it leads to. */
static int kick(struct dev *d)
{
	vq_kick_always(&d->v.vq[TX]);
	return thread_rests(worker_find(getpid(), 0));
}

/* A queue asks for its ring. */
static int asking_in(struct dev *d, bool v2)
{
	int ret = translated(d) ?: iotlb_use_v2(d->v.fd, v2) ?: iotlb_map_used(&d->t) ?:
		  vmm_backend(&d->v, TX, answers_tap()) ?: set_nonblock(d) ?: kick(d);

	return ret ? ret : events(d, WAIT) > 0 ? 0 : -ETIMEDOUT;
}

static int asking(struct dev *d)
{
	return asking_in(d, true);
}

static int asking_v1(struct dev *d)
{
	return asking_in(d, false);
}

static int asking_v1_now(struct dev *d)
{
	return asking(d) ?: iotlb_use_v2(d->v.fd, false);
}

static int asking_no_more(struct dev *d)
{
	return asking(d) ?: vmm_backend(&d->v, TX, -1);
}

static int asking_no_more_reset(struct dev *d)
{
	return asking(d) ?: ask(d, VHOST_RESET_OWNER, NULL);
}

static long do_read(struct dev *d, void *to, size_t size)
{
	/* The compiler knows a bad address when it sees one. */
	void *volatile at = to;
	ssize_t n = read(d->v.fd, at, size);

	return n < 0 ? -errno : n;
}

static long do_write(struct dev *d, const void *from, size_t size)
{
	const void *volatile at = from;
	ssize_t n = write(d->v.fd, at, size);

	return n < 0 ? -errno : n;
}

static long ask_read(struct dev *d, const struct row *r)
{
	uint8_t buf[256];

	return do_read(d, buf, r->arg);
}

static long ask_read_bad(struct dev *d, const struct row *r)
{
	return do_read(d, BAD_PTR, r->arg);
}

/* A signal comes, and again, until it is in time. */
static long ask_read_signal(struct dev *d, const struct row *r)
{
	const struct itimerval soon = { { 0, 200000 }, { 0, 200000 } };

	setitimer(ITIMER_REAL, &soon, NULL);
	return ask_read(d, r);
}

static long read_msg(struct dev *d, struct vhost_msg *msg)
{
	long ret = do_read(d, msg, sizeof(*msg));

	return ret < 0 ? ret : 0;
}

static long ask_read_version(struct dev *d, const struct row *r)
{
	struct vhost_msg msg = {};

	(void)r;
	return read_msg(d, &msg) ?: (long)msg.type;
}

static long ask_read_type(struct dev *d, const struct row *r)
{
	struct vhost_msg msg = {};

	(void)r;
	return read_msg(d, &msg) ?: (long)msg.iotlb.type;
}

/* Kicked again and again. */
static long ask_questions(struct dev *d, const struct row *r)
{
	uint8_t buf[MSG_SIZE];
	long n = 0;

	for (unsigned int i = 0; i < r->arg; i++)
		kick(d);
	while (n < 2 && do_read(d, buf, sizeof(buf)) == sizeof(buf))
		n++;
	return n;
}

static long ask_poll(struct dev *d, const struct row *r)
{
	(void)r;
	return events(d, 0);
}

/* A reader who has no room for the question leaves it. */
static long ask_poll_short_read(struct dev *d, const struct row *r)
{
	return ask_read(d, r) ?: events(d, 0);
}

static long ask_poll_read(struct dev *d, const struct row *r)
{
	long n = ask_read(d, r);

	return n != (long)r->arg ? n : events(d, 0);
}

static long ask_open(struct dev *d, const struct row *r)
{
	int fd = open(d->path, r->arg | O_CLOEXEC);
	long ret = fd < 0 ? -errno : ioctl(fd, VHOST_SET_OWNER) ? -errno : 0;

	close(fd);
	return ret;
}

static long ask_mmap(struct dev *d, const struct row *r)
{
	(void)r;
	return mmap(NULL, 4096, PROT_READ, MAP_SHARED, d->v.fd, 0) == MAP_FAILED ? -errno : 0;
}

static long ask_seek(struct dev *d, const struct row *r)
{
	return lseek(d->v.fd, r->arg, SEEK_SET) < 0 ? -errno : 0;
}

#define FILE_(call, text, state, how, with, ...) \
	CASE(call, 0, text, state, how, with, __VA_ARGS__)

const struct row file_rows[] = {
	FILE_("open", "read only, VHOST_SET_OWNER", opened, ask_open, O_RDONLY, "0"),
	FILE_("open", "write only, VHOST_SET_OWNER", opened, ask_open, O_WRONLY, "0"),
	FILE_("open", "while another has it open and owns it", owned, ask_open, O_RDWR, "0"),
	FILE_("mmap", "a page", owned, ask_mmap, 0, "ENODEV"),
	FILE_("lseek", "77", owned, ask_seek, 77, "0"),

	FILE_("read", "no IOTLB: 72 bytes, a message's size", owned, ask_read, 72, "EBADFD"),
	FILE_("read", "no IOTLB: 71 bytes", owned, ask_read, 71, "0"),
	FILE_("read", "no IOTLB, O_NONBLOCK", owned_nonblock, ask_read, 72, "EAGAIN"),
	FILE_("read", "no IOTLB, O_NONBLOCK: 71 bytes", owned_nonblock, ask_read, 71, "0"),
	FILE_("read", "no owner, an IOTLB, O_NONBLOCK", translated_unowned, ask_read, 72,
	      "EAGAIN"),
	FILE_("read", "nothing is asked: 0 bytes", translated, ask_read, 0, "0"),
	FILE_("read", "nothing is asked: 71 bytes", translated, ask_read, 71, "0"),
	FILE_("read", "nothing is asked: 71 bytes to a bad address", translated, ask_read_bad,
	      71, "0"),
	FILE_("read", "nothing is asked, O_NONBLOCK", translated_nonblock, ask_read, 72,
	      "EAGAIN"),
	FILE_("read", "nothing is asked, O_NONBLOCK: to a bad address", translated_nonblock,
	      ask_read_bad, 72, "EAGAIN"),
	FILE_("read", "nothing is asked, and a signal comes", translated, ask_read_signal, 72,
	      "EINTR"),
	FILE_("read", "a question: 72 bytes", asking, ask_read, 72, "72"),
	FILE_("read", "a question: 256 bytes", asking, ask_read, 256, "72"),
	FILE_("read", "a question: 71 bytes", asking, ask_read, 71, "0"),
	FILE_("read", "a question: to a bad address", asking, ask_read_bad, 72, "EFAULT",
	      .why = COUNTS),
	FILE_("read", "a question, another process than the owner", asking, ask_read, 72, "72",
	      .other = true),
	FILE_("read", "a question's version, VHOST_BACKEND_F_IOTLB_MSG_V2 not set", asking_v1,
	      ask_read_version, 0, "1"),
	FILE_("read", "a question's version, VHOST_BACKEND_F_IOTLB_MSG_V2 set", asking,
	      ask_read_version, 0, "2"),
	FILE_("read", "a question's version, VHOST_BACKEND_F_IOTLB_MSG_V2 taken back meanwhile",
	      asking_v1_now, ask_read_version, 0, "1", .why = MAKES),
	FILE_("read", "a question's type (VHOST_IOTLB_MISS is 1)", asking, ask_read_type, 0,
	      "1"),
	FILE_("read", "how many questions of a queue, kicked four times (counted to 2)", asking,
	      ask_questions, 3, "1", .why = PILES),
	FILE_("read", "a question, then the queue was stopped", asking_no_more, ask_read, 72,
	      "EAGAIN"),
	FILE_("read", "a question, then VHOST_RESET_OWNER", asking_no_more_reset, ask_read, 72,
	      "EAGAIN"),

	FILE_("poll", "no IOTLB", owned, ask_poll, 0, "0"),
	FILE_("poll", "nothing is asked", translated, ask_poll, 0, "0"),
	FILE_("poll", "a question: POLLIN and POLLRDNORM, which is 65", asking, ask_poll, 0, "65"),
	FILE_("poll", "a question, after a read of 71 bytes", asking, ask_poll_short_read, 71,
	      "65"),
	FILE_("poll", "a question, after a read of 72 bytes", asking, ask_poll_read, 72, "0",
	      .why = PILES),
	FILE_("poll", "a question, then the queue was stopped", asking_no_more, ask_poll, 0,
	      "0"),
	FILE_("poll", "a question, then VHOST_RESET_OWNER", asking_no_more_reset, ask_poll, 0,
	      "0"),
	{}
};

/* The row's message in both versions, to which the answers are the same. */
static long ask_write(struct dev *d, const struct row *r)
{
	long one = iotlb_write(d->v.fd, false, r->data);
	long two = iotlb_write(d->v.fd, true, r->data);

	return one == two ? one : -EPROTO;
}

/* An update, of which so many bytes are written, with that type of message. */
static long write_update(struct dev *d, int type, size_t bytes)
{
	uint8_t buf[4096] = {};
	struct vhost_msg *msg = (void *)buf;

	msg->type = type;
	msg->iotlb = (struct vhost_iotlb_msg){
		.iova = ELSEWHERE,
		.size = 4096,
		.uaddr = 4096,
		.perm = VHOST_ACCESS_RW,
		.type = VHOST_IOTLB_UPDATE,
	};
	return do_write(d, buf, bytes);
}

static long ask_write_type(struct dev *d, const struct row *r)
{
	return write_update(d, r->arg, MSG_SIZE);
}

static long ask_write_bytes(struct dev *d, const struct row *r)
{
	long one = write_update(d, VHOST_IOTLB_MSG, r->arg);
	long two = write_update(d, VHOST_IOTLB_MSG_V2, r->arg);

	return one == two ? one : -EPROTO;
}

/* All sizes from the argument to a message's; the first answer that is odd. */
static long ask_write_short(struct dev *d, const struct row *r)
{
	struct row size = { .arg = r->arg };
	long ret;

	do {
		ret = ask_write_bytes(d, &size);
	} while (ret == -EINVAL && ++size.arg < MSG_USED);
	return ret;
}

static long ask_write_bad(struct dev *d, const struct row *r)
{
	return do_write(d, BAD_PTR, r->arg);
}

static long ask_write_asid(struct dev *d, const struct row *r)
{
	struct vhost_msg_v2 msg = {
		.type = VHOST_IOTLB_MSG_V2,
		.asid = r->arg,
		.iotlb = *(const struct vhost_iotlb_msg *)r->data,
	};

	return do_write(d, &msg, sizeof(msg));
}

/* The types from that on, which no message has; the first answer that is odd. */
static long ask_write_types(struct dev *d, const struct row *r)
{
	struct vhost_iotlb_msg m = { .iova = ELSEWHERE, .size = 4096, .uaddr = 4096 };
	const struct row message = { .data = &m };
	long ret = -EFAULT;

	for (unsigned int type = r->arg; type < 256 && ret == -EFAULT; type++) {
		m.type = type;
		ret = ask_write(d, &message);
	}
	return ret;
}

#define MESSAGE(kind, where, bytes, at, may)				\
	.data = &(const struct vhost_iotlb_msg){			\
		.iova = where, .size = bytes, .uaddr = at, .perm = may,	\
		.type = kind,						\
	}
#define UPDATE(where, bytes, at) \
	MESSAGE(VHOST_IOTLB_UPDATE, where, bytes, at, VHOST_ACCESS_RW)
#define INVALIDATE(where, bytes)	MESSAGE(VHOST_IOTLB_INVALIDATE, where, bytes, 0, 0)
#define A_PAGE	UPDATE(ELSEWHERE, 4096, 4096)
#define WRITE(text, state, want, ...) \
	CASE("write", 0, text, state, ask_write, 0, want, __VA_ARGS__)
#define RAW(text, how, with, ...) \
	CASE("write", 0, text, translated, how, with, __VA_ARGS__)

const struct row message_rows[] = {
	WRITE("no owner: an update", opened, "EPERM", A_PAGE, .why = OWN),
	WRITE("no owner, an IOTLB: an update", translated_unowned, "EPERM", A_PAGE, .why = OWN),
	WRITE("another process than the owner: an update", translated, "EPERM", A_PAGE,
	      .other = true, .why = OWN),
	WRITE("another process than the owner: an update of size 0", translated, "EINVAL",
	      UPDATE(ELSEWHERE, 0, 4096), .other = true),
	WRITE("another process than the owner: an invalidation", translated, "EPERM",
	      INVALIDATE(ELSEWHERE, 4096), .other = true, .why = OWN),
	WRITE("no IOTLB: an update", owned, "EFAULT", A_PAGE),
	WRITE("no IOTLB: an update of size 0", owned, "EINVAL", UPDATE(ELSEWHERE, 0, 4096)),
	WRITE("no IOTLB: an invalidation", owned, "EFAULT", INVALIDATE(ELSEWHERE, 4096)),
	WRITE("VIRTIO_F_ACCESS_PLATFORM was taken back: an update", taken_back, "EFAULT",
	      A_PAGE, .why = KEEPS),
	WRITE("VHOST_BACKEND_F_IOTLB_MSG_V2 not set: an update", translated_v1, "72", A_PAGE),

	RAW("nothing", ask_write_bytes, 0, "EINVAL"),
	RAW("each size up to 39 bytes", ask_write_short, 1, "EINVAL"),
	RAW("40 bytes, all that is looked at", ask_write_bytes, MSG_USED, "72"),
	RAW("71 bytes", ask_write_bytes, MSG_SIZE - 1, "72"),
	RAW("72 bytes, a message's size", ask_write_bytes, MSG_SIZE, "72"),
	RAW("4096 bytes", ask_write_bytes, 4096, "72"),
	RAW("72 bytes that cannot be read", ask_write_bad, MSG_SIZE, "EINVAL"),
	RAW("a message of type 0", ask_write_type, 0, "EINVAL"),
	RAW("a message of type 3", ask_write_type, 3, "EINVAL"),
	RAW("a message of type 255", ask_write_type, 255, "EINVAL"),
	RAW("a message of type 65537", ask_write_type, 65537, "EINVAL"),
	RAW("a message of type -1", ask_write_type, -1, "EINVAL"),
	RAW("an address space of 77, for which the feature is not offered", ask_write_asid, 77,
	    "72", A_PAGE),

	WRITE("an update", translated, "72", A_PAGE),
	WRITE("an update while a queue runs", translated_live, "72", A_PAGE),
	WRITE("an update of size 0", translated, "EINVAL", UPDATE(ELSEWHERE, 0, 4096)),
	WRITE("an update of a byte, not aligned", translated, "72", UPDATE(ELSEWHERE + 1, 1, 4097)),
	WRITE("an update from address 0 on", translated, "72", UPDATE(0, 4096, 0)),
	WRITE("an update to the end of the space", translated, "72",
	      UPDATE(-4096ULL, 4096, 4096)),
	WRITE("an update of the last byte", translated, "72", UPDATE(-1ULL, 1, 4096)),
	WRITE("an update past the end of the space", translated, "EFAULT",
	      UPDATE(-4096ULL, 4097, 4096)),
	WRITE("an update of all of the space but a byte", translated, "EFAULT",
	      UPDATE(0, -1ULL, 0)),
	WRITE("an update of size 2^64 - 1 that begins later", translated, "EFAULT",
	      UPDATE(4096, -1ULL, 4096)),
	WRITE("an update in the kernel's half", translated, "EFAULT",
	      UPDATE(ELSEWHERE, 4096, KERNEL_ADDR)),
	WRITE("an update around the end of the owner's addresses", translated, "EFAULT",
	      UPDATE(ELSEWHERE, 8192, -4096ULL)),
	WRITE("an update of size 2^63", translated, "EFAULT", UPDATE(ELSEWHERE, 1ULL << 63, 4096)),
	WRITE("an update to where nothing is mapped", translated, "72",
	      UPDATE(ELSEWHERE, 4096, 64)),
	WRITE("an update that allows nothing", translated, "72",
	      MESSAGE(VHOST_IOTLB_UPDATE, ELSEWHERE, 4096, 4096, 0)),
	WRITE("an update that allows more than there is", translated, "72",
	      MESSAGE(VHOST_IOTLB_UPDATE, ELSEWHERE, 4096, 4096, 255)),

	WRITE("an invalidation", translated, "72", INVALIDATE(ELSEWHERE, 4096)),
	WRITE("an invalidation while a queue runs", translated_live, "72",
	      INVALIDATE(VMM_GPA, 4096)),
	WRITE("an invalidation of all of the space but a byte", translated, "72",
	      INVALIDATE(0, -1ULL)),
	WRITE("an invalidation of size 0", translated, "EFAULT", INVALIDATE(ELSEWHERE, 0),
	      .why = LEARNED),
	WRITE("an invalidation past the end of the space", translated, "EFAULT",
	      INVALIDATE(-1ULL, 2), .why = WRAPS),

	WRITE("an invalidation of size 2^64 - 1 that begins later", translated, "EFAULT",
	      INVALIDATE(2, -1ULL), .why = WRAPS),
	WRITE("a message of no kind, 0", translated, "EFAULT",
	      MESSAGE(0, ELSEWHERE, 4096, 4096, 0)),
	WRITE("VHOST_IOTLB_MISS", translated, "EFAULT",
	      MESSAGE(VHOST_IOTLB_MISS, ELSEWHERE, 4096, 4096, 0)),
	WRITE("VHOST_IOTLB_ACCESS_FAIL", translated, "EFAULT",
	      MESSAGE(VHOST_IOTLB_ACCESS_FAIL, ELSEWHERE, 4096, 4096, 0)),
	WRITE("VHOST_IOTLB_BATCH_BEGIN", translated, "EFAULT",
	      MESSAGE(VHOST_IOTLB_BATCH_BEGIN, ELSEWHERE, 4096, 4096, 0)),
	WRITE("VHOST_IOTLB_BATCH_END", translated, "EFAULT",
	      MESSAGE(VHOST_IOTLB_BATCH_END, ELSEWHERE, 4096, 4096, 0)),
	RAW("each other kind of message", ask_write_types, VHOST_IOTLB_BATCH_END + 1, "EFAULT"),
	{}
};
