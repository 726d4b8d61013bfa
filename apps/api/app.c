#include "app.h"

void app_fail(struct http_request *req, struct http_response *res, const struct error *err)
{
	struct app *app = app_of(req);

	if (err->code == ERR_UNAVAILABLE)
		atomic_store(&app->postgres_ok, false);
	log_error(&app->service->log, "request_failed", LOG_CSTR("request_id", req->request_id),
		  LOG_CSTR("msg", err->message), LOG_CSTR("detail", err->detail));
	http_error_from(res, err);
}
