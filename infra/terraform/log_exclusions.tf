# Cloud Run and the gateway write a line of their own for each request, with its whole address: at the callback, and at
# the sandbox's bank, a code stands in it. Lines with a query are not kept; the functions' own lines have none, and
# metrics count all the same.
resource "google_logging_project_exclusion" "queries" {
  project     = var.project_id
  name        = "request-lines-with-queries"
  description = "Google's own lines of requests whose address has a query: it may hold a code"
  filter = join(" AND ", [
    "(log_id(\"run.googleapis.com/requests\") OR resource.type=\"apigateway.googleapis.com/Gateway\" OR resource.type=\"api\")",
    "(httpRequest.requestUrl=~\"[?]\" OR jsonPayload.url=~\"[?]\")",
  ])

  depends_on = [google_project_service.this]
}
