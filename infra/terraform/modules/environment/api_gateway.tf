resource "google_api_gateway_api" "tok" {
  provider = google-beta

  project      = var.project.id
  api_id       = "tok-${var.environment}"
  display_name = "Tok API, ${var.environment}"
}

locals {
  gateway_backends = {
    for name, entry in local.functions : name => local.urls[name] if entry.trigger == "gateway"
  }
  gateway_document = templatestring(var.gateway_document, { backends = local.gateway_backends })
}

# A configuration never changes: a new one is made, the gateway takes it, the old one goes. There may be 100 at most.
resource "google_api_gateway_api_config" "tok" {
  provider = google-beta

  project              = var.project.id
  api                  = google_api_gateway_api.tok.api_id
  api_config_id_prefix = "tok-"
  display_name         = "Tok API, ${var.environment}"

  openapi_documents {
    document {
      path     = "openapi.json"
      contents = base64encode(local.gateway_document)
    }
  }

  gateway_config {
    backend_config {
      google_service_account = local.invoker_emails["gateway"]
    }
  }

  lifecycle {
    create_before_destroy = true
  }

  depends_on = [google_cloud_run_v2_service_iam_binding.invoker]
}

# An API is a service of its own, which refuses calls (403) until the project has enabled it. It is there with its first
# configuration.
resource "google_project_service" "gateway" {
  project            = var.project.id
  service            = google_api_gateway_api.tok.managed_service
  disable_on_destroy = false

  depends_on = [google_api_gateway_api_config.tok]
}

resource "google_api_gateway_gateway" "tok" {
  provider = google-beta

  project      = var.project.id
  region       = var.region
  gateway_id   = "tok-${var.environment}"
  api_config   = google_api_gateway_api_config.tok.id
  display_name = "Tok API, ${var.environment}"
}
