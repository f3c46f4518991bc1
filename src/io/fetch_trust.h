/* fetch_trust.h - inside io: trust of a request, told to libcurl. */
#pragma once

#include <curl/curl.h>

#include "io/fetch.h"

/* set: curl_easy_setopt as it was loaded. */
int fetch_trust_set(struct fetch_trust *t, const char *url, CURL *h, CURLcode (*set)(CURL *, CURLoption, ...));
