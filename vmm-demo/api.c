// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * api.c - HTTP, by libevent's evhttp: the socket, the thread, requests in and answers out
 *
 * Knows nothing of what it answers: that is api_metrics.c and api_query.c.  A client gets TIMEOUT_S
 * for its request, little room for it, and no more than CONNECTIONS_MAX are served at a time.
 */
#include "api_answer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "sandbox.h"
#include "text.h"

#define TIMEOUT_S       10
#define HEADERS_MAX     8192
#define BODY_MAX        1024
#define CONNECTIONS_MAX 64
#define PARAMETERS_MAX  16

struct api {
	struct api_sources sources;
	struct exposition exposition;
	struct event_base *base;
	struct evhttp *http;
	struct evconnlistener *listener;
	struct event *stop, *again;
	int stop_fd;
	int fd_max; /* a lowest free descriptor above this: too many connections */
	char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* "" for a port */
	pthread_t thread;
	bool has_thread;
};

/* ---- requests ---- */

static const struct route {
	const char *path;
	int (*answer)(struct answer *answer);
	bool has_parameters;
} routes[] = {
	{ "/metrics", answer_metrics, false },
	{ "/metrics/query", answer_query, true },
	{ "/metrics/info", answer_info, false },
	{ "/metrics/health", answer_health, false },
};

static const char *reason_of(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

static void free_text(const void *data, size_t size, void *text)
{
	(void)data;
	(void)size;
	free(text);
}

/* text is ours to free. */
static void reply(struct evhttp_request *request, int status, const char *type, char *text,
		  size_t size)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *body = evhttp_request_get_output_buffer(request);

	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	if (status == 405)
		evhttp_add_header(headers, "Allow", "GET, HEAD");
	if (evbuffer_add_reference(body, text, size, free_text, text))
		free(text);
	evhttp_send_reply(request, status, reason_of(status), NULL);
}

static void reply_error(struct evhttp_request *request, int status, const char *sentence)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		evhttp_send_error(request, 500, NULL);
		return;
	}
	fputs("{\"error\":", out);
	json_string(out, sentence);
	fputs("}\n", out);
	fclose(out);
	reply(request, status, "application/json", text, size);
}

static void serve(struct api *api, struct evhttp_request *request, const struct route *route,
		  const struct answer_parameter *parameters, size_t n)
{
	struct answer answer = {
		.sources = &api->sources,
		.exposition = &api->exposition,
		.parameters = parameters,
		.n_parameters = n,
		.type = "application/json",
	};
	char *text = NULL;
	size_t size = 0;
	int status;

	answer.out = open_memstream(&text, &size);
	if (!answer.out) {
		reply_error(request, 500, "out of memory");
		return;
	}
	status = route->answer(&answer);
	if (fclose(answer.out)) {
		status = 500;
		strcpy(answer.error, "out of memory");
	}
	if (status == 200) {
		reply(request, status, answer.type, text, size);
		return;
	}
	free(text);
	reply_error(request, status, answer.error);
}

static void on_request(struct evhttp_request *request, void *context)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	enum evhttp_cmd_type method = evhttp_request_get_command(request);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
	struct answer_parameter parameters[PARAMETERS_MAX];
	struct evkeyvalq pairs = { NULL, NULL };
	const struct evkeyval *pair;
	size_t i = 0, n = 0;

	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
		reply_error(request, 405, "only GET and HEAD are answered");
		return;
	}
	while (i < sizeof(routes) / sizeof(routes[0]) && (!path || strcmp(path, routes[i].path)))
		i++;
	if (i == sizeof(routes) / sizeof(routes[0])) {
		reply_error(request, 404,
			    "no such page; there are /metrics, /metrics/query?series=&start=&end="
			    "&tier=, /metrics/info, /metrics/health");
		return;
	}
	if (query && *query && !routes[i].has_parameters) {
		reply_error(request, 400, "this page takes no parameters");
		return;
	}
	if (query && (strstr(query, "%00") || evhttp_parse_query_str(query, &pairs))) {
		reply_error(request, 400, "the part after the ? is not well formed");
		return;
	}
	for (pair = pairs.tqh_first; pair && n < PARAMETERS_MAX; pair = pair->next.tqe_next)
		parameters[n++] = (struct answer_parameter){ pair->key, pair->value };
	if (pair)
		reply_error(request, 400, "too many parameters");
	else
		serve(context, request, &routes[i], parameters, n);
	evhttp_clear_headers(&pairs);
}

/* ---- connections ---- */

/* Once a second: whatever the reason was for not accepting. */
static void on_again(evutil_socket_t fd, short what, void *context)
{
	const struct api *api = context;

	(void)fd;
	(void)what;
	evconnlistener_enable(api->listener);
}

/* No descriptor is left for a connection. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
	(void)context;
	evconnlistener_disable(listener);
}

/*
 * Called for each new connection.  Descriptors are given out lowest first, so the next one says how
 * many there are.  This connection is served yet, the next ones wait until others have ended.
 */
static struct bufferevent *on_connection(struct event_base *base, void *context)
{
	const struct api *api = context;
	int next = fcntl(api->stop_fd, F_DUPFD_CLOEXEC, 0);

	if (next >= 0)
		close(next);
	if (next < 0 || next > api->fd_max)
		evconnlistener_disable(api->listener);
	return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
}

static int listen_port(unsigned int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, size) || listen(fd, 64) ||
	    getsockname(fd, (struct sockaddr *)&address, &size)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	fprintf(stderr, "rondo-vmm: http://127.0.0.1:%u/metrics\n", ntohs(address.sin_port));
	return fd;
}

/* A socket that nobody listens on any more was left by a VM that was killed. */
static void remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
	    errno == ECONNREFUSED)
		unlink(address->sun_path);
	if (fd >= 0)
		close(fd);
}

static int listen_unix(struct api *api, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, rc;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	remove_stale(&address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	mask = umask(0177);
	rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (!rc)
		strcpy(api->socket_path, path);
	if (rc || listen(fd, 64)) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	fprintf(stderr, "rondo-vmm: http over the socket %s\n", path);
	return fd;
}

/* ---- the thread ---- */

static void on_stop(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	event_base_loopbreak(context);
}

static void *thread_main(void *context)
{
	struct api *api = context;
	sigset_t set;

	/* A client that is gone is an error of write(). */
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_setname_np(pthread_self(), "api");
	if (!api->sources.options->no_sandbox && sandbox_enter(SANDBOX_API)) {
		perror("rondo-vmm: seccomp");
		exit(1);
	}
	event_base_dispatch(api->base);
	return NULL;
}

static int open_http(struct api *api, int fd)
{
	const struct timeval second = { 1, 0 };
	struct evhttp_bound_socket *bound;

	api->base = event_base_new();
	api->http = api->base ? evhttp_new(api->base) : NULL;
	api->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!api->http || api->stop_fd < 0)
		return -1;
	api->stop = event_new(api->base, api->stop_fd, EV_READ, on_stop, api->base);
	api->again = event_new(api->base, -1, EV_PERSIST, on_again, api);
	if (!api->stop || !api->again || event_add(api->stop, NULL))
		return -1;
	evhttp_set_timeout(api->http, TIMEOUT_S);
	evhttp_set_max_headers_size(api->http, HEADERS_MAX);
	evhttp_set_max_body_size(api->http, BODY_MAX);
	/* All that evhttp knows: so that a wrong one gets our sentence. */
	evhttp_set_allowed_methods(api->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
						      EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						      EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
						      EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
	evhttp_set_gencb(api->http, on_request, api);
	evhttp_set_bevcb(api->http, on_connection, api);
	bound = evhttp_accept_socket_with_handle(api->http, fd);
	if (!bound)
		return -1;
	api->listener = evhttp_bound_socket_get_listener(bound);
	if (event_add(api->again, &second))
		return -1;
	evconnlistener_set_error_cb(api->listener, on_accept_error);
	api->fd_max = fcntl(api->stop_fd, F_DUPFD_CLOEXEC, 0);
	close(api->fd_max);
	api->fd_max += CONNECTIONS_MAX;
	return 0;
}

struct api *api_start(const char *where, const struct api_sources *sources, char *error,
		      size_t error_size)
{
	struct api *api = calloc(1, sizeof(*api));
	int fd;

	if (!api) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	api->sources = *sources;
	api->stop_fd = -1;
	if (answer_prepare(&api->exposition, sources->metrics, error, error_size))
		goto fail;
	fd = strchr(where, '/') ? listen_unix(api, where)
				: listen_port((unsigned int)strtoul(where, NULL, 10));
	if (fd < 0) {
		snprintf(error, error_size, "--api %s: %s", where, strerror(errno));
		goto fail;
	}
	if (open_http(api, fd) || pthread_create(&api->thread, NULL, thread_main, api)) {
		snprintf(error, error_size, "--api %s: libevent can't serve it", where);
		goto fail;
	}
	api->has_thread = true;
	return api;
fail:
	api_stop(api);
	return NULL;
}

void api_stop(struct api *api)
{
	const uint64_t one = 1;

	if (!api)
		return;
	if (api->has_thread) {
		/* An eventfd takes this write. */
		if (write(api->stop_fd, &one, sizeof(one)) < 0)
			perror("rondo-vmm: eventfd");
		pthread_join(api->thread, NULL);
	}
	if (api->http)
		evhttp_free(api->http);
	if (api->stop)
		event_free(api->stop);
	if (api->again)
		event_free(api->again);
	if (api->base)
		event_base_free(api->base);
	if (api->stop_fd >= 0)
		close(api->stop_fd);
	if (*api->socket_path)
		unlink(api->socket_path);
	exposition_free(&api->exposition);
	free(api);
}
